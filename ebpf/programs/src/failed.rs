//! Failed execs, seen when the system call returns: the old image is still there, and with it
//! what the call was made with.

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
    programs::TracePointContext,
};
use traceherd_ebpf_common::{ExecHeader, FILE_BYTES, Kind, exec_flags, gadget};

use crate::{
    arguments,
    kernel::{Ptr, load},
    maps::setting,
    process,
    ring::{self, Wake},
    scratch::Scratch,
    verdict,
};

/// Where `sys_exit_*` tracepoints have the returned value.
const RETURNED: usize = 16;

/// `sys_exit_execve` and `sys_exit_execveat`.
#[inline(always)]
pub fn failed(ctx: &TracePointContext, at: bool) {
    // SAFETY: the tracepoint's own layout, and typed pointers.
    unsafe {
        let ret = ctx.as_ptr().cast::<u8>().add(RETURNED).cast::<i64>().read();
        if ret >= 0 {
            return;
        }
        let task = bpf_get_current_task_btf() as *const u8;
        let Some(wanted) = verdict::wanted(task, gadget::EXEC_FAILED) else {
            return;
        };
        let Some(mut scratch) = Scratch::take(size_of::<ExecHeader>()) else {
            return wanted.written(false);
        };
        let header = scratch.header::<ExecHeader>();
        process::describe(header, task, &wanted);
        (*header).kind = Kind::ExecFailed as u32;
        (*header).ret = ret as i32;

        let registers = bpf_task_pt_regs(task as *mut _) as Ptr;
        let (file, argv): (u64, u64) = if at {
            (
                load(registers, setting!(execveat_file)),
                load(registers, setting!(execveat_argv)),
            )
        } else {
            (
                load(registers, setting!(execve_file)),
                load(registers, setting!(execve_argv)),
            )
        };
        let file_len = scratch.user_str(file, FILE_BYTES as u32);
        (*header).file_len = file_len as u16;
        if file_len == 0 {
            (*header).flags |= exec_flags::FILE_UNREADABLE;
        }
        arguments::append_vector(&mut scratch, header, argv, wanted.max_args);
        wanted.written(ring::write(&scratch, Wake::AtMark));
    }
}
