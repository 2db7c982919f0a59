//! The reader's place before others that want the processor.

use std::io;

/// What the reader is sure of in each period, nanoseconds: some thousand events. It may have more
/// while nobody else was promised it.
const RUNTIME_NS: u64 = 10_000_000;
/// As long as it looks at the ring by itself.
const PERIOD_NS: u64 = 1_000_000 * super::LOOK_EVERY_MS as u64;

/// Has the kernel run the calling thread as soon as there is something to read
/// (Documentation/scheduler/sched-deadline.rst). Where a container executes without a pause, the fair
/// scheduler keeps everybody outside of its cgroup waiting for some hundred milliseconds now and
/// then, whatever their niceness (seen on Linux 6.18), and the ring is full before.
///
/// # Errors
/// Without `CAP_SYS_NICE`, or where the kernel has promised too much already. The thread goes on as
/// any other.
pub fn ask() -> io::Result<()> {
    let wanted = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_DEADLINE as u32,
        // Threads that it starts have no part in it.
        sched_flags: (libc::SCHED_FLAG_RESET_ON_FORK | libc::SCHED_FLAG_RECLAIM) as u64,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: RUNTIME_NS,
        sched_deadline: PERIOD_NS,
        sched_period: PERIOD_NS,
    };
    // SAFETY: the kernel reads as much as `size` says.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
