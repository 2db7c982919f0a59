//! The records and maps that Traceherd's eBPF programs and user space share.
//!
//! Everything here is `no_std`, `repr(C)` and free of padding, so that a byte means the same on
//! both sides. With the feature `user` the records can be decoded, checked ([`Record::decode`]).
#![no_std]

#[cfg(feature = "user")]
mod decode;
mod offsets;
mod record;
mod verdict;

#[cfg(feature = "user")]
pub use decode::{CgroupCreated, CgroupRemoved, DecodeError, Exec, Record};
#[cfg(feature = "user")]
pub use offsets::Offset;
pub use offsets::{ABSENT, Offsets, Settings};
pub use record::{
    COMM_BYTES, CgroupHeader, ExecHeader, FILE_BYTES, INTERPRETER_BYTES, Kind, MAX_ARGS_BYTES,
    MAX_PATH_COMPONENTS, PAGE_BYTES, PATH_BYTES, RECORD_BYTES, TTY_BYTES, exec_flags,
};
pub use verdict::{Class, ContainerCounters, Stat, Verdict, gadget};

#[cfg(test)]
mod tests {
    /// The kernel's helpers demand it of all that is compiled into the programs.
    #[test]
    fn it_is_under_the_gpl_too() {
        assert_eq!(env!("CARGO_PKG_LICENSE"), "GPL-2.0-only OR Apache-2.0");
    }
}
