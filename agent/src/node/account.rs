//! What became of a trace's events on this node: what an earlier agent told, what the tracers
//! count, and what the outputs did with what they were given.

use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{EventCounts, Losses, NodePhase, TraceReportStatus};
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
    /// For how many seconds nothing was heard of the trace.
    pub stale_seconds: u64,
}

impl Before {
    /// From the report that an earlier agent left, of the same run. `since`: when this agent
    /// began to trace; `both`: what it had counted itself at the report's last word, which that
    /// has too. If the earlier one traced, it is not known to have done so after its last word.
    pub fn of(report: &TraceReportStatus, since: Timestamp, both: Account) -> Self {
        let last = report.updated_at.as_ref().map(|last| last.0);
        let is_gap =
            report.phase == Some(NodePhase::Running) && last.is_none_or(|last| last < since);
        let away = last.filter(|_| is_gap);
        let away = away.map_or(0, |last| since.as_second() - last.as_second());
        Self {
            events: report.events.without(both.events),
            unattributed: report.unattributed.saturating_sub(both.unattributed),
            gaps: report.gaps + u64::from(is_gap),
            gap_seconds: report.gap_seconds + u64::try_from(away).unwrap_or(0),
            stale_seconds: report.stale_seconds,
        }
    }
}

/// What this agent alone has counted of a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Account {
    /// What became of the events.
    pub events: EventCounts,
    /// What may have been its events.
    pub unattributed: u64,
}

/// This agent's account as it was from time to time, while the end of an earlier agent is awaited.
#[derive(Clone, Debug, Default)]
pub struct Past(Vec<(Timestamp, Account)>);

impl Past {
    /// As many moments are kept. When there are more, every other one of the older half is forgotten:
    /// a last word is looked for soon after it was said.
    const MOST: usize = 256;

    /// The account at `now`.
    pub fn note(&mut self, now: Timestamp, account: Account) {
        if self.0.last().is_some_and(|(_, last)| *last == account) {
            return;
        }
        if self.0.len() == Self::MOST {
            let mut nth = 0;
            self.0.retain(|_| {
                nth += 1;
                nth > Self::MOST / 2 || nth % 2 == 1
            });
        }
        self.0.push((now, account));
    }

    /// The account as it was at `then`, or a little less.
    pub fn at(&self, then: Timestamp) -> Account {
        let mut earlier = self.0.iter().rev();
        let found = earlier.find(|(noted, _)| *noted <= then);
        found.map(|(_, account)| *account).unwrap_or_default()
    }
}

/// The account: observed is the sum of all else. What waits for an output is in none of it yet.
pub fn total(before: EventCounts, tracer: Counts, outlet: OutletCounts) -> EventCounts {
    let losses = Losses {
        ring: tracer.lost_ring,
        queue: tracer.lost_queue,
        log: outlet.lost,
    };
    let now = EventCounts {
        observed: 0,
        delivered: outlet.delivered,
        filtered: tracer.filtered,
        suppressed: tracer.suppressed + outlet.suppressed,
        lost: losses.total(),
        losses,
    };
    before.plus(now.summed())
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
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

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
            losses: Losses {
                queue: 1,
                ..Losses::default()
            },
        };
        let total = total(before, tracer, outlet);
        let expected = EventCounts {
            observed: 90,
            delivered: 46,
            filtered: 11,
            suppressed: 20,
            lost: 13,
            losses: Losses {
                ring: 5,
                queue: 4,
                log: 4,
            },
        };
        assert_eq!(total, expected);
        let parts = total.delivered + total.filtered + total.suppressed + total.lost;
        assert_eq!(total.observed, parts);
    }

    #[test]
    fn an_agents_absence_is_a_gap_if_the_trace_ran() {
        for (phase, told, gaps, seconds) in [
            (Some(NodePhase::Running), Some(100), 3, 37),
            (Some(NodePhase::Running), None, 3, 7),
            // This agent had begun before the other ended.
            (Some(NodePhase::Running), Some(130), 2, 7),
            (Some(NodePhase::Running), Some(200), 2, 7),
            (Some(NodePhase::Suspended), Some(100), 2, 7),
            (Some(NodePhase::Completed), Some(100), 2, 7),
        ] {
            let report = TraceReportStatus {
                phase,
                updated_at: told.map(|second| MicroTime(at(second))),
                gaps: 2,
                gap_seconds: 7,
                ..TraceReportStatus::default()
            };
            let before = Before::of(&report, at(130), Account::default());
            assert_eq!(
                (before.gaps, before.gap_seconds),
                (gaps, seconds),
                "{phase:?} {told:?}"
            );
        }
    }

    fn account(delivered: u64) -> Account {
        let events = EventCounts {
            observed: delivered,
            delivered,
            ..EventCounts::default()
        };
        Account {
            events,
            unattributed: 1,
        }
    }

    #[test]
    fn what_two_agents_saw_counts_once() {
        let report = TraceReportStatus {
            phase: Some(NodePhase::Running),
            updated_at: Some(MicroTime(at(105))),
            events: EventCounts {
                observed: 53,
                delivered: 50,
                suppressed: 3,
                ..EventCounts::default()
            },
            unattributed: 4,
            ..TraceReportStatus::default()
        };
        let mut past = Past::default();
        for (second, delivered) in [(101, 10), (104, 30), (106, 40)] {
            past.note(at(second), account(delivered));
        }
        let before = Before::of(&report, at(100), past.at(at(105)));
        let left = EventCounts {
            observed: 23,
            delivered: 20,
            suppressed: 3,
            ..EventCounts::default()
        };
        assert_eq!((before.events, before.unattributed), (left, 3));
        // What this agent counted more than the other is not taken from it.
        let more = Before::of(&report, at(100), account(60));
        assert_eq!(more.events.delivered, 0);
    }

    #[test]
    fn the_past_is_bounded_and_never_tells_more_than_there_was() {
        let mut past = Past::default();
        for second in 0..1000 {
            past.note(at(second), account(second.cast_unsigned()));
            past.note(at(second), account(second.cast_unsigned()));
        }
        assert!(past.0.len() <= Past::MOST);
        assert_eq!(past.at(at(-1)), Account::default());
        for (second, less) in [(0, 0), (500, 500), (900, 0), (998, 0)] {
            let told = past.at(at(second)).events.delivered;
            let truth = second.cast_unsigned();
            let least = truth - less;
            assert!((least..=truth).contains(&told), "{told} at {second}");
        }
        assert_eq!(past.at(at(2000)).events.delivered, 999);
    }
}
