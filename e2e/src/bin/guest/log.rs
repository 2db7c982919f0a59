//! The kernel's log.

use std::process::Command;

use crate::checks::Failure;

/// Words of a kernel that complains.
const BAD: [&str; 12] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "Call Trace",
    "RIP:",
    "general protection",
    "refcount_t",
    "scheduling while atomic",
    "suspicious RCU",
    "possible recursive locking",
    "KASAN",
    "UBSAN",
];

/// How much of it there was at one time.
pub struct KernelLog {
    lines: usize,
}

impl KernelLog {
    pub fn now() -> Result<Self, Failure> {
        let lines = read()?.lines().count();
        Ok(Self { lines })
    }

    /// What came since then has no complaint.
    pub fn nothing_bad_since(&self) -> Result<String, Failure> {
        let text = read()?;
        let new: Vec<_> = text.lines().skip(self.lines).collect();
        let bad = |line: &&str| BAD.iter().any(|word| line.contains(word));
        if new.iter().any(bad) {
            return Err(new.join("\n").into());
        }
        Ok(format!("{} new lines", new.len()))
    }
}

fn read() -> Result<String, Failure> {
    let output = Command::new("dmesg").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
