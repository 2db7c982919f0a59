//! Where each architecture keeps the arguments of a system call. Everything else in Traceherd is
//! the same on all of them.

use super::offsets::KernelTypes;

/// The first three arguments of a system call, as byte offsets into `struct pt_regs`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arguments {
    /// The first.
    pub first: u32,
    /// The second.
    pub second: u32,
    /// The third.
    pub third: u32,
}

/// Of the architecture that this is compiled for; or the field that the kernel's types lack.
pub fn arguments(types: &KernelTypes) -> Result<Arguments, &'static str> {
    if cfg!(target_arch = "aarch64") {
        aarch64(types)
    } else {
        x86_64(types)
    }
}

/// `di`, `si`, `dx` (the System V calling convention).
fn x86_64(types: &KernelTypes) -> Result<Arguments, &'static str> {
    Ok(Arguments {
        first: register(types, "pt_regs.di")?,
        second: register(types, "pt_regs.si")?,
        third: register(types, "pt_regs.dx")?,
    })
}

/// `x0`, `x1`, `x2`; by the time a call returns, `x0` holds its result, and `orig_x0` the argument.
fn aarch64(types: &KernelTypes) -> Result<Arguments, &'static str> {
    let registers = register(types, "pt_regs.regs")?;
    Ok(Arguments {
        first: register(types, "pt_regs.orig_x0")?,
        second: registers + 8,
        third: registers + 16,
    })
}

fn register(types: &KernelTypes, path: &'static str) -> Result<u32, &'static str> {
    types.offset(path).ok_or(path)
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;

    #[test]
    fn this_kernel_tells_where_the_arguments_are() {
        let found = arguments(&KernelTypes::running().unwrap()).unwrap();
        assert!(
            found.first != found.second && found.second != found.third,
            "{found:?}"
        );
    }

    /// On any machine, from the types of a distribution's kernel.
    #[test]
    fn an_aarch64_kernel_has_all_that_is_needed() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ebpf/fetch-arm64-btf.sh");
        let output = Command::new(script).output().unwrap();
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            println!("SKIPPED: the types of an aarch64 kernel are not to be had: {reason}");
            return;
        }
        let path = String::from_utf8(output.stdout).unwrap();
        let types = KernelTypes::from_file(Path::new(path.trim())).unwrap();
        types.offsets().unwrap();
        assert!(
            types
                .enumerator("cgroup_subsys_id", "pids_cgrp_id")
                .is_some()
        );
        // `struct user_pt_regs` comes first: 31 registers, sp, pc, pstate; then the original x0.
        let expected = Arguments {
            first: 8 * 34,
            second: 8,
            third: 16,
        };
        assert_eq!(aarch64(&types), Ok(expected));
        assert_eq!(x86_64(&types), Err("pt_regs.di"));
    }
}
