//! What a process keeps in the kernel of eBPF, seen from outside.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

// include/uapi/linux/bpf.h
const BPF_MAP_GET_NEXT_KEY: libc::c_int = 4;
const BPF_PROG_GET_NEXT_ID: libc::c_int = 11;
const BPF_MAP_GET_NEXT_ID: libc::c_int = 12;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_MAP_GET_FD_BY_ID: libc::c_int = 14;
const BPF_LINK_GET_NEXT_ID: libc::c_int = 31;
const BPF_ENABLE_STATS: libc::c_int = 32;
const BPF_MAP_TYPE_HASH: u64 = 1;
const BPF_MAP_TYPE_RINGBUF: u64 = 27;

/// How often a set of programs ran, and for how long; counted while [`RunTimeStats`] lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunTime {
    /// Nanoseconds in all runs together.
    pub nanoseconds: u64,
    /// The number of runs.
    pub runs: u64,
}

/// While it lives, the kernel counts the run time of every eBPF program (since Linux 5.8).
#[derive(Debug)]
pub struct RunTimeStats {
    _fd: OwnedFd,
}

impl RunTimeStats {
    /// Starts counting.
    ///
    /// # Errors
    /// Without CAP_SYS_ADMIN, or on an older kernel.
    pub fn enable() -> io::Result<Self> {
        // The only type there is: BPF_STATS_RUN_TIME, 0.
        bpf(BPF_ENABLE_STATS, 0).map(|fd| Self { _fd: fd })
    }
}

/// The ids of the programs that process `pid` has loaded or attached.
///
/// # Errors
/// When the process is gone.
pub fn programs(pid: u32) -> io::Result<BTreeSet<u32>> {
    let files = descriptors(pid)?;
    Ok(files
        .iter()
        .filter_map(|text| field(text, "prog_id"))
        .map(|id| id as u32)
        .collect())
}

/// Whether process `pid` holds an attached program.
#[must_use]
pub fn has_attached(pid: u32) -> bool {
    links(pid).is_ok_and(|links| links > 0)
}

/// How many attached programs process `pid` holds by links.
///
/// # Errors
/// When the process is gone.
pub fn links(pid: u32) -> io::Result<usize> {
    let files = descriptors(pid)?;
    let is_link = |text: &&String| field(text, "link_id").is_some();
    Ok(files.iter().filter(is_link).count())
}

/// Whether a program with this id is loaded, whoever holds it.
#[must_use]
pub fn is_loaded(program: u32) -> bool {
    bpf(BPF_PROG_GET_FD_BY_ID, program).is_ok()
}

/// The ids of everything of eBPF that the kernel has, whoever holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// Programs.
    pub programs: Vec<u32>,
    /// Maps.
    pub maps: Vec<u32>,
    /// Links: what attaches a program.
    pub links: Vec<u32>,
}

/// What there is at this moment.
///
/// # Errors
/// Without CAP_SYS_ADMIN.
pub fn objects() -> io::Result<Objects> {
    Ok(Objects {
        programs: ids(BPF_PROG_GET_NEXT_ID)?,
        maps: ids(BPF_MAP_GET_NEXT_ID)?,
        links: ids(BPF_LINK_GET_NEXT_ID)?,
    })
}

/// The run time of these programs together.
///
/// # Errors
/// When one of them is no longer loaded.
pub fn run_time(programs: &BTreeSet<u32>) -> io::Result<RunTime> {
    let mut sum = RunTime::default();
    for &program in programs {
        let fd = bpf(BPF_PROG_GET_FD_BY_ID, program)?;
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
        sum.nanoseconds += field(&text, "run_time_ns").unwrap_or(0);
        sum.runs += field(&text, "run_cnt").unwrap_or(0);
    }
    Ok(sum)
}

/// Bytes that the programs of process `pid` ever wrote to its ring buffers.
///
/// # Errors
/// When the process is gone or has no ring buffer.
pub fn ring_written(pid: u32) -> io::Result<u64> {
    let rings: BTreeSet<_> = descriptors(pid)?
        .iter()
        .filter(|text| field(text, "map_type") == Some(BPF_MAP_TYPE_RINGBUF))
        .filter_map(|text| field(text, "map_id"))
        .collect();
    if rings.is_empty() {
        return Err(io::Error::other("the process has no ring buffer"));
    }
    rings
        .into_iter()
        .map(|id| producer_position(id as u32))
        .sum()
}

