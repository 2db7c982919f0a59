//! Cgroups that come and go in the chosen hierarchy.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use traceherd_ebpf_common::{CgroupHeader, Class, Kind, Stat, Verdict};

use crate::{
    kernel::{Ptr, load},
    maps::{VERDICTS, count, offset, setting},
    ring::{self, Wake},
    scratch::Scratch,
    verdict::{cgroup_id, find, parent_of},
};

/// The kernel's own bound on a path in these tracepoints (`TRACE_CGROUP_PATH_LEN`).
const PATH_BYTES: u32 = 1024;

#[inline(always)]
unsafe fn in_chosen_hierarchy(cgroup: Ptr) -> bool {
    // SAFETY: typed pointers all the way.
    unsafe {
        let root: Ptr = load(cgroup, offset!(cgroup_root));
        !root.is_null()
            && load::<u32>(root, offset!(cgroup_root_hierarchy_id)) == setting!(hierarchy_id)
    }
}

/// `cgroup_mkdir`: unless it is inside a container, it is pending from now on.
#[inline(always)]
pub fn created(cgroup: Ptr, path: Ptr) {
    // SAFETY: the tracepoint's argument is typed.
    unsafe {
        if !in_chosen_hierarchy(cgroup) {
            return;
        }
        let above = parent_of(cgroup);
        if above.is_null() {
            return;
        }
        let parent = cgroup_id(above);
        let Some(found) = find(above) else { return };
        if found.verdict.class == Class::Container as u32 {
            return;
        }
        let id = cgroup_id(cgroup);
        let pending = Verdict {
            cgroup: id,
            class: Class::Pending as u32,
            gadgets: 0,
            max_args: 0,
            interval_ns: 0,
            burst_ns: 0,
        };
        if VERDICTS.insert(id, pending, 0).is_err() {
            count(Stat::VerdictsFull);
        }
        tell(Kind::CgroupCreated, id, parent, Some(path));
    }
}

/// `cgroup_rmdir`: told when somebody could know it.
#[inline(always)]
pub fn removed(cgroup: Ptr) {
    // SAFETY: the tracepoint's argument is typed.
    unsafe {
        if !in_chosen_hierarchy(cgroup) {
            return;
        }
        let id = cgroup_id(cgroup);
        if VERDICTS.get(id).is_some() {
            tell(Kind::CgroupRemoved, id, 0, None);
        }
    }
}

#[inline(always)]
fn tell(kind: Kind, id: u64, parent: u64, path: Option<Ptr>) {
    let Some(mut scratch) = Scratch::take(size_of::<CgroupHeader>()) else {
        return count(Stat::CgroupLost);
    };
    let path_len = path.map_or(0, |path| scratch.kernel_str(path, PATH_BYTES)) as u32;
    let header = CgroupHeader {
        kind: kind as u32,
        path_len,
        id,
        parent,
        pid: (bpf_get_current_pid_tgid() >> 32) as u32,
        reserved: 0,
    };
    // SAFETY: the header's place was left free.
    unsafe { scratch.header::<CgroupHeader>().write(header) };
    // Rare, and someone may be about to exec: the reader is to know at once.
    if !ring::write(&scratch, Wake::Now) {
        count(Stat::CgroupLost);
    }
}
