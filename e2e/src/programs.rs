//! The product's programs that belong to this build.

use std::{ffi::OsString, path::PathBuf, process::Command, sync::OnceLock};

use serde_json::Value;

use crate::Error;

/// `traceherd`: the one in `$TRACEHERD`, else built here, in the same profile.
///
/// # Errors
/// When it cannot be built.
pub fn traceherd() -> Result<PathBuf, Error> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    once(&BUILT, "TRACEHERD", "traceherd-agent", "traceherd")
}

/// `traceherd-operator`: the one in `$TRACEHERD_OPERATOR`, else built here, in the same profile.
///
/// # Errors
/// When it cannot be built.
pub fn operator() -> Result<PathBuf, Error> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let name = "traceherd-operator";
    once(&BUILT, "TRACEHERD_OPERATOR", name, name)
}

/// A library's example: beside [`traceherd`], where everything has been built, else built here.
///
/// # Errors
/// When it cannot be built.
pub fn example(name: &str) -> Result<PathBuf, Error> {
    let beside = traceherd()?.with_file_name("examples").join(name);
    if beside.exists() {
        return Ok(beside);
    }
    build(&["--example", name])
}

fn once(
    built: &OnceLock<PathBuf>,
    variable: &str,
    package: &str,
    program: &str,
) -> Result<PathBuf, Error> {
    if let Some(path) = built.get() {
        return Ok(path.clone());
    }
    let path = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => build(&["--package", package, "--bin", program])?,
    };
    Ok(built.get_or_init(|| path).clone())
}

fn build(target: &[&str]) -> Result<PathBuf, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or(OsString::from("cargo"));
    let mut command = Command::new(&cargo);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--locked"])
        .args(target)
        .args(["--message-format", "json-render-diagnostics"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.output().map_err(|source| Error::Spawn {
        program: cargo.to_string_lossy().into(),
        source,
    })?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let built = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    built.ok_or_else(|| Error::Failed {
        command: format!("{command:?}"),
        status: output.status,
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
