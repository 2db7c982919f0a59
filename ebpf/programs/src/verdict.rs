//! Whose process it is, and whether its event is wanted.

use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use traceherd_ebpf_common::{ABSENT, Class, ContainerCounters, Stat, Verdict, gadget};

use crate::{
    kernel::{Ptr, load, probe},
    maps::{COUNTERS, PENDING, VERDICTS, count, offset, setting},
};

/// Most cgroups from a process's own up to the first with an entry, and then from the root down.
const MAX_LEVELS: u32 = 64;

/// The entry that a process is under.
pub struct Found {
    /// The process's own cgroup.
    pub cgroup: u64,
    /// The cgroup at or above it that has the entry.
    pub entry: u64,
    pub verdict: Verdict,
}

/// A wanted event.
pub struct Wanted {
    pub found: Found,
    pub pending: bool,
    pub max_args: u32,
    pub boot_ns: u64,
    gadget: u32,
    counters: Option<&'static ContainerCounters>,
}

/// The cgroup of a task in the chosen hierarchy.
#[inline(always)]
unsafe fn cgroup_of(task: Ptr) -> Ptr {
    // SAFETY: typed pointers all the way.
    unsafe {
        let set: Ptr = load(task, offset!(task_cgroups));
        if setting!(hierarchy_id) == 0 {
            load(set, offset!(css_set_dfl_cgrp))
        } else {
            let css: Ptr = load(set, offset!(css_set_subsys) + 8 * setting!(subsys_index));
            if css.is_null() {
                return css;
            }
            load(css, offset!(css_cgroup))
        }
    }
}

/// The kernfs id of a cgroup, and 0 for none.
#[inline(always)]
pub unsafe fn cgroup_id(cgroup: Ptr) -> u64 {
    // SAFETY: typed pointers all the way.
    unsafe {
        let kn: Ptr = load(cgroup, offset!(cgroup_kn));
        if kn.is_null() {
            0
        } else {
            load(kn, offset!(kernfs_node_id))
        }
    }
}

/// The cgroup that `cgroup` is in; null at the top.
#[inline(always)]
pub unsafe fn parent_of(cgroup: Ptr) -> Ptr {
    // SAFETY: typed pointers all the way.
    unsafe {
        let css: Ptr = load(cgroup, offset!(cgroup_self) + offset!(css_parent));
        if css.is_null() {
            return css;
        }
        load(css, offset!(css_cgroup))
    }
}

/// The first entry from `cgroup` upwards.
#[inline(always)]
pub unsafe fn find(start: Ptr) -> Option<Found> {
    let mut cgroup = start;
    let mut own = 0;
    for level in 0..MAX_LEVELS {
        if cgroup.is_null() {
            // Under no entry: another node's, on the same kernel.
            return None;
        }
        // SAFETY: typed pointers all the way.
        unsafe {
            let id = cgroup_id(cgroup);
            if level == 0 {
                own = id;
            }
            if let Some(found) = VERDICTS.get(id) {
                let Some(verdict) = whole(found, id) else {
                    continue;
                };
                return Some(Found {
                    cgroup: own,
                    entry: id,
                    verdict,
                });
            }
            cgroup = parent_of(cgroup);
        }
    }
    // SAFETY: as above.
    let found = unsafe { find_container_from_the_root(start, own) };
    if found.is_none() {
        count(Stat::TooDeep);
    }
    found
}

/// The verdict of the cgroup `id`, unless it was replaced and its memory is another's already (since
/// Linux 6.1): then it is to be looked up again.
#[inline(always)]
unsafe fn whole(found: &Verdict, id: u64) -> Option<Verdict> {
    // SAFETY: a value is memory of the map's, whatever becomes of its entry.
    unsafe {
        let verdict = core::ptr::read_volatile(found);
        (core::ptr::read_volatile(&found.cgroup) == id).then_some(verdict)
    }
}

/// Of a cgroup that is nested deeper than is looked upwards, which any container can make: the
/// container that it is in, if that lies among the outermost levels.
#[inline(always)]
unsafe fn find_container_from_the_root(cgroup: Ptr, own: u64) -> Option<Found> {
    for level in 0..MAX_LEVELS {
        // SAFETY: the cgroup is typed, and deeper than these levels.
        unsafe {
            let entry = ancestor_id(cgroup, level)?;
            if let Some(found) = VERDICTS.get(entry) {
                let verdict = whole(found, entry)?;
                if verdict.class == Class::Container as u32 {
                    return Some(Found {
                        cgroup: own,
                        entry,
                        verdict,
                    });
                }
            }
        }
    }
    None
}

