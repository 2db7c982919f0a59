//! What the programs are told about the kernel that they run in, before they are loaded.

use traceherd_containers::{CgroupVersion, Hierarchy};
use traceherd_ebpf_common::{ABSENT, Offsets, Settings};

use super::{
    super::{offsets::KernelTypes, registers},
    ProgramsError,
};

/// What the programs are told about a kernel.
pub struct Constants {
    pub offsets: Offsets,
    pub settings: Settings,
    /// What the kernel's types do not tell of a system call's arguments. Only those who ask for
    /// failed execs need them.
    pub missing_register: Option<&'static str>,
    /// Whether failed execs can be seen.
    pub failures_supported: bool,
}

impl Constants {
    /// Of the running kernel.
    pub fn of_this_kernel(hierarchy: &Hierarchy, ring_bytes: u32) -> Result<Self, ProgramsError> {
        let types = KernelTypes::running()?;
        let offsets = types.offsets()?;
        let mut settings = Settings {
            wake_bytes: ring_bytes / 4,
            ..Settings::NONE
        };
        match &hierarchy.version {
            CgroupVersion::V2 => settings.hierarchy_id = 0,
            CgroupVersion::V1 { controller } => {
                let missing = || ProgramsError::Hierarchy(controller.clone());
                let name = format!("{controller}_cgrp_id");
                settings.subsys_index = types
                    .enumerator("cgroup_subsys_id", &name)
                    .ok_or_else(missing)?;
                settings.hierarchy_id = hierarchy_id(controller).ok_or_else(missing)?;
            }
        }
        let missing_register = match registers::arguments(&types) {
            Ok(arguments) => {
                settings.execve_file = arguments.first;
                settings.execve_argv = arguments.second;
                settings.execveat_file = arguments.second;
                settings.execveat_argv = arguments.third;
                None
            }
            Err(missing) => Some(missing),
        };
        debug_assert_ne!(settings.hierarchy_id, ABSENT);
        Ok(Self {
            offsets,
            settings,
            missing_register,
            failures_supported: registers::readable_at_exit(&types),
        })
    }
}

/// The hierarchy that a v1 controller is mounted in: `/proc/cgroups`.
fn hierarchy_id(controller: &str) -> Option<u32> {
    std::fs::read_to_string("/proc/cgroups")
        .ok()?
        .lines()
        .find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == controller).then(|| words.next()?.parse().ok())?
        })
}
