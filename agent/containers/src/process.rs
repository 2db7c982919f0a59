//! What `/proc` shows of a container's init process.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use procfs::process::Stat;

use crate::container::Namespaces;

/// A live process that was found in the cgroup of its container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Process {
    /// Its pid, as the host sees it.
    pub pid: u32,
    /// Its namespaces, where they may be read.
    pub namespaces: Option<Namespaces>,
    /// When it was forked; precise to a second, as the kernel's boot time is.
    pub started_at: Option<SystemTime>,
}

impl Process {
    /// Reads `/proc/PID`; fields that cannot be read are `None`.
    pub(crate) fn read(pid: u32) -> Self {
        Self {
            pid,
            namespaces: namespaces(pid).ok(),
            started_at: started_at(pid),
        }
    }
}

/// True when process `pid` is ending or has ended. Such a one is in no cgroup any more: cgroup v1
/// shows it in the root (kernel/cgroup/cgroup.c, `proc_cgroup_show`).
pub(crate) fn ending(pid: u32) -> bool {
    const PF_EXITING: u32 = 4;
    stat(pid).is_none_or(|stat| stat.flags & PF_EXITING != 0)
}

fn namespaces(pid: u32) -> io::Result<Namespaces> {
    Ok(Namespaces {
        mnt: namespace(pid, "mnt")?,
        pid: namespace(pid, "pid")?,
        net: namespace(pid, "net")?,
        user: namespace(pid, "user")?,
        uts: namespace(pid, "uts")?,
        ipc: namespace(pid, "ipc")?,
        cgroup: namespace(pid, "cgroup")?,
    })
}

/// The link reads as `mnt:[4026531841]`.
fn namespace(pid: u32, kind: &str) -> io::Result<u64> {
    let link = fs::read_link(format!("/proc/{pid}/ns/{kind}"))?;
    let number = link.to_str().and_then(|text| {
        let inside = text.split_once('[')?.1;
        inside.strip_suffix(']')?.parse().ok()
    });
    number.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn started_at(pid: u32) -> Option<SystemTime> {
    let stat = stat(pid)?;
    let boot = Duration::from_secs(procfs::boot_time_secs().ok()?);
    let ticks = procfs::ticks_per_second();
    let since_boot = Duration::from_millis(stat.starttime.checked_mul(1000)? / ticks.max(1));
    SystemTime::UNIX_EPOCH.checked_add(boot + since_boot)
}

fn stat(pid: u32) -> Option<Stat> {
    procfs::process::Process::new(i32::try_from(pid).ok()?)
        .and_then(|process| process.stat())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_namespaces_and_a_recent_start() {
        let own = Process::read(std::process::id());
        assert!(
            own.namespaces
                .is_some_and(|all| all.mnt != 0 && all.cgroup != 0)
        );
        let age = own.started_at.unwrap().elapsed().unwrap_or_default();
        assert!(age < Duration::from_secs(3600), "{age:?}");
    }
}
