//! What is to be said of a trace, and done about its reports: a function of what is there.

mod change;
mod conditions;
mod counts;
mod latest;
mod nodes;
mod phase;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{
    Ceilings, ClusterTraceSpec, Output, TraceKind, TraceReportStatus, TraceStatus,
};

pub use self::change::Change;
use self::phase::Life;

/// An agent may still be writing this long after its last report, and after a trace's end; what it
/// tells then must not be told apart from what was summed up before.
const SILENCE: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The kind of the trace.
    pub kind: TraceKind,
    /// The spec's generation.
    pub generation: i64,
    /// The spec; a Trace's, as a ClusterTrace would say it.
    pub spec: ClusterTraceSpec,
}

/// A node of the cluster, or one that is gone but for its agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its labels; `None` when the cluster has no such node any more.
    pub labels: Option<Arc<BTreeMap<String, String>>>,
    /// Whether its agent is ready; `None` without an agent.
    pub agent_ready: Option<bool>,
}

/// Every node, by name.
pub type Fleet = BTreeMap<String, Node>;

/// A report about the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The object's name.
    pub name: String,
    /// The object's uid.
    pub uid: String,
    /// The node that it is of.
    pub node: String,
    /// What the node says.
    pub status: TraceReportStatus,
}

/// All that a decision is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The spec.
    pub wanted: &'a Wanted,
    /// What the administrator allows.
    pub ceilings: &'a Ceilings,
    /// The status as it was last written.
    pub status: &'a TraceStatus,
    /// The reports about this trace, by its uid; no two of one node.
    pub reports: &'a [Arc<Report>],
    /// Every node.
    pub nodes: &'a Fleet,
    /// The time.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be.
    pub status: TraceStatus,
    /// How that differs from the status as it is.
    pub change: Change,
    /// Reports to be deleted. What they told is in the status that was read.
    pub delete: Vec<Arc<Report>>,
    /// When to look again though nothing changes.
    pub again: Option<Duration>,
}

/// Decides. The same again, with the status that it gave, decides the same.
pub fn decide(seen: Seen<'_>) -> Decision {
    let wanted = seen.wanted;
    let refusal = refusal::refusal(wanted, seen.ceilings);
    let life = Life::of(&seen, refusal.is_some());
    let of_run: HashMap<&str, &Report> = of_run(seen.reports, wanted.spec.run.as_deref());
    let nodes = nodes::Nodes::of(wanted, refusal.is_some(), &of_run, seen.nodes);
    let life = life.with_nodes(&nodes, seen.now);
    // What is over is not refused any more, whatever is allowed now.
    let refusal = refusal.filter(|_| life.end.is_none());
    let phase = phase::phase(&wanted.spec, &life, &nodes, refusal.is_some());

    let mut status = if life.is_new_run {
        TraceStatus::default()
    } else {
        seen.status.clone()
    };
    status.observed_generation = wanted.generation;
    status.phase = Some(phase);
    status.run.clone_from(&wanted.spec.run);
    status.start_time = life.start.map(Time);
    status.completion_time = life.end.map(Time);
    // How it ended stays so, whatever becomes of the nodes.
    if life.is_new_run || seen.status.completion_time.is_none() {
        status.nodes = nodes.counts();
    }

    let kept_until = life
        .end
        .map(|end| later(end, SILENCE.max(wanted.spec.report_retention.into())));
    let is_past = kept_until.is_some_and(|until| until <= seen.now);
    let leaving =
        |report: &Report| is_past || leaves_at(report, &seen).is_some_and(|at| at <= seen.now);
    counts::count(&mut status, &of_run, seen.reports, leaving);
    let told = of_run.values().flat_map(|report| &report.status.latest);
    // Who takes the events out of the status wants none to stay there.
    let shows = wanted.spec.outputs.contains(&Output::Status) && wanted.spec.status_events > 0;
    status.latest = if shows {
        latest::newest(status.latest.iter().chain(told))
    } else {
        Vec::new()
    };
    let judged = conditions::Judged {
        phase,
        refusal: refusal.as_deref(),
        nodes: &nodes,
        events: status.events,
        reports: &of_run,
        is_new_run: life.is_new_run,
    };
    let before = &seen.status.conditions;
    status.conditions = conditions::conditions(&judged, wanted.generation, before, seen.now);

    let written = &seen.status.departed_reports;
    let delete = seen.reports.iter();
    let delete = delete.filter(|report| !life.is_new_run && written.contains(&report.uid));
    let leave_at = seen
        .reports
        .iter()
        .filter_map(|report| leaves_at(report, &seen));
    let next = [life.ends_at, kept_until]
        .into_iter()
        .flatten()
        .chain(leave_at);
    let next = next.filter(|next| *next > seen.now).min();
    Decision {
        change: Change::between(seen.status, &status),
        delete: delete.cloned().collect(),
        again: next.map(|next| until(seen.now, next)),
        status,
    }
}

/// The reports about a run, by node. One that is only just made says nothing yet.
fn of_run<'a>(reports: &'a [Arc<Report>], run: Option<&str>) -> HashMap<&'a str, &'a Report> {
    let reports = reports
        .iter()
        .map(|report| (report.node.as_str(), &**report));
    let of_run = |(_, report): &(&str, &Report)| {
        report.status.phase.is_some() && report.status.run.as_deref() == run
    };
    reports.filter(of_run).collect()
}

/// When a report has nobody left who would write it; `None` while it has.
fn leaves_at(report: &Report, seen: &Seen<'_>) -> Option<Timestamp> {
    let node = seen.nodes.get(&report.node);
    let is_there = node.is_some_and(|node| node.labels.is_some() || node.agent_ready == Some(true));
    if is_there {
        return None;
    }
    let written = report.status.updated_at.as_ref().map(|time| time.0);
    // A node's clock that is ahead must not keep its report.
    let written = written.filter(|written| *written <= seen.now);
    Some(written.map_or(seen.now, |written| later(written, SILENCE)))
}

/// The time so much later.
fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long it is until `then`, and a little more, so that it has come.
fn until(now: Timestamp, then: Timestamp) -> Duration {
    let left = Duration::try_from(then.duration_since(now)).unwrap_or_default();
    left + Duration::from_millis(10)
}
