//! The report's status, from what is known.

use traceherd_crds::{EventCounts, EventSummary, NodePhase, TraceReportStatus};

use super::fit::fit;
use crate::node::readable::readable;

/// Bytes of JSON that the events may take. All else is bounded, and leaves the report below
/// 16 KiB.
const EVENT_BYTES: usize = 12 << 10;
/// Bytes of a message.
const MESSAGE_BYTES: usize = 1024;

/// What there is to say.
#[derive(Clone, Debug, Default)]
pub struct Said<'a> {
    /// The trace's generation that this is about.
    pub generation: i64,
    /// Its run.
    pub run: Option<&'a str>,
    /// This agent's epoch.
    pub epoch: &'a str,
    /// How the trace does here.
    pub phase: Option<NodePhase>,
    /// Why, when it failed.
    pub message: &'a str,
    /// Containers that match now.
    pub containers: usize,
    /// The account.
    pub events: EventCounts,
    /// What may have been its events.
    pub unattributed: u64,
    /// How often the agent was away, and for how many seconds.
    pub gaps: (u64, u64),
    /// For how many seconds nothing was heard of the trace.
    pub stale_seconds: u64,
    /// The newest events, newest first.
    pub latest: Vec<EventSummary>,
}

/// Puts it together, but for the time.
pub fn compose(said: Said<'_>) -> TraceReportStatus {
    let containers = said.containers.min(100_000);
    TraceReportStatus {
        observed_generation: said.generation,
        run: said.run.map(str::to_owned),
        epoch: said.epoch.to_owned(),
        phase: said.phase,
        message: readable(said.message.as_bytes(), MESSAGE_BYTES).0,
        containers: u32::try_from(containers).unwrap_or(u32::MAX),
        events: said.events,
        unattributed: said.unattributed,
        gaps: said.gaps.0,
        gap_seconds: said.gaps.1,
        stale_seconds: said.stale_seconds,
        updated_at: None,
        latest: fit(said.latest, EVENT_BYTES),
    }
}

/// Whether there is anything to say that nobody knows without a report: a container, an event, an
/// error, or a loss that may have been the trace's.
pub fn is_worth_a_report(status: &TraceReportStatus) -> bool {
    status.containers > 0
        || status.events != EventCounts::default()
        || status.unattributed > 0
        || status.phase == Some(NodePhase::Failed)
}

/// Whether two say the same, whenever they do.
pub fn says_the_same(one: &TraceReportStatus, other: &TraceReportStatus) -> bool {
    let TraceReportStatus {
        observed_generation,
        run,
        epoch,
        phase,
        message,
        containers,
        events,
        unattributed,
        gaps,
        gap_seconds,
        stale_seconds,
        updated_at: _,
        latest,
    } = one;
    *observed_generation == other.observed_generation
        && *run == other.run
        && *epoch == other.epoch
        && *phase == other.phase
        && *message == other.message
        && *containers == other.containers
        && *events == other.events
        && *unattributed == other.unattributed
        && (*gaps, *gap_seconds) == (other.gaps, other.gap_seconds)
        && *stale_seconds == other.stale_seconds
        && *latest == other.latest
}

#[cfg(test)]
mod tests;
