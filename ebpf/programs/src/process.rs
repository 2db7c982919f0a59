//! What is the same for every event of a process.

use aya_ebpf::helpers::{
    bpf_get_current_comm, bpf_get_current_pid_tgid,
    generated::{bpf_probe_read_kernel, bpf_probe_read_kernel_str},
};
use core::ptr::addr_of_mut;
use traceherd_ebpf_common::{ABSENT, COMM_BYTES, ExecHeader, TTY_BYTES, exec_flags};

use crate::{
    kernel::{Ptr, load, probe},
    maps::offset,
    verdict::Wanted,
};

/// `enum pid_type`: the session's place in `signal_struct.pids`.
const PIDTYPE_SID: u32 = 3;

/// Fills in all of the header that is the process's. The rest is zero.
#[inline(always)]
pub unsafe fn describe(header: *mut ExecHeader, task: Ptr, wanted: &Wanted) {
    let pid_tgid = bpf_get_current_pid_tgid();
    // SAFETY: the header's place was left free, and pointers into the kernel are typed or probed.
    unsafe {
        let parent: Ptr = load(task, offset!(task_real_parent));
        let cred: Ptr = load(task, offset!(task_cred));
        let signal: Ptr = load(task, offset!(task_signal));
        header.write(ExecHeader {
            kind: 0,
            flags: if wanted.pending {
                exec_flags::PENDING
            } else {
                0
            },
            boot_ns: wanted.boot_ns,
            cgroup: wanted.found.cgroup,
            entry: wanted.found.entry,
            pid: (pid_tgid >> 32) as u32,
            tid: pid_tgid as u32,
            ns_pid: pid_in_namespace(load(task, offset!(task_thread_pid))),
            ppid: if parent.is_null() {
                0
            } else {
                load(parent, offset!(task_tgid))
            },
            uid: if cred.is_null() {
                0
            } else {
                load(cred, offset!(cred_uid))
            },
            gid: if cred.is_null() {
                0
            } else {
                load(cred, offset!(cred_gid))
            },
            euid: if cred.is_null() {
                0
            } else {
                load(cred, offset!(cred_euid))
            },
            loginuid: optional(task, offset!(task_loginuid)),
            sessionid: optional(task, offset!(task_sessionid)),
            sid: 0,
            mountnsid: mount_namespace(task),
            ret: 0,
            argc: 0,
            args_total: 0,
            args_absent: 0,
            args_offset: 0,
            comm: bpf_get_current_comm().unwrap_or_default(),
            pcomm: [0; COMM_BYTES],
            tty: [0; TTY_BYTES],
            file_len: 0,
            interpreter_len: 0,
            path_len: 0,
            args_len: 0,
        });
        if !parent.is_null() {
            // The parent is a thread, and its name may be its own: `ppid` is of the process.
            let process: Ptr = load(parent, offset!(task_group_leader));
            bpf_probe_read_kernel(
                addr_of_mut!((*header).pcomm).cast(),
                COMM_BYTES as u32,
                process.wrapping_add(offset!(task_comm) as usize).cast(),
            );
        }
        if !signal.is_null() {
            if let Some(session) = probe::<Ptr>(signal, offset!(signal_pids) + 8 * PIDTYPE_SID) {
                // The first number is the one in the host's pid namespace.
                (*header).sid =
                    probe(session, offset!(pid_numbers) + offset!(upid_nr)).unwrap_or(0);
            }
            if let Some(tty) = probe::<Ptr>(signal, offset!(signal_tty))
                && !tty.is_null()
            {
                bpf_probe_read_kernel_str(
                    addr_of_mut!((*header).tty).cast(),
                    TTY_BYTES as u32,
                    tty.wrapping_add(offset!(tty_name) as usize).cast(),
                );
            }
        }
    }
}

#[inline(always)]
unsafe fn optional(task: Ptr, offset: u32) -> u32 {
    if offset == ABSENT {
        return u32::MAX;
    }
    // SAFETY: a typed pointer, and an offset that this kernel has.
    unsafe { load(task, offset) }
}

#[inline(always)]
unsafe fn mount_namespace(task: Ptr) -> u32 {
    // SAFETY: typed pointers all the way.
    unsafe {
        let nsproxy: Ptr = load(task, offset!(task_nsproxy));
        if nsproxy.is_null() {
            return 0;
        }
        let mnt_ns: Ptr = load(nsproxy, offset!(nsproxy_mnt_ns));
        if mnt_ns.is_null() {
            0
        } else {
            load(mnt_ns, offset!(mnt_namespace_inum))
        }
    }
}

/// The number in the innermost of the process's pid namespaces.
#[inline(always)]
unsafe fn pid_in_namespace(pid: Ptr) -> u32 {
    // SAFETY: probed.
    unsafe {
        let level: u32 = probe(pid, offset!(pid_level)).unwrap_or(0);
        // A `struct upid` is its number and a pointer: 16 bytes.
        probe(pid, offset!(pid_numbers) + 16 * level + offset!(upid_nr)).unwrap_or(0)
    }
}
