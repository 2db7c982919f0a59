//! Programs that a test makes for itself.
//!
//! Another process writes them. A child that another test forks while this process has a file open
//! for writing has it open too until it executes something, and till then nobody can execute the
//! file (ETXTBSY).

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// A file with this text, a script or not, and these rights.
pub fn write(path: impl AsRef<Path>, mode: u32, text: &str) {
    let mut install = Command::new("install")
        .args(["-m", &format!("{mode:o}"), "--", "/dev/stdin"])
        .arg(path.as_ref())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = install.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    assert!(install.wait().unwrap().success());
}
