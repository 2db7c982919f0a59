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
    kilobytes(&text, "VmRSS:").ok_or_else(|| io::Error::other("it has no memory any more"))
}

/// Resident memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// All of it.
    pub resident: u64,
    /// Its own: heap, stacks, what it wrote to.
    pub anonymous: u64,
    /// Mappings of eBPF maps: the ring, which is mapped twice.
    pub rings: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

impl Memory {
    /// The rest: pages of files, such as its program and libraries.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.resident
            .saturating_sub(self.anonymous)
            .saturating_sub(self.rings)
    }
}

/// What of its memory is resident, by kind.
///
/// # Errors
/// When it is gone.
pub fn memory(pid: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = kilobytes(&status, "VmHWM:").unwrap_or(0);
    let maps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    Ok(Memory {
        peak,
        ..of_mappings(&maps)
    })
}

fn of_mappings(text: &str) -> Memory {
    let mut memory = Memory::default();
    let mut is_ring = false;
    for line in text.lines() {
        if let Some(bytes) = kilobytes(line, "Rss:") {
            memory.resident += bytes;
            memory.rings += if is_ring { bytes } else { 0 };
        } else if let Some(bytes) = kilobytes(line, "Anonymous:") {
            memory.anonymous += bytes;
        } else if line
            .starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_lowercase())
        {
            // A mapping's first line begins with its address.
            is_ring = line.ends_with("anon_inode:bpf-map");
        }
    }
    memory
}

/// The value, in bytes, of the first line that begins with `name`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(1024 * number)
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

#[cfg(test)]
mod tests {
    use super::of_mappings;

    #[test]
    fn mappings_are_told_apart() {
        let text = "55d0-55d1 r-xp 00000000 08:01 12 /usr/bin/x\nSize: 8 kB\nRss:  8 kB\nAnonymous: 0 kB\n\
                    7f00-7f01 rw-p 00000000 00:00 0 \nRss: 16 kB\nAnonymous:  12 kB\n\
                    7f02-7f03 r--s 00001000 00:0e 1 anon_inode:bpf-map\nRss: 4 kB\nAnonymous: 0 kB\n";
        let memory = of_mappings(text);
        assert_eq!((memory.resident, memory.anonymous), (28 << 10, 12 << 10));
        assert_eq!((memory.rings, memory.files()), (4 << 10, 12 << 10));
    }
}