/// The id of the cgroup above `cgroup` that is so many levels below the root.
#[inline(always)]
unsafe fn ancestor_id(cgroup: Ptr, level: u32) -> Option<u64> {
    // SAFETY: the kernel keeps one for each level down to the cgroup's own.
    unsafe {
        if offset!(cgroup_ancestors) != ABSENT {
            let above: Ptr = probe(cgroup, offset!(cgroup_ancestors) + 8 * level)?;
            let kn: Ptr = probe(above, offset!(cgroup_kn))?;
            probe(kn, offset!(kernfs_node_id))
        } else if offset!(cgroup_ancestor_ids) != ABSENT {
            probe(cgroup, offset!(cgroup_ancestor_ids) + 8 * level)
        } else {
            None
        }
    }
}

/// Decides about an event of `task`, and counts it unless it is wanted: then
/// [`Wanted::written`] does.
#[inline(always)]
pub unsafe fn wanted(task: Ptr, gadget: u32) -> Option<Wanted> {
    // SAFETY: `task` is typed.
    let found = unsafe { find(cgroup_of(task)) }?;
    let counters = counters_of(found.entry);
    if let Some(counters) = counters {
        add(&counters.seen);
    }
    let pending = found.verdict.class == Class::Pending as u32;
    let mut verdict = found.verdict;
    if pending {
        verdict = *PENDING.get(0)?;
    }
    if verdict.gadgets & gadget == 0 {
        if let Some(counters) = counters {
            add(&counters.ignored);
        }
        return None;
    }
    // SAFETY: the helper has no preconditions.
    let boot_ns = unsafe { bpf_ktime_get_boot_ns() };
    if let Some(counters) = counters
        && verdict.interval_ns != 0
        && over_rate(of_gadget(&counters.arrival_ns, gadget), &verdict, boot_ns)
    {
        add(of_gadget(&counters.suppressed, gadget));
        return None;
    }
    Some(Wanted {
        found,
        pending,
        gadget,
        max_args: verdict.max_args,
        boot_ns,
        counters,
    })
}

impl Wanted {
    /// Counts what became of the record.
    #[inline(always)]
    pub fn written(&self, there_was_room: bool) {
        match self.counters {
            Some(counters) if there_was_room => add(&counters.sent),
            Some(counters) => add(of_gadget(&counters.lost, self.gadget)),
            None if there_was_room => {}
            None => count(Stat::LostUncounted),
        }
    }
}

#[inline(always)]
fn counters_of(entry: u64) -> Option<&'static ContainerCounters> {
    // SAFETY: a value is memory of the map's, whatever becomes of its entry.
    if let Some(counters) = unsafe { COUNTERS.get(entry) } {
        return Some(counters);
    }
    let none = ContainerCounters {
        seen: 0,
        ignored: 0,
        sent: 0,
        suppressed: [0; 2],
        lost: [0; 2],
        arrival_ns: [0; 2],
    };
    // Another CPU may have been faster: the look-up tells.
    let _ = COUNTERS.insert(entry, none, 1 /* BPF_NOEXIST */);
    // SAFETY: as above.
    unsafe { COUNTERS.get(entry) }
}

#[inline(always)]
fn of_gadget(counters: &[u64; 2], gadget: u32) -> &u64 {
    if gadget == gadget::EXEC {
        &counters[0]
    } else {
        &counters[1]
    }
}

/// The generic cell rate algorithm. Two CPUs may let one event more than the burst through; what
/// is counted stays exact.
#[inline(always)]
fn over_rate(arrival: &u64, verdict: &Verdict, now: u64) -> bool {
    let arrival = &raw const *arrival;
    // SAFETY: a map value; volatile because other CPUs write it.
    let before = unsafe { core::ptr::read_volatile(arrival) };
    let base = if before > now { before } else { now };
    let over = base - now > verdict.burst_ns;
    let furthest = now + verdict.burst_ns + u64::from(verdict.interval_ns);
    let next = if !over {
        base + u64::from(verdict.interval_ns)
    } else if base > furthest {
        // Another limit, which held until now, let it run so far ahead.
        furthest
    } else {
        return true;
    };
    // SAFETY: as above.
    unsafe { core::ptr::write_volatile(arrival.cast_mut(), next) };
    over
}

/// Adds one, atomically. (`core` has no atomic additions for this target.)
#[inline(always)]
fn add(counter: &u64) {
    // SAFETY: a map value, aligned, only ever added to.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({counter} + 0) += {one}",
            counter = in(reg) &raw const *counter,
            one = in(reg) 1u64,
            options(nostack, preserves_flags),
        );
    }
}
