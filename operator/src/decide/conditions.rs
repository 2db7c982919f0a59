//! Conditions, as kstatus reads them.

use std::collections::HashMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{Condition, ConditionStatus, EventCounts, Losses, Phase, TraceReportStatus};

use super::Report;
use super::nodes::Nodes;

/// Characters of a message.
const MOST: usize = 1024;

/// What the conditions are about.
pub struct Judged<'a> {
    pub phase: Phase,
    pub refusal: Option<&'a str>,
    pub nodes: &'a Nodes,
    pub events: EventCounts,
    pub reports: &'a HashMap<&'a str, &'a Report>,
    pub is_new_run: bool,
}

/// Whether it holds, why in a word, and why for people.
type Verdict = (bool, &'static str, String);

/// The conditions; one that says as before keeps its time.
pub fn conditions(
    judged: &Judged<'_>,
    generation: i64,
    before: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let all = [
        ("Ready", ready(judged)),
        ("Stalled", stalled(judged)),
        ("Lossless", lossless(judged, before)),
    ];
    let condition = |(type_, (holds, reason, message)): (&str, Verdict)| {
        let status = if holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        let same = |old: &&Condition| old.type_ == type_ && old.status == status;
        let since = before.iter().find(same);
        let since = since.map(|old| old.last_transition_time.clone());
        Condition {
            type_: type_.to_owned(),
            status,
            observed_generation: generation,
            last_transition_time: since.unwrap_or(Time(now)),
            reason: reason.to_owned(),
            message: message.chars().take(MOST).collect(),
        }
    };
    all.into_iter().map(condition).collect()
}

fn ready(judged: &Judged<'_>) -> Verdict {
    let nodes = judged.nodes;
    let of = format!("{} of {} nodes are ready", nodes.ready, nodes.desired);
    let of = match nodes.failed.first() {
        Some((node, message)) => format!("{of}; {node} cannot trace: {message}"),
        None => of,
    };
    match judged.phase {
        Phase::Running if nodes.desired == 0 => (
            true,
            "NothingMatches",
            "no node with an agent matches".to_owned(),
        ),
        Phase::Running if nodes.ready < nodes.desired => (false, "NodesNotReady", of),
        Phase::Running => (true, "Running", of),
        Phase::Suspended => (true, "Suspended", "held by spec.suspend".to_owned()),
        Phase::Completed => (true, "Completed", "it is over".to_owned()),
        Phase::Pending if !nodes.has_agents => {
            (false, "NoAgents", "no node has an agent".to_owned())
        }
        Phase::Pending => (false, "NodesNotReady", of),
        Phase::Failed => (false, "Failed", "see the condition Stalled".to_owned()),
    }
}

fn stalled(judged: &Judged<'_>) -> Verdict {
    if let Some(refusal) = judged.refusal {
        return (true, "Refused", refusal.to_owned());
    }
    if judged.phase == Phase::Failed
        && let Some((node, message)) = judged.nodes.failed.first()
    {
        return (true, "NodesFailed", format!("{node}: {message}"));
    }
    (false, "Accepted", String::new())
}

/// What was missed once in a run stays so, though the report that told it may go.
fn lossless(judged: &Judged<'_>, before: &[Condition]) -> Verdict {
    if let Some((reason, message)) = missed(judged) {
        return (false, reason, message);
    }
    let before = before.iter().find(|one| one.type_ == "Lossless");
    let before = before.filter(|one| !judged.is_new_run && one.status == ConditionStatus::False);
    let reason = before.and_then(|one| MISSED.into_iter().find(|reason| *reason == one.reason));
    match reason.zip(before) {
        Some((reason, before)) => (false, reason, before.message.clone()),
        None => (true, "NothingLost", String::new()),
    }
}

const LOST: &str = "EventsLost";
const AWAY: &str = "AgentWasAway";
const UNATTRIBUTED: &str = "EventsUnattributed";
const MISSED: [&str; 3] = [LOST, AWAY, UNATTRIBUTED];

fn missed(judged: &Judged<'_>) -> Option<(&'static str, String)> {
    let sum = |of: fn(&TraceReportStatus) -> u64| {
        let all = judged.reports.values().map(|report| of(&report.status));
        all.fold(0, u64::saturating_add)
    };
    let gaps = sum(|status| status.gaps);
    let unattributed = sum(|status| status.unattributed);
    if judged.events.lost > 0 {
        Some((LOST, lost(judged.events)))
    } else if gaps > 0 {
        let seconds = sum(|status| status.gap_seconds);
        let message = format!("agents were away {gaps} times, for {seconds} s in all");
        Some((AWAY, message))
    } else if unattributed > 0 {
        let message =
            format!("{unattributed} events were lost before it was known whose they were");
        Some((UNATTRIBUTED, message))
    } else {
        None
    }
}

fn lost(events: EventCounts) -> String {
    let Losses { ring, queue, log } = events.losses;
    let reasons = [
        (ring, "because the kernel's ring was full"),
        (queue, "because the trace's queue was full"),
        (log, "because the agent's log was slow or failed"),
    ];
    let some = reasons.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = some
        .map(|(count, reason)| format!("{count} {reason}"))
        .collect();
    let lost = format!("{} events were lost", events.lost);
    if told.is_empty() {
        return lost;
    }
    format!("{lost} ({})", told.join(", "))
}
