//! Cgroups that are gone, remembered for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cgroup::CgroupId;
use crate::container::Container;

/// How long events of a cgroup that is gone still find their container.
const KEPT: Duration = Duration::from_secs(5);
/// How many are remembered at most; the oldest go first.
const MOST: usize = 16_384;

/// Late events find their container here, and late news of a dead cgroup its death.
#[derive(Debug, Default)]
pub(crate) struct Departed {
    order: VecDeque<(Instant, CgroupId)>,
    all: HashMap<CgroupId, (Instant, Option<Arc<Container>>)>,
}

impl Departed {
    /// Remembers a cgroup, and whose it was.
    pub(crate) fn insert(&mut self, now: Instant, id: CgroupId, was: Option<Arc<Container>>) {
        self.forget(now);
        // Ids are never reused: an id comes once.
        if self.all.insert(id, (now, was)).is_none() {
            self.order.push_back((now, id));
        }
    }

    /// True when the cgroup was removed lately.
    pub(crate) fn contains(&self, id: CgroupId) -> bool {
        self.all.contains_key(&id)
    }

    /// The container that the cgroup was, or was in.
    pub(crate) fn container(&self, now: Instant, id: CgroupId) -> Option<Arc<Container>> {
        let (since, was) = self.all.get(&id)?;
        was.clone().filter(|_| now.duration_since(*since) < KEPT)
    }

    /// Drops what is too old, or too much.
    fn forget(&mut self, now: Instant) {
        while let Some(&(since, id)) = self.order.front() {
            if self.order.len() < MOST && now.duration_since(since) < KEPT {
                break;
            }
            self.order.pop_front();
            self.all.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gone_are_remembered_for_a_while_and_in_bounded_number() {
        let start = Instant::now();
        let container = Arc::new(Container::default());
        let mut departed = Departed::default();
        departed.insert(start, CgroupId(1), Some(container.clone()));
        departed.insert(start + KEPT / 2, CgroupId(2), None);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(departed.container(at(1), CgroupId(1)), Some(container));
        assert_eq!(departed.container(at(6), CgroupId(1)), None);
        assert!(departed.contains(CgroupId(2)));
        assert_eq!(departed.container(at(3), CgroupId(2)), None);

        departed.forget(start + KEPT);
        assert!(!departed.contains(CgroupId(1)));
        assert!(departed.contains(CgroupId(2)));

        for id in 10..(20_000 + 10) {
            departed.insert(start + KEPT, CgroupId(id), None);
        }
        assert!(departed.all.len() <= MOST && departed.order.len() <= MOST);
        assert!(departed.contains(CgroupId(20_009)));
    }
}
