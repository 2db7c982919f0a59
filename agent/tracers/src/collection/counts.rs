//! What became of every event.

use std::ops::{Add, AddAssign};

/// One trace's account. `observed = delivered + filtered + suppressed + lost()`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events of the trace's containers that happened.
    pub observed: u64,
    /// Handed out.
    pub delivered: u64,
    /// Not what the trace's filter asks for.
    pub filtered: u64,
    /// Held back by the rate limit.
    pub suppressed: u64,
    /// Lost in the kernel: the ring was full.
    pub lost_ring: u64,
    /// Lost here: whoever takes the trace's events was too slow.
    pub lost_queue: u64,
}

impl Counts {
    /// Lost for whatever reason.
    pub fn lost(&self) -> u64 {
        self.lost_ring + self.lost_queue
    }
}

/// What was lost before anyone could say whose it was. Any of it may have been any trace's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unattributed {
    /// Events of a new cgroup that nobody could name in time.
    pub pending_expired: u64,
    /// Events of new cgroups for which there was no room to wait.
    pub pending_full: u64,
    /// Events that were lost in the kernel, the ring being full, in cgroups that nobody had named
    /// or counted yet.
    pub pending_lost: u64,
    /// Events of processes whose cgroup is nested deeper than is looked.
    pub too_deep: u64,
    /// Records that could not be decoded.
    pub malformed: u64,
    /// Cgroups for which the kernel had no room ([`Config::cgroups`](crate::Config::cgroups)), each
    /// counted once: their events count as the cgroup's that they are in.
    pub cgroups: u64,
    /// Times that the kernel left a program out, as it does where it is running on that CPU
    /// already, or may not be interrupted (since Linux 5.12, which tells).
    pub missed: u64,
}

impl Unattributed {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.by_reason().iter().map(|(_, count)| count).sum()
    }

    /// Each reason, called as its field is, with its count.
    pub fn by_reason(&self) -> [(&'static str, u64); 7] {
        let Self {
            pending_expired,
            pending_full,
            pending_lost,
            too_deep,
            malformed,
            cgroups,
            missed,
        } = *self;
        [
            ("pending_expired", pending_expired),
            ("pending_full", pending_full),
            ("pending_lost", pending_lost),
            ("too_deep", too_deep),
            ("malformed", malformed),
            ("cgroups", cgroups),
            ("missed", missed),
        ]
    }
}

/// What the kernel side did with every event that it saw, whoever wanted it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KernelCounts {
    /// Events that happened.
    pub seen: u64,
    /// Wanted by no trace: they cost no record.
    pub ignored: u64,
    /// Held back by a rate limit.
    pub suppressed: u64,
    /// Wanted, but the ring was full.
    pub lost: u64,
    /// Written to the ring.
    pub sent: u64,
}

impl From<traceherd_ebpf_common::ContainerCounters> for KernelCounts {
    fn from(counters: traceherd_ebpf_common::ContainerCounters) -> Self {
        Self {
            seen: counters.seen,
            ignored: counters.ignored,
            suppressed: counters.suppressed.iter().sum(),
            lost: counters.lost.iter().sum(),
            sent: counters.sent,
        }
    }
}

impl Add for KernelCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            ignored: self.ignored + other.ignored,
            suppressed: self.suppressed + other.suppressed,
            lost: self.lost + other.lost,
            sent: self.sent + other.sent,
        }
    }
}

impl AddAssign for KernelCounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
