//! What the collection tells.

use std::sync::Arc;

use crate::cgroup::{Cgroup, CgroupId};
use crate::container::Container;

/// One change of the set of containers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// A container is there.
    Added(Arc<Container>),
    /// More, or something else, is known of a container that is there.
    Updated(Arc<Container>),
    /// A container has ended; what was last known of it.
    Removed(Arc<Container>),
}

impl Change {
    /// The container that changed, as it is known after the change.
    #[must_use]
    pub fn container(&self) -> &Arc<Container> {
        match self {
            Self::Added(container) | Self::Updated(container) | Self::Removed(container) => {
                container
            }
        }
    }
}

/// One change of what is known of cgroups: what verdicts in the kernel must follow.
///
/// A cgroup may change its class more than once: a runtime that comes up late turns a `Host`
/// into a `Container`. Each cgroup that was told is told `Gone` once, but for those told
/// `Inside`, which need nothing more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CgroupChange {
    /// New, and not known yet whose.
    Pending(Cgroup),
    /// The host's own; also what lies above containers, such as `kubepods/pod…`.
    Host(Cgroup),
    /// A container's own cgroup. Told again when more is known of the container. It stays the
    /// container's until it is `Gone`, also when the container's init process has ended.
    Container(Cgroup, Arc<Container>),
    /// Lies below a container's cgroup and is that container's, whatever it was told to be
    /// before (or if it was not told at all); it needs no verdict of its own.
    Inside {
        /// The nested cgroup.
        cgroup: Cgroup,
        /// The container it is in.
        container: Arc<Container>,
    },
    /// The cgroup is no more.
    Gone(CgroupId),
}
