//! Where the kernel's cgroup events come in.

use std::sync::Arc;

use crate::cgroup::{Cgroup, CgroupId};
use crate::housekeeping;
use crate::shared::Shared;
use crate::state::Input;

/// Takes the kernel's cgroup events, from any thread: no call does I/O or awaits, but each tells
/// the [`watch_cgroups`](crate::ContainerCollection::watch_cgroups) callbacks before it returns.
///
/// The events must come in the order in which the kernel made them. After the collection is
/// dropped the calls do nothing.
#[derive(Clone)]
pub struct CgroupFeed {
    pub(crate) shared: Arc<Shared>,
}

impl CgroupFeed {
    /// A cgroup was made (`cgroup_mkdir`) below `parent` in the collection's hierarchy, and it
    /// is not inside a container that was told. `creator` is the pid of the process that made
    /// it: runc, crun, systemd.
    pub fn created(&self, cgroup: Cgroup, parent: CgroupId, creator: u32) {
        self.shared.apply(Input::Created {
            cgroup,
            parent: Some(parent),
            creator: Some(creator),
        });
    }

    /// A cgroup was removed (`cgroup_rmdir`). Those that were never told may be left out.
    pub fn removed(&self, id: CgroupId) {
        self.shared.apply(Input::Gone(id));
    }

    /// Kernel events were lost, or are only now beginning to come: compares with cgroupfs again,
    /// in the background.
    pub fn lost(&self) {
        self.shared.rescan.notify_one();
    }

    /// As [`lost`](Self::lost), and returns when every cgroup that is there has been told.
    pub async fn rescan(&self) {
        housekeeping::scan(&self.shared).await;
    }
}

impl std::fmt::Debug for CgroupFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CgroupFeed").finish_non_exhaustive()
    }
}
