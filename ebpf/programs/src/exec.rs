//! Successful execs.

use traceherd_ebpf_common::{ExecHeader, FILE_BYTES, INTERPRETER_BYTES, Kind, gadget};

use crate::{
    arguments,
    kernel::{Ptr, load},
    maps::offset,
    path, process,
    ring::{self, Wake},
    scratch::Scratch,
    verdict,
};

/// `sched_process_exec`: once a successful exec, in the new image, after the calling thread took
/// the leader's place. `old_pid` is the number that thread had.
#[inline(always)]
pub fn succeeded(task: Ptr, old_pid: i32, binprm: Ptr) {
    // SAFETY: the tracepoint's arguments are typed.
    unsafe {
        let Some(wanted) = verdict::wanted(task, gadget::EXEC) else {
            return;
        };
        let Some(mut scratch) = Scratch::take(size_of::<ExecHeader>()) else {
            return wanted.written(false);
        };
        let header = scratch.header::<ExecHeader>();
        process::describe(header, task, &wanted);
        (*header).kind = Kind::Exec as u32;
        (*header).tid = old_pid as u32;
        (*header).argc = load(binprm, offset!(binprm_argc));

        let file: Ptr = load(binprm, offset!(binprm_filename));
        let interpreter: Ptr = load(binprm, offset!(binprm_interp));
        (*header).file_len = scratch.kernel_str(file, FILE_BYTES as u32) as u16;
        if interpreter as u64 != file as u64 {
            (*header).interpreter_len =
                scratch.kernel_str(interpreter, INTERPRETER_BYTES as u32) as u16;
        }
        let mm: Ptr = load(task, offset!(task_mm));
        if !mm.is_null() {
            let start = scratch.len;
            (*header).flags |= path::append_executable(&mut scratch, task, mm);
            (*header).path_len = (scratch.len - start) as u16;
            arguments::append_block(&mut scratch, header, mm, wanted.max_args);
        }
        wanted.written(ring::write(&scratch, Wake::AtMark));
    }
}
