//! From the ring's bytes to records. Nothing is believed: every length is checked.

use thiserror::Error;
use zerocopy::FromBytes;

use crate::record::{CgroupHeader, ExecHeader, Kind};

/// One record of the ring.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A process runs a new image, or failed to.
    Exec(Exec<'a>),
    /// A cgroup was made.
    CgroupCreated(CgroupCreated<'a>),
    /// A cgroup was removed.
    CgroupRemoved(CgroupRemoved),
}

/// An exec, and what goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Exec<'a> {
    /// The fixed part.
    pub header: &'a ExecHeader,
    /// Whether it did not succeed.
    pub failed: bool,
    /// The file as given.
    pub file: &'a [u8],
    /// The interpreter; empty where there is none.
    pub interpreter: &'a [u8],
    /// The resolved path's components, last first, each closed by NUL.
    pub path: &'a [u8],
    /// The arguments, as [`ExecHeader`] says.
    pub args: &'a [u8],
}

/// A new cgroup.
#[derive(Clone, Copy, Debug)]
pub struct CgroupCreated<'a> {
    /// The cgroup's kernfs id.
    pub id: u64,
    /// Its parent's.
    pub parent: u64,
    /// The process that made it.
    pub creator: u32,
    /// Its path below the hierarchy's root.
    pub path: &'a [u8],
}

/// A cgroup that is gone.
#[derive(Clone, Copy, Debug)]
pub struct CgroupRemoved {
    /// The cgroup's kernfs id.
    pub id: u64,
}

/// Why a record could not be decoded.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// Shorter than its header, or than the header says.
    #[error("a record of {have} bytes ends before its {part}")]
    Short {
        /// Bytes there are.
        have: usize,
        /// What is missing.
        part: &'static str,
    },
    /// No such kind.
    #[error("a record of the unknown kind {0}")]
    Kind(u32),
    /// Not at an address that its numbers can be read at.
    #[error("a record that is not aligned to 8 bytes")]
    Alignment,
}

impl<'a> Record<'a> {
    /// Decodes a record. `bytes` must be aligned to 8 bytes, as the ring's records are; what
    /// follows the record is ignored.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (kind, _) = u32::read_from_prefix(bytes).map_err(|_| short(bytes, "kind"))?;
        match kind {
            _ if kind == Kind::Exec as u32 => exec(bytes, false).map(Record::Exec),
            _ if kind == Kind::ExecFailed as u32 => exec(bytes, true).map(Record::Exec),
            _ if kind == Kind::CgroupCreated as u32 => {
                let (header, rest) = header::<CgroupHeader>(bytes)?;
                let (path, _) = take(rest, header.path_len as usize, "path")?;
                Ok(Record::CgroupCreated(CgroupCreated {
                    id: header.id,
                    parent: header.parent,
                    creator: header.pid,
                    path: without_nul(path),
                }))
            }
            _ if kind == Kind::CgroupRemoved as u32 => {
                let (header, _) = header::<CgroupHeader>(bytes)?;
                Ok(Record::CgroupRemoved(CgroupRemoved { id: header.id }))
            }
            _ => Err(DecodeError::Kind(kind)),
        }
    }
}

fn exec(bytes: &[u8], failed: bool) -> Result<Exec<'_>, DecodeError> {
    let (header, rest) = header::<ExecHeader>(bytes)?;
    let (file, rest) = take(rest, header.file_len.into(), "file")?;
    let (interpreter, rest) = take(rest, header.interpreter_len.into(), "interpreter")?;
    let (path, rest) = take(rest, header.path_len.into(), "path")?;
    let (args, _) = take(rest, header.args_len.into(), "arguments")?;
    Ok(Exec {
        header,
        failed,
        file: without_nul(file),
        interpreter: without_nul(interpreter),
        path,
        args,
    })
}

fn header<T>(bytes: &[u8]) -> Result<(&T, &[u8]), DecodeError>
where
    T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable,
{
    T::ref_from_prefix(bytes).map_err(|error| match error {
        zerocopy::CastError::Alignment(_) => DecodeError::Alignment,
        _ => short(bytes, "header"),
    })
}

fn take<'a>(
    bytes: &'a [u8],
    len: usize,
    part: &'static str,
) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
    bytes
        .split_at_checked(len)
        .ok_or_else(|| short(bytes, part))
}

fn short(bytes: &[u8], part: &'static str) -> DecodeError {
    DecodeError::Short {
        have: bytes.len(),
        part,
    }
}

fn without_nul(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(&[0]).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerCounters, Verdict};
    use zerocopy::IntoBytes;

    fn record(file: &[u8], args: &[u8]) -> [u64; 40] {
        let mut header = ExecHeader::new_zeroed_for_test();
        header.kind = Kind::Exec as u32;
        header.pid = 7;
        header.file_len = file.len() as u16;
        header.args_len = args.len() as u16;
        let mut words = [0u64; 40];
        let bytes = words.as_mut_bytes();
        let (head, rest) = bytes.split_at_mut(size_of::<ExecHeader>());
        head.copy_from_slice(header.as_bytes());
        rest[..file.len()].copy_from_slice(file);
        rest[file.len()..file.len() + args.len()].copy_from_slice(args);
        words
    }

    impl ExecHeader {
        fn new_zeroed_for_test() -> Self {
            zerocopy::FromZeros::new_zeroed()
        }
    }

    #[test]
    fn an_exec_comes_back_as_it_was_written() {
        let words = record(b"/bin/true\0", b"true\0-x\0");
        let Ok(Record::Exec(exec)) = Record::decode(words.as_bytes()) else {
            panic!("not an exec");
        };
        assert_eq!(exec.header.pid, 7);
        assert_eq!(exec.file, b"/bin/true");
        assert_eq!(exec.args, b"true\0-x\0");
        assert!(!exec.failed && exec.interpreter.is_empty() && exec.path.is_empty());
    }

    #[test]
    fn every_cut_is_refused_and_none_panics() {
        let words = record(b"/bin/true\0", b"true\0");
        let whole = size_of::<ExecHeader>() + 15;
        for len in 0..whole {
            assert!(
                Record::decode(&words.as_bytes()[..len]).is_err(),
                "{len} bytes"
            );
        }
        assert!(Record::decode(&words.as_bytes()[..whole]).is_ok());
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let words = [99u64; 8];
        assert_eq!(
            Record::decode(words.as_bytes()).err(),
            Some(DecodeError::Kind(99))
        );
    }

    #[test]
    fn a_record_at_an_odd_address_is_refused() {
        let words = record(b"", b"");
        assert!(Record::decode(&words.as_bytes()[4..]).is_err());
    }

    #[test]
    fn the_map_values_have_no_padding() {
        assert_eq!(size_of::<Verdict>(), 32);
        assert_eq!(size_of::<ContainerCounters>(), 72);
    }
}
