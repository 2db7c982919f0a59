//! What the kernel says a map takes.

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
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"));
    memlock(&info.unwrap_or_default()).unwrap_or_default()
}

fn memlock(info: &str) -> Option<u64> {
    info.lines()
        .find_map(|line| line.strip_prefix("memlock:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_a_map_takes() {
        let map = "pos:\t0\nflags:\t02000002\nmap_type:\t1\nmemlock:\t2102016\nmap_id:\t7\n";
        assert_eq!(memlock(map), Some(2_102_016));
        for not in ["", "pos:\t0\n", "memlock:\tmany\n"] {
            assert_eq!(memlock(not), None, "{not:?}");
        }
        assert_eq!(map_bytes(-1), 0);
    }
}
