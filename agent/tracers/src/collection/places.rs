//! Every cgroup with a verdict: whose it is, who wants it, and what was settled of its counters.

use std::{sync::Arc, time::Instant};

use traceherd_containers::{Cgroup, Container};
use traceherd_ebpf_common::{Class, ContainerCounters, Verdict};

/// Whose a cgroup is.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Nobody knows yet.
    Pending,
    /// The host's own.
    Host,
    /// A container's.
    Container(Arc<Container>),
}

impl Whose {
    /// As the kernel side calls it.
    pub fn class(&self) -> Class {
        match self {
            Self::Pending => Class::Pending,
            Self::Host => Class::Host,
            Self::Container(_) => Class::Container,
        }
    }

    /// The container, if it is one's.
    pub fn container(&self) -> Option<&Arc<Container>> {
        match self {
            Self::Container(container) => Some(container),
            Self::Pending | Self::Host => None,
        }
    }
}

/// A cgroup with a verdict.
#[derive(Debug)]
pub struct Place {
    /// The cgroup.
    pub cgroup: Cgroup,
    /// Whose it is.
    pub whose: Whose,
    /// Which traces want it, as places in the list of traces.
    pub wanted_by: Vec<usize>,
    /// What the kernel was told last.
    pub verdict: Option<Verdict>,
    /// Whether the kernel had no room for it once.
    pub found_no_room: bool,
    /// How much of the kernel's counters has been put to the traces' accounts.
    pub settled: ContainerCounters,
    /// Since when it is gone. Records of it may still be in the ring.
    pub gone: Option<Instant>,
}

impl Place {
    /// A cgroup of which nothing is known yet.
    pub fn new(cgroup: Cgroup) -> Self {
        Self {
            cgroup,
            whose: Whose::Pending,
            wanted_by: Vec::new(),
            verdict: None,
            found_no_room: false,
            settled: ContainerCounters::default(),
            gone: None,
        }
    }

    /// Whether it is known whose it is.
    pub fn is_known(&self) -> bool {
        !matches!(self.whose, Whose::Pending)
    }

    /// Whether a trace wants it.
    pub fn is_wanted_by(&self, trace: usize) -> bool {
        self.wanted_by.binary_search(&trace).is_ok()
    }

    /// What the kernel suppressed and lost since the last time: successes, failures.
    pub fn unsettled(&mut self, now: ContainerCounters) -> ([u64; 2], [u64; 2]) {
        let since = |now: [u64; 2], before: [u64; 2]| {
            [
                now[0].saturating_sub(before[0]),
                now[1].saturating_sub(before[1]),
            ]
        };
        let suppressed = since(now.suppressed, self.settled.suppressed);
        let lost = since(now.lost, self.settled.lost);
        self.settled = now;
        (suppressed, lost)
    }
}
