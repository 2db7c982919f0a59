//! The machine that was measured on.

use std::fs;

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};
use traceherd_e2e::storm;

use crate::Failure;

#[derive(Debug, Deserialize, Serialize)]
pub struct Machine {
    pub kernel: String,
    pub architecture: String,
    pub processor: String,
    pub cores: usize,
    pub memory_mb: u64,
    /// Whether the processor says that it is a virtual one.
    pub virtual_machine: bool,
    /// cgroup hierarchies: v1, or v2.
    pub cgroups: String,
    /// Of Traceherd.
    pub version: String,
}

impl Machine {
    pub fn this() -> Result<Self, Failure> {
        let names = uname()?;
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let field = |name: &str| {
            let mut lines = processors.lines().filter(|line| line.starts_with(name));
            let value = lines.next().and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned())
        };
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kilobytes = memory.split_whitespace().nth(1).unwrap_or_default();
        let unified = fs::exists("/sys/fs/cgroup/cgroup.controllers")?;
        Ok(Self {
            kernel: names.release().to_string_lossy().into_owned(),
            architecture: names.machine().to_string_lossy().into_owned(),
            processor: field("model name").unwrap_or_else(|| "unknown".into()),
            cores: storm::cores(),
            memory_mb: kilobytes.parse::<u64>()? / 1024,
            virtual_machine: field("flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            cgroups: if unified { "v2" } else { "v1" }.into(),
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }

    pub fn text(&self) -> String {
        let kind = if self.virtual_machine {
            "virtual machine"
        } else {
            "machine"
        };
        format!(
            "Linux {} ({}), cgroup {}, a {kind} with {} cores ({}) and {} MB; traceherd {}",
            self.kernel,
            self.architecture,
            self.cgroups,
            self.cores,
            self.processor,
            self.memory_mb,
            self.version
        )
    }
}
