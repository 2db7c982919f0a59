//! The container collection.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::builder::Builder;
use crate::cgroup::{Cgroup, CgroupId};
use crate::change::CgroupChange;
use crate::container::Container;
use crate::feed::CgroupFeed;
use crate::hierarchy::Hierarchy;
use crate::pods::PodFeed;
use crate::shared::Shared;
use crate::subscription::{Subscription, WatchGuard};

/// The live set of containers on this host. Cheap to clone; all clones are the same collection.
///
/// It works in tasks of the tokio runtime in which it was started. They stop, and subscriptions
/// end, when the last clone is dropped.
#[derive(Clone)]
pub struct ContainerCollection {
    shared: Arc<Shared>,
    _work: Arc<Work>,
}

/// The collection's tasks; dropping it ends them.
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    pub(crate) _tasks: JoinSet<()>,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl ContainerCollection {
    /// Chooses the sources of a new collection.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(work: Work) -> Self {
        Self {
            shared: work.shared.clone(),
            _work: Arc::new(work),
        }
    }

    /// The cgroup hierarchy by which this collection tells containers apart.
    #[must_use]
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.shared.hierarchy
    }

    /// The cgroup that is this node's own: the hierarchy's root, or what
    /// [`Builder::cgroup_root`] gave. What lies outside of it is another node's.
    #[must_use]
    pub fn root(&self) -> &Cgroup {
        &self.shared.root
    }

    /// Every container that runs, sandboxes included.
    #[must_use]
    pub fn containers(&self) -> Vec<Arc<Container>> {
        self.shared.read(|state| state.containers())
    }

    /// The container whose cgroup this is, or is in.
    ///
    /// A container stays resolvable for 5 seconds after its cgroup was removed, for events that
    /// come late (at most 16,384 cgroups are remembered so).
    #[must_use]
    pub fn resolve(&self, id: CgroupId) -> Option<Arc<Container>> {
        self.shared.read(|state| state.resolve(Instant::now(), id))
    }

    /// The containers that are there, and then every change, none missed and none doubled.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription {
            changes: self.shared.subscribe(),
        }
    }

    /// Calls `callback` with every cgroup's class as it is, parents first, and then with every
    /// change in its order, until the guard is dropped.
    ///
    /// The callback runs in whatever thread makes the change, under the collection's lock: it
    /// must be quick, and must not call the collection, its feed or the guard's drop.
    pub fn watch_cgroups(&self, callback: impl FnMut(CgroupChange) + Send + 'static) -> WatchGuard {
        let number = self.shared.watch(Box::new(callback));
        WatchGuard::new(&self.shared, number)
    }

    /// Where the API server's word on this node's pods goes in. Say [`Builder::pods`] when
    /// starting a collection that will be told.
    #[must_use]
    pub fn pods(&self) -> PodFeed {
        PodFeed {
            shared: self.shared.clone(),
        }
    }

    /// Where the kernel's cgroup events go in. Say [`Builder::kernel`] when starting a
    /// collection that will be fed, and [`CgroupFeed::lost`] once when the events begin to come:
    /// cgroups may have been made since the start.
    #[must_use]
    pub fn feed(&self) -> CgroupFeed {
        CgroupFeed {
            shared: self.shared.clone(),
        }
    }
}

impl fmt::Debug for ContainerCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerCollection")
            .field("hierarchy", self.hierarchy())
            .finish_non_exhaustive()
    }
}
