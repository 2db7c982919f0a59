//! Which life of the agent this is.

use std::fs;

use anyhow::Context;
use k8s_openapi::jiff::Timestamp;

/// The kernel's name for this boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// This boot and this moment, as `BOOT-ID/SECONDS-SINCE-1970`.
///
/// # Errors
/// When the kernel does not tell.
pub fn now() -> anyhow::Result<String> {
    let boot = fs::read_to_string(BOOT_ID).with_context(|| format!("cannot read {BOOT_ID}"))?;
    Ok(format!("{}/{}", boot.trim(), Timestamp::now().as_second()))
}
