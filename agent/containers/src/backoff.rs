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
    fn a_good_connection_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.next(Duration::ZERO, false);
        }
        assert_eq!(backoff.next(Duration::from_secs(60), true), FIRST);
    }
}
