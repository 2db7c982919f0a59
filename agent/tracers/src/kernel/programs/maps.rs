//! What is put into the maps and read from them.

use std::{collections::HashSet, os::fd::RawFd};

use aya::{
    Ebpf,
    maps::{Array, HashMap, MapData, MapError, PerCpuArray},
};
use thiserror::Error;
use traceherd_containers::CgroupId;
use traceherd_ebpf_common::{ContainerCounters, Stat, Verdict};

use super::{
    super::memory::{descriptor, map_bytes},
    ProgramsError, take,
};

/// No room for a verdict.
#[derive(Debug, Error)]
#[error("cannot tell the kernel about the cgroup {cgroup}: at most {most} cgroups can be followed")]
pub struct VerdictError {
    /// The cgroup.
    pub cgroup: CgroupId,
    /// How many have a verdict.
    pub most: u32,
    /// What the kernel said.
    pub source: MapError,
}

type VerdictBytes = [u8; size_of::<Verdict>()];
type CounterBytes = [u8; size_of::<ContainerCounters>()];

/// The maps but for the ring. They are the programs' for as long as these live.
pub struct Maps {
    verdicts: HashMap<MapData, u64, VerdictBytes>,
    counters: HashMap<MapData, u64, CounterBytes>,
    pending: Array<MapData, VerdictBytes>,
    stats: PerCpuArray<MapData, u64>,
    /// All maps' descriptors but for the ring's, which its reader has.
    descriptors: Vec<RawFd>,
    most_cgroups: u32,
}

impl Maps {
    /// Of programs that were just loaded.
    pub(super) fn take(ebpf: &mut Ebpf, most_cgroups: u32) -> Result<Self, ProgramsError> {
        let descriptors = ebpf.maps().filter_map(|(_, map)| descriptor(map)).collect();
        Ok(Self {
            verdicts: take(ebpf, "VERDICTS")?,
            counters: take(ebpf, "COUNTERS")?,
            pending: take(ebpf, "PENDING")?,
            stats: take(ebpf, "STATS")?,
            descriptors,
            most_cgroups,
        })
    }

    /// Bytes of kernel memory that they take.
    pub fn bytes(&self) -> u64 {
        self.descriptors.iter().copied().map(map_bytes).sum()
    }

    /// Sets the verdict of a cgroup.
    pub fn set_verdict(&mut self, cgroup: CgroupId, verdict: Verdict) -> Result<(), VerdictError> {
        let verdict = Verdict {
            cgroup: cgroup.0,
            ..verdict
        };
        let bytes: VerdictBytes = zerocopy::transmute!(verdict);
        self.verdicts
            .insert(cgroup.0, bytes, 0)
            .map_err(|source| VerdictError {
                cgroup,
                most: self.most_cgroups,
                source,
            })
    }

    /// How many cgroups can have a verdict.
    pub fn most_cgroups(&self) -> u32 {
        self.most_cgroups
    }

    /// Takes a cgroup's verdict away.
    pub fn remove_verdict(&mut self, cgroup: CgroupId) {
        // Not there is as good as removed.
        let _ = self.verdicts.remove(&cgroup.0);
    }

    /// What is wanted of cgroups that are pending.
    pub fn set_pending(&mut self, verdict: Verdict) -> Result<(), ProgramsError> {
        let bytes: VerdictBytes = zerocopy::transmute!(verdict);
        self.pending
            .set(0, bytes, 0)
            .map_err(|source| ProgramsError::Map {
                name: "PENDING",
                source,
            })
    }

    /// What the kernel counted for a cgroup; zeros where nothing ever happened.
    pub fn counters(&self, cgroup: CgroupId) -> ContainerCounters {
        self.counters.get(&cgroup.0, 0).map_or_else(
            |_| ContainerCounters::default(),
            |bytes| zerocopy::transmute!(bytes),
        )
    }

    /// Every cgroup with a verdict or counters.
    pub fn cgroups(&self) -> HashSet<CgroupId> {
        // One that comes or goes meanwhile may be left out.
        let all = self.verdicts.keys().chain(self.counters.keys());
        all.filter_map(|key| key.ok().map(CgroupId)).collect()
    }

    /// Forgets what was counted for a cgroup.
    pub fn remove_counters(&mut self, cgroup: CgroupId) {
        // Not there is as good as removed.
        let _ = self.counters.remove(&cgroup.0);
    }

    /// One of the counters for what belongs to no cgroup, summed over the CPUs.
    pub fn stat(&self, stat: Stat) -> u64 {
        self.stats
            .get(&(stat as u32), 0)
            .map_or(0, |values| values.iter().sum())
    }
}
