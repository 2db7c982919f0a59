//! What the kernel says of maps and programs.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
};

use aya::maps::Map;

/// The descriptor of a map of the kinds that the programs have.
pub fn descriptor(map: &Map) -> Option<RawFd> {
    let (Map::Array(data) | Map::HashMap(data) | Map::PerCpuArray(data) | Map::RingBuf(data)) = map
    else {
        return None;
    };
    Some(data.fd().as_fd().as_raw_fd())
}

/// Bytes of kernel memory that the map behind a descriptor of this process takes: what it has
/// taken since Linux 6.4, before that what it may take. 0 where the kernel does not say.
pub fn map_bytes(descriptor: RawFd) -> u64 {
    told(descriptor, "memlock:")
}

/// How often the kernel left out the program behind a descriptor of this process. 0 where it does
/// not say.
pub fn missed_runs(descriptor: RawFd) -> u64 {
    told(descriptor, "recursion_misses:")
}

fn told(descriptor: RawFd, name: &str) -> u64 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"));
    number(&info.unwrap_or_default(), name).unwrap_or_default()
}

fn number(info: &str, name: &str) -> Option<u64> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_a_map_takes_and_a_program_misses() {
        let map = "pos:\t0\nflags:\t02000002\nmap_type:\t1\nmemlock:\t2102016\nmap_id:\t7\n";
        assert_eq!(number(map, "memlock:"), Some(2_102_016));
        for not in ["", "pos:\t0\n", "memlock:\tmany\n"] {
            assert_eq!(number(not, "memlock:"), None, "{not:?}");
        }
        let program = "prog_type:\t26\nrecursion_misses:\t3\n";
        assert_eq!(number(program, "recursion_misses:"), Some(3));
        assert_eq!(map_bytes(-1), 0);
    }
}
