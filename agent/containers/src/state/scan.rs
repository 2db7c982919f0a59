//! Comparing with cgroupfs.

use std::collections::HashSet;
use std::time::Instant;

use super::{Output, State};
use crate::cgroup::{Cgroup, CgroupId};

/// What happened while cgroupfs was being read: it is newer than what was read.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) created: HashSet<CgroupId>,
    pub(super) removed: HashSet<CgroupId>,
}

impl State {
    pub(super) fn scanned(&mut self, now: Instant, all: Vec<Cgroup>, out: &mut Vec<Output>) {
        let during = self.scan.take().unwrap_or_default();
        let there: HashSet<CgroupId> = all.iter().map(|cgroup| cgroup.id).collect();
        let missing: Vec<CgroupId> = self
            .by_path
            .values()
            .filter(|id| !there.contains(id) && !during.created.contains(id))
            .copied()
            .collect();
        // Children after their parents in the order of paths: the deepest go first.
        for id in missing.into_iter().rev() {
            self.gone(now, id, out);
        }
        for cgroup in all {
            if !during.removed.contains(&cgroup.id) {
                self.created(now, cgroup, None, None, out);
            }
        }
    }
}
