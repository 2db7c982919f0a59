//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double, each up to a quarter shorter by chance, so that nodes do not come all at
/// once.
#[derive(Clone, Debug, Default)]
pub struct Pause {
    failures: u32,
}

impl Pause {
    /// It went well: the next wait is short.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed: how long to wait.
    pub fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(8)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let chance = RandomState::new().hash_one(self.failures) % 256;
        whole - whole / 4 * u32::try_from(chance).unwrap_or_default() / 256
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_limit_and_start_anew() {
        let mut pause = Pause::default();
        for most in [500, 1000, 2000, 4000, 8000, 10_000, 10_000] {
            let wait = pause.next();
            let most = Duration::from_millis(most);
            assert!(wait <= most && wait >= most * 3 / 4, "{wait:?} of {most:?}");
        }
        for _ in 0..100 {
            pause.next();
        }
        assert!(pause.next() <= LONGEST);
        pause.reset();
        assert!(pause.next() <= FIRST);
    }
}
