//! Whose turn it is to be written.

use std::time::Duration;

/// Between two writes of one report.
const LEAST: Duration = Duration::from_secs(1);
/// Reports that are looked at in one round. There are two rounds a second, so this is the budget
/// of 20 writes a second that one agent allows itself: every node has one.
const A_ROUND: usize = 10;

/// A report that may have something new to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Candidate<K> {
    /// Which.
    pub which: K,
    /// Whether it has for sure.
    pub sure: bool,
    /// How long ago it was looked at; `None` when it never was.
    pub looked: Option<Duration>,
    /// How long ago it was written; `None` when it never was.
    pub written: Option<Duration>,
}

/// Those whose turn it is in this round: first those that have something to say for sure, and
/// then who has waited longest. The more want to be written, the longer each of them waits.
pub fn turn<K>(mut candidates: Vec<Candidate<K>>) -> Vec<K> {
    candidates.retain(|one| one.written.is_none_or(|ago| ago >= LEAST));
    let longest = Duration::MAX;
    candidates.sort_by_key(|one| {
        let waited = one.looked.unwrap_or(longest);
        (!one.sure, std::cmp::Reverse(waited))
    });
    candidates.truncate(A_ROUND);
    candidates.into_iter().map(|one| one.which).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looked at and written so many milliseconds ago.
    fn candidate(which: u32, sure: bool, looked: u64, written: u64) -> Candidate<u32> {
        Candidate {
            which,
            sure,
            looked: Some(Duration::from_millis(looked)),
            written: Some(Duration::from_millis(written)),
        }
    }

    #[test]
    fn the_sure_come_first_and_then_who_waited_longest() {
        let never = Candidate {
            which: 9,
            sure: false,
            looked: None,
            written: None,
        };
        for (candidates, expected) in [
            (vec![], vec![]),
            (vec![candidate(1, true, 500, 999)], vec![]),
            (vec![candidate(1, true, 500, 1000)], vec![1]),
            (
                vec![
                    candidate(1, false, 2000, 3000),
                    candidate(2, true, 500, 1000),
                ],
                vec![2, 1],
            ),
            (
                vec![
                    candidate(1, true, 1000, 1500),
                    candidate(2, true, 2000, 2000),
                ],
                vec![2, 1],
            ),
            (vec![candidate(1, false, 9000, 9000), never], vec![9, 1]),
        ] {
            assert_eq!(turn(candidates.clone()), expected, "{candidates:?}");
        }
    }

    #[test]
    fn many_that_change_all_the_time_share_the_budget() {
        // A hundred reports, looked at twice a second for a minute.
        let mut written = vec![None::<u64>; 100];
        let mut writes = 0;
        for round in 0..120 {
            let now = round * 500;
            let candidates = written.iter().enumerate().map(|(which, at)| {
                let ago = at.map(|at| Duration::from_millis(now - at));
                Candidate {
                    which,
                    sure: true,
                    looked: ago,
                    written: ago,
                }
            });
            for which in turn(candidates.collect()) {
                written[which] = Some(now);
                writes += 1;
            }
        }
        assert_eq!(writes, 60 * 20);
        let last = 119 * 500;
        assert!(
            written.iter().all(|at| last - at.unwrap() < 5000),
            "each within 5 s"
        );
    }
}
