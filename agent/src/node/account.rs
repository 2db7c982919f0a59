//! What became of a trace's events on this node: what an earlier agent told, what the tracers
//! count, and what the outputs did with what they were given.

use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{EventCounts, NodePhase, TraceReportStatus};
use traceherd_tracers::Counts;

use super::sink::OutletCounts;

/// What was told before this agent began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Before {
    /// The account until then.
    pub events: EventCounts,
    /// What may have been the trace's events.
    pub unattributed: u64,
    /// How often an agent was away, with this time.
    pub gaps: u64,
    /// For how many seconds.
    pub gap_seconds: u64,
}

impl Before {
    /// From the report that an earlier agent left, of the same run, when another takes over at
    /// `now`. If that one traced, it is not known to have done so after its last word, unless it
    /// is known to have been there still.
    pub fn of(report: &TraceReportStatus, was_there: bool, now: Timestamp) -> Self {
        let is_gap = report.phase == Some(NodePhase::Running) && !was_there;
        let away = report.updated_at.as_ref().filter(|_| is_gap);
        let away = away.map_or(0, |last| now.as_second() - last.0.as_second());
        Self {
            events: report.events,
            unattributed: report.unattributed,
            gaps: report.gaps + u64::from(is_gap),
            gap_seconds: report.gap_seconds + u64::try_from(away).unwrap_or(0),
        }
    }
}

/// The account: observed is the sum of all else. What waits for an output is in none of it yet.
pub fn total(before: EventCounts, tracer: Counts, outlet: OutletCounts) -> EventCounts {
    let now = EventCounts {
        observed: 0,
        delivered: outlet.delivered,
        filtered: tracer.filtered,
        suppressed: tracer.suppressed + outlet.suppressed,
        lost: tracer.lost() + outlet.lost,
    };
    let observed = now.delivered + now.filtered + now.suppressed + now.lost;
    before.plus(EventCounts { observed, ..now })
}

/// Two accounts of the tracers' together.
pub fn sum(one: Counts, other: Counts) -> Counts {
    Counts {
        observed: one.observed + other.observed,
        delivered: one.delivered + other.delivered,
        filtered: one.filtered + other.filtered,
        suppressed: one.suppressed + other.suppressed,
        lost_ring: one.lost_ring + other.lost_ring,
        lost_queue: one.lost_queue + other.lost_queue,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn the_account_adds_up_whatever_waits() {
        let tracer = Counts {
            observed: 100,
            delivered: 70,
            filtered: 10,
            suppressed: 12,
            lost_ring: 5,
            lost_queue: 3,
        };
        // 20 of what the tracers delivered wait for the log.
        let outlet = OutletCounts {
            delivered: 40,
            suppressed: 6,
            lost: 4,
            waiting: 20,
        };
        let before = EventCounts {
            observed: 10,
            delivered: 6,
            filtered: 1,
            suppressed: 2,
            lost: 1,
        };
        let total = total(before, tracer, outlet);
        let expected = EventCounts {
            observed: 90,
            delivered: 46,
            filtered: 11,
            suppressed: 20,
            lost: 13,
        };
        assert_eq!(total, expected);
        let parts = total.delivered + total.filtered + total.suppressed + total.lost;
        assert_eq!(total.observed, parts);
    }

    #[test]
    fn an_agents_absence_is_a_gap_if_the_trace_ran() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (phase, told, was_there, gaps, seconds) in [
            (Some(NodePhase::Running), Some(100), false, 3, 37),
            (Some(NodePhase::Running), Some(200), false, 3, 7),
            (Some(NodePhase::Running), None, false, 3, 7),
            (Some(NodePhase::Running), Some(100), true, 2, 7),
            (Some(NodePhase::Suspended), Some(100), false, 2, 7),
            (Some(NodePhase::Completed), Some(100), false, 2, 7),
        ] {
            let report = TraceReportStatus {
                phase,
                updated_at: told.map(|second| Time(at(second))),
                gaps: 2,
                gap_seconds: 7,
                ..TraceReportStatus::default()
            };
            let before = Before::of(&report, was_there, at(130));
            assert_eq!(
                (before.gaps, before.gap_seconds),
                (gaps, seconds),
                "{phase:?} {told:?}"
            );
        }
    }
}
