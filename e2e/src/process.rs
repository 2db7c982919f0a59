//! What a process costs, seen from outside.

use std::{fs, io, path::PathBuf};

/// Nanoseconds of CPU of all its threads that live.
///
/// # Errors
/// When it is gone.
pub fn cpu_time(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let time = text.split_whitespace().next().unwrap_or_default();
        sum += time.parse::<u64>().map_err(io::Error::other)?;
    }
    Ok(sum)
}

/// Bytes of its resident memory.
///
/// # Errors
/// When it is gone.
pub fn resident(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap_or_default().trim().trim_end_matches(" kB");
    Ok(1024 * number.parse::<u64>().map_err(io::Error::other)?)
}

/// Bytes that came in over all interfaces of its network namespace but `lo`.
///
/// # Errors
/// When it is gone.
pub fn received(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/dev"))?;
    let interfaces = text.lines().filter_map(|line| line.split_once(':'));
    Ok(interfaces
        .filter(|(name, _)| name.trim() != "lo")
        .filter_map(|(_, counts)| counts.split_whitespace().next()?.parse::<u64>().ok())
        .sum())
}

/// The oldest process of a container, by its id.
#[must_use]
pub fn of_container(id: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?;
    let pids = processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup"));
        cgroups.is_ok_and(|cgroups| cgroups.contains(id))
    })
    .min()
}

/// Memory as a limit counts it: eBPF maps and page cache included.
#[derive(Clone, Copy, Debug)]
pub struct Charged {
    /// Bytes now.
    pub now: u64,
    /// The most there ever was.
    pub peak: u64,
    /// How often the limit was met.
    pub limited: u64,
}

/// What its cgroup is charged for.
///
/// # Errors
/// When it is gone, or its cgroup counts no memory.
pub fn charged(pid: u32) -> io::Result<Charged> {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let of = |controllers: &str| {
        let mut lines = cgroups.lines().map(|line| line.splitn(3, ':').skip(1));
        lines.find_map(|mut line| (line.next()? == controllers).then(|| line.next())?)
    };
    let number = |path: PathBuf| -> io::Result<u64> {
        let text = fs::read_to_string(path)?;
        text.trim().parse().map_err(io::Error::other)
    };
    if let Some(path) = of("memory") {
        let folder = PathBuf::from(format!("/sys/fs/cgroup/memory{path}"));
        return Ok(Charged {
            now: number(folder.join("memory.usage_in_bytes"))?,
            peak: number(folder.join("memory.max_usage_in_bytes"))?,
            limited: number(folder.join("memory.failcnt"))?,
        });
    }
    let path = of("").ok_or_else(|| io::Error::other("no memory controller"))?;
    let folder = PathBuf::from(format!("/sys/fs/cgroup{path}"));
    let events = fs::read_to_string(folder.join("memory.events"))?;
    let limited = events.lines().find_map(|line| line.strip_prefix("max "));
    Ok(Charged {
        now: number(folder.join("memory.current"))?,
        peak: number(folder.join("memory.peak"))?,
        limited: limited
            .unwrap_or_default()
            .parse()
            .map_err(io::Error::other)?,
    })
}
