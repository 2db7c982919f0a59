//! What is to be said of a trace, and done about its reports: a function of what is there.

mod conditions;
mod counts;
mod latest;
mod nodes;
mod phase;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{TraceReportStatus, TraceStatus};

use self::phase::Life;

/// What a trace's spec says to the operator, of either kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The spec's generation.
    pub generation: i64,
    /// A finished trace runs again when this changes.
    pub run: Option<String>,
    /// Whether it is held.
    pub suspend: bool,
    /// How long it runs.
    pub duration: Option<Duration>,
    /// How long reports are kept after its end.
    pub retention: Duration,
    /// Only the node of this name; empty for any.
    pub node_name: String,
    /// Only nodes with these labels.
    pub node_selector: BTreeMap<String, String>,
    /// Column filters.
    pub filter: Vec<String>,
}

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether its agent is ready; `None` without an agent.
    pub agent_ready: Option<bool>,
}

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
    /// The status as it was last written.
    pub status: &'a TraceStatus,
    /// The reports about this trace, by its uid.
    pub reports: &'a [Report],
    /// Every node.
    pub nodes: &'a [Node],
    /// The time.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it should be.
    pub status: TraceStatus,
    /// Names of reports to be deleted. What they told is in the status that was read.
    pub delete: Vec<String>,
    /// When to look again though nothing changes.
    pub again: Option<Duration>,
}

/// Decides. The same again, with the status that it gave, decides the same.
pub fn decide(seen: Seen<'_>) -> Decision {
    let refusal = refusal::refusal(seen.wanted);
    let life = Life::of(seen.wanted, seen.status, refusal.is_some(), seen.now);
    let of_run: Vec<&Report> = seen
        .reports
        .iter()
        .filter(|report| report.status.run == seen.wanted.run)
        .collect();
    let nodes = nodes::Nodes::of(seen.wanted, &of_run, seen.nodes);
    let life = life.with_nodes(&nodes, seen.now);
    let phase = phase::phase(seen.wanted, &life, &nodes, refusal.is_some());

    let mut status = if life.is_new_run {
        TraceStatus {
            conditions: seen.status.conditions.clone(),
            ..TraceStatus::default()
        }
    } else {
        seen.status.clone()
    };
    status.observed_generation = seen.wanted.generation;
    status.phase = Some(phase);
    status.run.clone_from(&seen.wanted.run);
    status.start_time = life.start.map(Time);
    status.completion_time = life.end.map(Time);
    status.nodes = nodes.counts();

    let kept_until = life.end.map(|end| later(end, seen.wanted.retention));
    let leaving = |report: &Report| {
        let gone = !seen.nodes.iter().any(|node| node.name == report.node);
        gone || kept_until.is_some_and(|until| until <= seen.now)
    };
    let told = counts::count(&mut status, &of_run, seen.reports, leaving);
    status.latest = latest::newest(&status.latest, &told);
    let judged = conditions::Judged {
        phase,
        refusal: refusal.as_deref(),
        nodes: &nodes,
        lost: status.events.lost,
        reports: &of_run,
    };
    status.conditions = conditions::conditions(
        &judged,
        seen.wanted.generation,
        &seen.status.conditions,
        seen.now,
    );
    let written = &seen.status.departed_reports;
    let delete = seen
        .reports
        .iter()
        .filter(|report| written.contains(&report.uid))
        .map(|report| report.name.clone())
        .collect();
    let next = [life.ends_at, kept_until];
    let next = next.into_iter().flatten().filter(|next| *next > seen.now);
    let again = next.min().map(|next| until(seen.now, next));
    Decision {
        status,
        delete,
        again,
    }
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
