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

/// Whether the kernel has the helper that reads them as the call returns: Linux 5.15.
pub fn readable_at_exit(types: &KernelTypes) -> bool {
    types
        .enumerator("bpf_func_id", "BPF_FUNC_task_pt_regs")
        .is_some()
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
        let types = KernelTypes::running().unwrap();
        let found = arguments(&types).unwrap();
        assert!(
            found.first != found.second && found.second != found.third,
            "{found:?}"
        );
        assert!(readable_at_exit(&types));
    }

    /// On any machine, from the types of distributions' kernels.
    #[test]
    fn every_kernel_of_the_list_has_all_that_is_needed() {
        let list = include_str!("../../../../ebpf/kernels.list");
        let kernels = list.lines().filter(|line| !line.starts_with('#'));
        for line in kernels {
            let words: Vec<_> = line.split_whitespace().collect();
            let [name, _, architecture] = words[..] else {
                panic!("{line}");
            };
            let Some(types) = types_of(name) else {
                continue;
            };
            let offsets = types.offsets();
            assert!(offsets.is_ok(), "{name}: {:?}", offsets.err());
            for controller in ["memory_cgrp_id", "pids_cgrp_id"] {
                let found = types.enumerator("cgroup_subsys_id", controller);
                assert!(found.is_some(), "{name}: {controller}");
            }
            assert_eq!(readable_at_exit(&types), name != "5.10", "{name}");
            // `struct user_pt_regs` comes first: 31 registers, sp, pc, pstate; then the original x0.
            let arm64 = Ok(Arguments {
                first: 8 * 34,
                second: 8,
                third: 16,
            });
            // arch/x86/include/uapi/asm/ptrace.h: r15 to r8, ax, cx, dx, si, di.
            let amd64 = Ok(Arguments {
                first: 8 * 14,
                second: 8 * 13,
                third: 8 * 12,
            });
            let expected = match architecture {
                "arm64" => (arm64, Err("pt_regs.di")),
                "amd64" => (Err("pt_regs.regs"), amd64),
                other => panic!("{name} is of {other}"),
            };
            assert_eq!((aarch64(&types), x86_64(&types)), expected, "{name}");
        }
    }

    /// Of a kernel in the list; `None` where Debian's packages are out of reach.
    fn types_of(name: &str) -> Option<KernelTypes> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ebpf/fetch-kernel.sh");
        let output = Command::new(script).arg(name).output().unwrap();
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            println!("SKIPPED: the types of the kernel {name} are not to be had: {reason}");
            return None;
        }
        let folder = String::from_utf8(output.stdout).unwrap();
        Some(KernelTypes::from_file(&Path::new(folder.trim()).join("btf")).unwrap())
    }
}
