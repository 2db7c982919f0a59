//! Builds the eBPF programs (`ebpf/programs`) and leaves the object file in `OUT_DIR`.
//!
//! Where the tools for that are missing, everything still compiles, with an empty object: loading
//! it fails with the same advice that is printed here.

#![allow(
    clippy::expect_used,
    reason = "cargo keeps its promises, or there is no build"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const LINKER: &str = "bpf-linker";
const LINKER_VERSION: &str = "0.10.3";
const PACKAGE: &str = "traceherd-ebpf-programs";

fn main() {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for watched in [
        "ebpf/programs/src",
        "ebpf/programs/Cargo.toml",
        "ebpf/common/src",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo:rerun-if-env-changed=PATH");

    let object = out_dir.join("traceherd.bpf.o");
    if let Err(reason) = build(&root, &out_dir, &object) {
        println!("cargo:warning=without eBPF programs: {reason}");
        fs::write(&object, []).expect("OUT_DIR is writable");
    }
}

fn build(root: &Path, out_dir: &Path, object: &Path) -> Result<(), String> {
    let cached = cached_linker();
    // Once `make setup` has brought what is missing, this script must run again.
    if let Some(cached) = &cached {
        println!("cargo:rerun-if-changed={}", cached.display());
    }
    let linker = cached
        .into_iter()
        .chain(linkers_on_path())
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| format!("{LINKER} is missing; run `make setup`"))?;
    let rustc = PathBuf::from(env::var_os("RUSTC").expect("cargo sets RUSTC"));
    let sysroot = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|error| format!("{} does not run: {error}", rustc.display()))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let core = sysroot.join("lib/rustlib/src/rust/library/core/Cargo.toml");
    println!("cargo:rerun-if-changed={}", core.display());
    if !core.exists() {
        return Err("the sources of core are missing; run `make setup`".into());
    }

    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    let target_dir = out_dir.join("target");
    let flags = [
        format!("--cfg=bpf_target_arch=\"{arch}\""),
        "-Cdebuginfo=2".into(),
        format!("-Clinker={}", linker.display()),
        "-Clink-arg=--btf".into(),
    ];
    let output = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--locked", "--package", PACKAGE])
        .args([
            "--target",
            "bpfel-unknown-none",
            "-Zbuild-std=core",
            "--target-dir",
        ])
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        // `core` for a target without a distributed one is built with a stable compiler.
        .env("RUSTC_BOOTSTRAP", "1")
        // What cargo set for this build is not meant for the inner one.
        .env_remove("RUSTC")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .map_err(|error| format!("cargo does not run: {error}"))?;
    if !output.status.success() {
        // A programming error, not a missing tool: stop here, with the compiler's words.
        panic!(
            "the eBPF programs do not compile:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let built = target_dir.join("bpfel-unknown-none/release").join(PACKAGE);
    fs::copy(&built, object)
        .map_err(|error| format!("{} was not built: {error}", built.display()))?;
    Ok(())
}

/// Where `make setup` puts the linker.
fn cached_linker() -> Option<PathBuf> {
    env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .map(|cache| cache.join(format!("traceherd/{LINKER}-{LINKER_VERSION}/bin/{LINKER}")))
}

fn linkers_on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(LINKER))
        .collect()
}
