//! For tests: programs under names of their own.

use std::path::Path;
use std::process::Command;

/// Puts an executable copy of a file there.
///
/// Another process writes it: a child that another test forks meanwhile would have it open for
/// writing until it executes something, and till then nobody can execute the copy (ETXTBSY).
pub(crate) fn install(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "--"]);
    let installed = install.arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(installed.unwrap().success());
}
