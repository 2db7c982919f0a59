//! Conditions, as kstatus reads them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{Condition, ConditionStatus, Phase};

use super::Report;
use super::nodes::Nodes;

/// Characters of a message.
const MOST: usize = 1024;

/// What the conditions are about.
pub struct Judged<'a> {
    pub phase: Phase,
    pub refusal: Option<&'a str>,
    pub nodes: &'a Nodes,
    pub lost: u64,
    pub reports: &'a [&'a Report],
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
        ("Lossless", lossless(judged)),
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
        Phase::Pending => (false, "Pending", of),
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

fn lossless(judged: &Judged<'_>) -> Verdict {
    let sum = |of: fn(&Report) -> u64| judged.reports.iter().map(|report| of(report)).sum::<u64>();
    let gaps = sum(|report| report.status.gaps);
    let unattributed = sum(|report| report.status.unattributed);
    if judged.lost > 0 {
        let message = format!("{} events were lost", judged.lost);
        (false, "EventsLost", message)
    } else if gaps > 0 {
        let seconds = sum(|report| report.status.gap_seconds);
        let message = format!("agents were away {gaps} times, for {seconds} s in all");
        (false, "AgentWasAway", message)
    } else if unattributed > 0 {
        let message =
            format!("{unattributed} events were lost before it was known whose they were");
        (false, "EventsUnattributed", message)
    } else {
        (true, "NothingLost", String::new())
    }
}
