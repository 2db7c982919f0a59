//! The reader's place before others that want the processor.

use std::io;

use crate::kernel::requirements::kernel_release;

/// What the reader has of each period, nanoseconds: never more than two fifths of one CPU.
const RUNTIME_NS: u64 = 20_000_000;
/// As long as it looks at the ring by itself.
const PERIOD_NS: u64 = 1_000_000 * super::LOOK_EVERY_MS as u64;
/// Before, the kernel had trouble with such threads where their process is moved to another cgroup.
const SINCE: (u32, u32) = (6, 12);

/// Has the kernel run the calling thread as soon as there is something to read
/// (Documentation/scheduler/sched-deadline.rst). Where a container executes without a pause, the fair
/// scheduler keeps everybody outside of its cgroup waiting for some hundred milliseconds now and
/// then, whatever their niceness (seen on Linux 6.18), and the ring is full before.
///
/// # Errors
/// On kernels before 6.12, without `CAP_SYS_NICE`, where the thread may not run on every CPU, and
/// where the kernel has promised too much already. The thread goes on as any other.
pub fn ask() -> io::Result<()> {
    let release = kernel_release();
    if version(&release).is_none_or(|version| version < SINCE) {
        return Err(io::Error::other(format!("not on Linux {release}")));
    }
    let wanted = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_DEADLINE as u32,
        // Threads that it starts have no part in it.
        sched_flags: libc::SCHED_FLAG_RESET_ON_FORK as u64,
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

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_older_or_newer_whatever_follows() {
        for (release, found) in [
            ("6.12.95+deb12-cloud-amd64", Some((6, 12))),
            ("5.10.0-46", Some((5, 10))),
            ("7.3", Some((7, 3))),
            ("6.6-rc1", Some((6, 6))),
            ("unknown", None),
            ("6", None),
        ] {
            assert_eq!(version(release), found, "{release}");
        }
    }
}
