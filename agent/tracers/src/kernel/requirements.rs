//! What must be there before anything is loaded, and one clear word when it is not.

use std::{fs, io, path::Path};

use caps::{CapSet, Capability};
use nix::mount::{MsFlags, mount};
use thiserror::Error;

/// What is missing to trace on this machine.
#[derive(Debug, Error)]
pub enum RequirementError {
    /// Capabilities.
    #[error(
        "tracing needs the capabilities CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN; missing: \
         {missing}. Run it as root, with sudo"
    )]
    Capabilities {
        /// Names, joined.
        missing: String,
    },
    /// The process's own capabilities could not be read.
    #[error("cannot read this process's capabilities")]
    CapabilitiesUnknown(#[source] caps::errors::CapsError),
    /// The file system of tracepoints, which failed execs need.
    #[error(
        "tracing failed execs needs tracefs at {path}, and it cannot be mounted there: run \
         `mount -t tracefs tracefs {path}` as root, or trace without failed execs"
    )]
    Tracefs {
        /// Where it belongs.
        path: &'static str,
        /// What happened.
        source: io::Error,
    },
}

/// Checks that this process may load and attach tracing programs. Starting a tracer does so too;
/// this is for those who want to know before they set anything else up.
pub fn check_capabilities() -> Result<(), RequirementError> {
    let effective =
        caps::read(None, CapSet::Effective).map_err(RequirementError::CapabilitiesUnknown)?;
    if effective.contains(&Capability::CAP_SYS_ADMIN) {
        return Ok(());
    }
    let missing: Vec<_> = [Capability::CAP_BPF, Capability::CAP_PERFMON]
        .iter()
        .filter(|needed| !effective.contains(needed))
        .map(ToString::to_string)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(RequirementError::Capabilities {
        missing: missing.join(", "),
    })
}

const TRACEFS: &str = "/sys/kernel/tracing";

/// Sees to it that tracefs is mounted.
pub fn ensure_tracefs() -> Result<(), RequirementError> {
    if Path::new(TRACEFS).join("events").is_dir() {
        return Ok(());
    }
    mount(
        Some("tracefs"),
        TRACEFS,
        Some("tracefs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .map_err(|errno| RequirementError::Tracefs {
        path: TRACEFS,
        source: errno.into(),
    })
}

/// The running kernel's release, as in `uname -r`.
pub fn kernel_release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".into(), |release| release.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_tracefs_is_missing_the_error_says_what_to_do() {
        let error = RequirementError::Tracefs {
            path: TRACEFS,
            source: io::ErrorKind::PermissionDenied.into(),
        };
        assert_eq!(
            error.to_string(),
            "tracing failed execs needs tracefs at /sys/kernel/tracing, and it cannot be mounted \
             there: run `mount -t tracefs tracefs /sys/kernel/tracing` as root, or trace without \
             failed execs"
        );
    }
}
