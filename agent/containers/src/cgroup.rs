//! A cgroup: what a container is known by.

use std::fmt;

/// A cgroup's kernfs id: the inode number of its directory in cgroupfs.
///
/// 64 bits, unique in its hierarchy, never reused while the kernel runs. The default, 0, is no cgroup's.
#[derive(Copy, Clone, Default, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub struct CgroupId(pub u64);

impl fmt::Display for CgroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One cgroup of the chosen [`Hierarchy`](crate::Hierarchy).
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Cgroup {
    /// Its identity.
    pub id: CgroupId,
    /// Its path from the hierarchy's root, as the kernel's tracepoints give it:
    /// `/docker/<id>`, no trailing slash; the root is `/`.
    pub path: String,
}
