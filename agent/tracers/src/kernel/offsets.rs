//! The offsets that the programs need, from the running kernel's BTF.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use traceherd_ebpf_common::Offsets;

use super::btf::{Btf, ParseError};

/// Where the kernel shows its own BTF (`CONFIG_DEBUG_INFO_BTF`).
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why this kernel's structures could not be found out.
#[derive(Debug, Error)]
pub enum BtfError {
    /// No BTF.
    #[error(
        "cannot read the kernel's type information in {path}: Traceherd needs a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y (5.10 or newer)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// Nothing that can be parsed.
    #[error("cannot parse the kernel's type information in {path} (CONFIG_DEBUG_INFO_BTF)")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A type or a field that the programs cannot do without.
    #[error(
        "the kernel's type information has no `{0}`, which Traceherd reads: run a distribution's \
         kernel (5.10 or newer), or tell {repository} of this one, with `uname -r`",
        repository = env!("CARGO_PKG_REPOSITORY")
    )]
    Missing(String),
}

/// The parsed type information of one kernel.
pub struct KernelTypes(Btf);

impl KernelTypes {
    /// Of the running kernel.
    pub fn running() -> Result<Self, BtfError> {
        Self::from_file(Path::new(KERNEL_BTF))
    }

    /// Of the kernel that `path` holds the raw BTF of.
    pub fn from_file(path: &Path) -> Result<Self, BtfError> {
        let bytes = fs::read(path).map_err(|source| BtfError::Read {
            path: path.into(),
            source,
        })?;
        let parsed = Btf::parse(bytes).map_err(|source| BtfError::Parse {
            path: path.into(),
            source,
        })?;
        Ok(Self(parsed))
    }

    /// All that the programs need; what this kernel can lack is
    /// [`ABSENT`](traceherd_ebpf_common::ABSENT).
    pub fn offsets(&self) -> Result<Offsets, BtfError> {
        let mut offsets = Offsets::NONE;
        for row in Offsets::TABLE {
            match self.offset(row.path) {
                Some(offset) => (row.set)(&mut offsets, offset),
                None if row.required => return Err(BtfError::Missing(row.path.into())),
                None => {}
            }
        }
        Ok(offsets)
    }

    /// The byte offset of `type.field[.field…]`, looking through anonymous members.
    pub fn offset(&self, path: &str) -> Option<u32> {
        let mut names = path.split('.');
        let outer = names.next()?;
        // Unrelated types can share a name: the one that has the fields is meant.
        self.0.named(outer).iter().find_map(|&candidate| {
            let mut fields = names.clone();
            let at = fields.try_fold((0_u32, candidate), |(bits, at), field| {
                let member = self.0.member(at, field)?;
                Some((bits.checked_add(member.bit_offset)?, member.type_id))
            });
            at.map(|(bits, _)| bits / 8)
        })
    }

    /// The value of an enumerator.
    pub fn enumerator(&self, of: &str, name: &str) -> Option<u32> {
        self.0
            .named(of)
            .iter()
            .find_map(|&candidate| self.0.enumerator(candidate, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_all_that_is_needed() {
        let types = KernelTypes::running().unwrap();
        types.offsets().unwrap();
        assert!(
            types
                .enumerator("cgroup_subsys_id", "pids_cgrp_id")
                .is_some()
        );
    }

    #[test]
    fn a_missing_field_is_named() {
        let types = KernelTypes::running().unwrap();
        assert_eq!(types.offset("task_struct.no_such_field"), None);
        assert_eq!(types.offset("no_such_struct.field"), None);
        assert_eq!(types.offset("kernfs_node.id.below"), None);
    }

    #[test]
    fn a_file_without_btf_is_named() {
        let error = KernelTypes::from_file(Path::new("/proc/self/comm"))
            .err()
            .unwrap();
        assert!(error.to_string().contains("/proc/self/comm"), "{error}");
        assert!(
            error.to_string().contains("CONFIG_DEBUG_INFO_BTF"),
            "{error}"
        );
    }

    /// `struct outer { struct inner a; }` and `struct inner { int b; }`, where `a` and `b` are so
    /// many bits from the start.
    fn nested(a: u32, b: u32) -> KernelTypes {
        let strings = b"\0outer\0a\0inner\0b\0";
        let structure = 4 << 24 | 1;
        let types = [[1, structure, 8, 7, 2, a], [9, structure, 4, 15, 0, b]].concat();
        made_of(&types, strings)
    }

    /// Only the structure `task_struct`, of which there is only `field`.
    fn task_with(field: &str) -> KernelTypes {
        let strings = format!("\0task_struct\0{field}\0");
        let structure = 4 << 24 | 1;
        made_of(&[1, structure, 8, 13, 0, 0], strings.as_bytes())
    }

    fn made_of(types: &[u32], strings: &[u8]) -> KernelTypes {
        let types_len = 4 * types.len() as u32;
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, types_len, types_len, strings.len() as u32] {
            bytes.extend(u32::to_ne_bytes(word));
        }
        bytes.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(strings);
        KernelTypes(Btf::parse(bytes).unwrap())
    }

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        for (types, missing) in [
            (nested(0, 0), "`task_struct.mm`"),
            (task_with("other"), "`task_struct.mm`"),
            (task_with("mm"), "`task_struct.real_parent`"),
        ] {
            let error = types.offsets().unwrap_err().to_string();
            for said in [
                missing,
                "run a distribution's kernel",
                "uname -r",
                "https://",
            ] {
                assert!(error.contains(said), "{error}");
            }
        }
    }

    #[test]
    fn a_field_beyond_all_memory_is_missing() {
        assert_eq!(nested(64, 32).offset("outer.a.b"), Some(12));
        assert_eq!(nested(u32::MAX, 0).offset("outer.a.b"), Some(u32::MAX / 8));
        assert_eq!(nested(u32::MAX, 1).offset("outer.a.b"), None);
    }
}
