//! Programs that tests make for themselves.

use std::path::Path;
use std::process::Command;

use crate::{Error, container_cli};

/// Puts an executable copy of a program there.
///
/// Another process writes it: a child that another test forks meanwhile would have it open for
/// writing until it executes something, and till then nobody can execute the copy (ETXTBSY).
///
/// # Errors
/// When it cannot be copied.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
    let mut install = Command::new("install");
    install.args(["-m", "755", "--"]);
    install.arg(from.as_ref()).arg(to.as_ref());
    container_cli::run(install).map(drop)
}
