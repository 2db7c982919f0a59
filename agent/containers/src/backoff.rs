//! How long a source waits before it tries its runtime again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
/// For a runtime that is not there: asking costs one failed connect.
const ABSENT: Duration = Duration::from_secs(2);
/// For one that is there and fails: each try costs it a list of everything.
const FAILING: Duration = Duration::from_secs(30);
/// A connection that lasted so long was a good one: the next try starts over.
const GOOD: Duration = Duration::from_secs(10);

/// Doubles from try to try.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    last: Option<Duration>,
    told: bool,
}

impl Backoff {
    /// The wait after a connection that failed after `lasted`; `absent` where there was nobody
    /// to connect to.
    pub(crate) fn next(&mut self, lasted: Duration, absent: bool) -> Duration {
        if lasted >= GOOD {
            self.last = None;
        }
        let most = if absent { ABSENT } else { FAILING };
        let next = self.last.map_or(FIRST, |last| last * 2).min(most);
        self.last = Some(next);
        next
    }

    /// Whether a failure is to be told: the first is, and the end of a connection that was of any
    /// use or lasted; but not again and again where each fails at once.
    pub(crate) fn is_news(&mut self, of_use: bool, connected: bool, lasted: Duration) -> bool {
        let first = !std::mem::replace(&mut self.told, true);
        first || of_use || connected && lasted >= GOOD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_what_the_runtime_can_bear() {
        let waits = |absent| {
            let mut backoff = Backoff::default();
            (0..9)
                .map(|_| backoff.next(Duration::ZERO, absent).as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            waits(true),
            [250, 500, 1000, 2000, 2000, 2000, 2000, 2000, 2000]
        );
        assert_eq!(
            waits(false),
            [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
        );
    }

    #[test]
    fn a_failure_is_told_once_until_a_connection_was_good() {
        let mut backoff = Backoff::default();
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(60));
        let table = [
            // It is not there, does not answer, answers nonsense.
            (false, false, short, true),
            (false, false, short, false),
            (false, false, long, false),
            (false, true, short, false),
            (true, true, short, true),
            (false, false, short, false),
            (false, true, long, true),
            (false, true, short, false),
        ];
        for (of_use, connected, lasted, told) in table {
            let news = backoff.is_news(of_use, connected, lasted);
            assert_eq!(news, told, "{of_use} {connected} {lasted:?}");
        }
    }

    #[test]
    fn a_good_connection_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.next(Duration::ZERO, false);
        }
        assert_eq!(backoff.next(Duration::from_secs(60), true), FIRST);
    }
}