/// Bytes of kernel memory that the maps of process `pid` are accounted for.
///
/// # Errors
/// When the process is gone.
pub fn map_memory(pid: u32) -> io::Result<u64> {
    let files = descriptors(pid)?;
    let maps: BTreeMap<_, _> = files
        .iter()
        .filter_map(|text| Some((field(text, "map_id")?, field(text, "memlock")?)))
        .collect();
    Ok(maps.values().sum())
}

/// How many entries the hash maps of process `pid` have, all together; their keys are 64 bits.
///
/// # Errors
/// When the process is gone.
pub fn map_entries(pid: u32) -> io::Result<usize> {
    let maps: BTreeSet<_> = descriptors(pid)?
        .iter()
        .filter(|text| field(text, "map_type") == Some(BPF_MAP_TYPE_HASH))
        .filter_map(|text| field(text, "map_id"))
        .collect();
    maps.into_iter().map(|id| entries(id as u32)).sum()
}

fn entries(map: u32) -> io::Result<usize> {
    #[repr(C)]
    struct Attributes {
        map: u64,
        key: *const u64,
        next: *mut u64,
    }
    let fd = bpf(BPF_MAP_GET_FD_BY_ID, map)?;
    let (mut seen, mut key) = (BTreeSet::new(), None);
    loop {
        let mut next = 0;
        let mut attributes = Attributes {
            map: fd.as_raw_fd() as u64,
            key: key.as_ref().map_or(std::ptr::null(), |key| key),
            next: &raw mut next,
        };
        // SAFETY: a key's 8 bytes are read, and as many written.
        match unsafe { call(BPF_MAP_GET_NEXT_KEY, &mut attributes) } {
            // It begins anew where the last key is gone.
            Ok(_) if seen.insert(next) => key = Some(next),
            Err(error) if error.raw_os_error() != Some(libc::ENOENT) => return Err(error),
            _ => return Ok(seen.len()),
        }
    }
}

/// The second page of a ring buffer's mapping starts with its producer's position.
fn producer_position(map: u32) -> io::Result<u64> {
    let fd = bpf(BPF_MAP_GET_FD_BY_ID, map)?;
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let length = usize::try_from(page)
        .ok()
        .and_then(std::num::NonZeroUsize::new);
    let length = length.ok_or_else(|| io::Error::other("no page size"))?;
    // SAFETY: a new mapping, at an address of the kernel's choice, of the page that every ring has.
    let mapping = unsafe {
        mmap(
            None,
            length,
            ProtFlags::PROT_READ,
            MapFlags::MAP_SHARED,
            &fd,
            page,
        )?
    };
    // SAFETY: the page is mapped and aligned; the kernel writes it, hence volatile.
    let position = unsafe { mapping.cast::<u64>().read_volatile() };
    // SAFETY: the mapping made above, of which nothing is kept.
    unsafe { munmap(mapping, length.get())? };
    Ok(position)
}

fn descriptors(pid: u32) -> io::Result<Vec<String>> {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo"))?;
    // A descriptor may be closed meanwhile.
    Ok(files
        .flatten()
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .collect())
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().parse().ok()
}

/// All ids of one kind, by the command that tells the one after another.
fn ids(next: libc::c_int) -> io::Result<Vec<u32>> {
    let mut ids = Vec::new();
    loop {
        let mut attributes = [ids.last().copied().unwrap_or(0), 0, 0, 0];
        // SAFETY: there is no address.
        match unsafe { call(next, &mut attributes) } {
            Ok(_) => ids.push(attributes[1]),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(ids),
            Err(error) => return Err(error),
        }
    }
}

/// A bpf(2) call whose argument is one number (an id or a type) and whose result is a descriptor.
fn bpf(command: libc::c_int, argument: u32) -> io::Result<OwnedFd> {
    // SAFETY: there is no address.
    let fd = unsafe { call(command, &mut [argument, 0, 0, 0]) }?;
    // SAFETY: a descriptor that the kernel has just made for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A bpf(2) call.
///
/// # Safety
/// Addresses in the attributes lead to what the command reads and writes.
unsafe fn call<T>(command: libc::c_int, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes the size it is told in a buffer of that size; for the rest
    // the caller answers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result as i32)
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn fields_are_whole_names() {
        let text = "pos:\t0\nprog_id_x:\t1\nprog_id:\t42\nlink_type:\ttracing\n";
        assert_eq!(field(text, "prog_id"), Some(42));
        assert_eq!(field(text, "link_type"), None);
        assert_eq!(field(text, "link_id"), None);
    }
}
