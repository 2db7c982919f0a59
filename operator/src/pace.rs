//! How often a trace's status is written. What somebody may be waiting for is written at once;
//! counts and events, which change all the time, are written at a pace that keeps what the API
//! server has to send out within a budget.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What status writes may cost the API server, in bytes a second that it sends out.
const BUDGET: u64 = 1 << 20;
/// What a write costs besides what it sends: as much as sending so many bytes.
const WRITE_BYTES: u64 = 8 << 10;
/// What a write costs for every agent, which watches the traces' metadata only.
const WATCHER_BYTES: u64 = 1_150;
/// The shortest time between two writes of one trace's counts, and the longest.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(300);

/// The time between two writes of one trace's counts, when a status has so many bytes, so many
/// agents watch, and so many traces' counts change.
pub fn interval(bytes: usize, watchers: usize, traces: usize) -> Duration {
    // The answer to the write, and the watch of the operator.
    let ours = (bytes as u64).saturating_mul(2);
    let theirs = WATCHER_BYTES.saturating_mul(watchers as u64);
    let cost = WRITE_BYTES.saturating_add(ours).saturating_add(theirs);
    let all = cost.saturating_mul(traces.max(1) as u64);
    let interval = Duration::from_millis(all.saturating_mul(1000) / BUDGET);
    interval.clamp(SHORTEST, LONGEST)
}

/// When which trace was written, by uid.
#[derive(Debug, Default)]
pub struct Pace {
    traces: HashMap<String, Written>,
}

#[derive(Debug)]
struct Written {
    at: Instant,
    /// The object that was written to: while it is still what is seen, the write is not.
    over: String,
}

impl Pace {
    /// A trace is written now, over the version of it that was seen.
    pub fn written(&mut self, uid: &str, over: &str, now: Instant) {
        self.traces
            .retain(|_, written| now.duration_since(written.at) < LONGEST);
        let written = Written {
            at: now,
            over: over.to_owned(),
        };
        self.traces.insert(uid.to_owned(), written);
    }

    /// Whether what is seen of a trace is from before its last write.
    pub fn is_behind(&self, uid: &str, seen: &str) -> bool {
        self.traces
            .get(uid)
            .is_some_and(|written| written.over == seen)
    }

    /// How long a trace's counts wait until they may be written; nothing when they may be now.
    pub fn wait(&self, uid: &str, bytes: usize, watchers: usize, now: Instant) -> Duration {
        let Some(written) = self.traces.get(uid) else {
            return Duration::ZERO;
        };
        // Those that were written lately are those that change.
        let interval = interval(bytes, watchers, self.traces.len());
        interval.saturating_sub(now.duration_since(written.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_grows_with_what_the_writes_cost() {
        for (bytes, watchers, traces, wanted) in [
            // A small cluster hears of a change at once.
            (2_000, 1, 1, 500),
            (12_000, 3, 10, 500),
            (12_000, 10, 10, 500),
            // Many traces on a middling one, few on a large one.
            (3_000, 3, 100, 1_682),
            (12_000, 50, 100, 8_553),
            (12_000, 1_000, 1, 1_127),
            (12_000, 5_000, 1, 5_514),
            // Never so long that nobody would believe it.
            (12_000, 1_000, 100, 112_742),
            (12_000, 5_000, 1_000, 300_000),
            (usize::MAX, usize::MAX, usize::MAX, 300_000),
            (0, 0, 0, 500),
        ] {
            let found = interval(bytes, watchers, traces).as_millis();
            assert_eq!(
                found, wanted,
                "{bytes} bytes, {watchers} watchers, {traces} traces"
            );
        }
    }

    #[test]
    fn a_trace_waits_after_its_own_write() {
        let mut pace = Pace::default();
        let start = Instant::now();
        assert_eq!(pace.wait("a", 0, 0, start), Duration::ZERO);
        pace.written("a", "1", start);
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(pace.wait("a", 0, 0, after(100)), Duration::from_millis(400));
        assert_eq!(pace.wait("a", 0, 0, after(600)), Duration::ZERO);
        assert_eq!(pace.wait("b", 0, 0, after(100)), Duration::ZERO);
    }

    #[test]
    fn what_was_seen_before_a_write_is_behind() {
        let mut pace = Pace::default();
        assert!(!pace.is_behind("a", "1"));
        pace.written("a", "1", Instant::now());
        assert!(pace.is_behind("a", "1"));
        assert!(!pace.is_behind("a", "2"));
    }

    #[test]
    fn traces_that_rest_are_forgotten() {
        let mut pace = Pace::default();
        let start = Instant::now();
        pace.written("a", "1", start);
        pace.written("b", "1", start + LONGEST);
        assert_eq!(pace.traces.len(), 1);
    }
}
