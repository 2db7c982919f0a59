//! The maps and constants that user space fills and reads.

use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    macros::map,
    maps::{Array, HashMap, PerCpuArray, RingBuf},
};
use traceherd_ebpf_common::{ContainerCounters, Offsets, RECORD_BYTES, Settings, Stat, Verdict};

/// Most cgroups with an entry.
const ENTRIES: u32 = 65_536;

#[unsafe(no_mangle)]
static OFFSETS: Offsets = Offsets::NONE;

#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings::NONE;

/// The one ring. User space sets its size.
#[map]
pub static RING: RingBuf = RingBuf::with_byte_size(4096, 0);

/// What is wanted, by cgroup.
#[map]
pub static VERDICTS: HashMap<u64, Verdict> = HashMap::with_max_entries(ENTRIES, BPF_F_NO_PREALLOC);

/// What was counted, by cgroup.
#[map]
pub static COUNTERS: HashMap<u64, ContainerCounters> =
    HashMap::with_max_entries(ENTRIES, BPF_F_NO_PREALLOC);

/// What is wanted of cgroups that are pending.
#[map]
pub static PENDING: Array<Verdict> = Array::with_max_entries(1, 0);

/// Counters for what belongs to no entry.
#[map]
pub static STATS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Stat::COUNT, 0);

/// Where a record is put together, one a CPU. Not a per-CPU array: their values must be smaller.
/// User space sets the number of CPUs.
#[map]
pub static SCRATCH: Array<[u8; RECORD_BYTES]> = Array::with_max_entries(1, 0);

/// One of this kernel's offsets, as a constant to the verifier.
macro_rules! offset {
    ($field:ident) => {
        $crate::maps::constant(&$crate::maps::offsets().$field)
    };
}

/// One of the settings, as a constant to the verifier.
macro_rules! setting {
    ($field:ident) => {
        $crate::maps::constant(&$crate::maps::settings().$field)
    };
}

pub(crate) use {offset, setting};

#[inline(always)]
pub fn constant(field: &u32) -> u32 {
    // SAFETY: a reference is readable; volatile because user space changes it before the load.
    unsafe { core::ptr::read_volatile(field) }
}

#[inline(always)]
pub fn offsets() -> &'static Offsets {
    &OFFSETS
}

#[inline(always)]
pub fn settings() -> &'static Settings {
    &SETTINGS
}

/// Counts what belongs to no entry.
#[inline(always)]
pub fn count(stat: Stat) {
    if let Some(counter) = STATS.get_ptr_mut(stat as u32) {
        // SAFETY: this CPU's own value, and programs on one CPU do not interleave here.
        unsafe { *counter += 1 };
    }
}
