//! Which cgroups are in sight.

use std::env;
use std::path::Path;
use std::process::Command;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    /// Of what is mounted where everybody looks.
    pub fn here() -> Self {
        match Path::new("/sys/fs/cgroup/cgroup.procs").exists() {
            true => Self::V2,
            false => Self::V1,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Runs this program with the same arguments where cgroup v2 only is mounted. Returns whether all
/// went well.
pub fn again_on_v2() -> bool {
    let this = env::current_exe().expect("this program's path");
    let status = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/on-cgroup-v2.sh"))
        .arg(this)
        .args(env::args_os().skip(1))
        .status();
    status.expect("on-cgroup-v2.sh").success()
}
