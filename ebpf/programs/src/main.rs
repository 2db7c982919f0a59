//! The kernel side of Traceherd: who executes what, kept to the containers that some trace wants.
//!
//! Nothing here waits, allocates without bound, or keeps state per thread. What is not recorded is
//! counted.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![allow(missing_docs, reason = "the program macros make undocumented items")]

mod arguments;
mod cgroup;
mod exec;
mod failed;
mod kernel;
mod maps;
mod path;
mod process;
mod ring;
mod scratch;
mod verdict;

use aya_ebpf::{
    macros::{btf_tracepoint, tracepoint},
    programs::{BtfTracePointContext, TracePointContext},
};

/// A successful exec, in the new image.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec(ctx: BtfTracePointContext) -> i32 {
    exec::succeeded(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// A failed `execve`, in the old image.
#[tracepoint(category = "syscalls", name = "sys_exit_execve")]
pub fn execve_exit(ctx: TracePointContext) -> u32 {
    failed::failed(&ctx, false);
    0
}

/// A failed `execveat`, in the old image.
#[tracepoint(category = "syscalls", name = "sys_exit_execveat")]
pub fn execveat_exit(ctx: TracePointContext) -> u32 {
    failed::failed(&ctx, true);
    0
}

/// A new cgroup, before any process is in it.
#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    cgroup::created(ctx.arg(0), ctx.arg(1));
    0
}

/// A cgroup that is gone.
#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    cgroup::removed(ctx.arg(0));
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
