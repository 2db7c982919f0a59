//! What the kernel side looks up per cgroup, and what it counts.

/// What a cgroup with an entry is.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// Made a moment ago; user space does not know yet whose it is. Its events are recorded.
    Pending = 0,
    /// The host's own.
    Host = 1,
    /// A container's outermost cgroup.
    Container = 2,
}

/// Bits of [`Verdict::gadgets`].
pub mod gadget {
    /// Successful execs.
    pub const EXEC: u32 = 1;
    /// Failed execs.
    pub const EXEC_FAILED: u32 = 1 << 1;
}

/// The kernel's answer for one cgroup: which events of its processes are wanted, and how much of
/// each. Keyed by the cgroup's kernfs id.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct Verdict {
    /// The cgroup: the kernel may give the memory of a verdict that is replaced to another's while
    /// it is read. It is written before all else.
    pub cgroup: u64,
    /// A [`Class`].
    pub class: u32,
    /// The [`gadget`] bits that some trace wants. Not read while the cgroup is pending: then the
    /// bits of the pending template hold.
    pub gadgets: u32,
    /// Most bytes of the argument block to record.
    pub max_args: u32,
    /// Nanoseconds between two events at the allowed rate; 0: no limit.
    pub interval_ns: u32,
    /// How far ahead of the allowed rate a burst may run, in nanoseconds.
    pub burst_ns: u64,
}

/// What the kernel counted for one cgroup with a [`Verdict`]. Only ever grows.
///
/// `seen = ignored + suppressed + lost + sent`, the arrays summed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(
    feature = "user",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::Immutable,
        zerocopy::KnownLayout
    )
)]
pub struct ContainerCounters {
    /// Events that happened while a program was attached.
    pub seen: u64,
    /// Wanted by no trace.
    pub ignored: u64,
    /// Written to the ring.
    pub sent: u64,
    /// Held back by the rate limit: successful execs, failed execs.
    pub suppressed: [u64; 2],
    /// Wanted, but the ring was full: successful execs, failed execs.
    pub lost: [u64; 2],
    /// The rate limit's theoretical arrival time (GCRA), nanoseconds since boot: successful execs,
    /// failed execs. Each has its own, so that a flood of the one hides nothing of the other.
    pub arrival_ns: [u64; 2],
}

/// Indices of the per-CPU counters for what belongs to no entry.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stat {
    /// The cgroup lies deeper than the lookup goes.
    TooDeep = 0,
    /// A cgroup's creation or removal could not be told: the ring was full.
    CgroupLost = 1,
    /// No room for another cgroup's verdict.
    VerdictsFull = 2,
    /// A wanted event was lost, the ring being full, and its cgroup had no room for counters.
    LostUncounted = 3,
}

impl Stat {
    /// How many there are.
    pub const COUNT: u32 = 4;
}
