use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::Error;

/// The image every docker and containerd guard has: static busybox, its applets in `/bin`.
///
/// Its shell runs an applet itself, or executes `/proc/self/exe`: what is to be seen as an exec of its
/// own must be called by path (`sh -c /bin/true`, not `sh -c true`).
pub const BUSYBOX: &str = "docker.io/library/busybox:latest";

/// The unpacked container runtimes: programs, libraries, a root file system and an image.
#[derive(Clone, Debug)]
pub struct Runtimes {
    folder: PathBuf,
}

impl Runtimes {
    /// Those in `$TRACEHERD_RUNTIMES`; else finds them in the cache, or gets them with
    /// `e2e/install-runtimes.sh`.
    ///
    /// # Errors
    /// When they are not there and cannot be downloaded.
    pub fn get() -> Result<Self, Error> {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        if let Some(folder) = FOLDER.get() {
            return Ok(Self {
                folder: folder.clone(),
            });
        }
        if let Some(folder) = std::env::var_os("TRACEHERD_RUNTIMES") {
            let folder = FOLDER.get_or_init(|| folder.into()).clone();
            return Ok(Self { folder });
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/install-runtimes.sh");
        let output = Command::new(script)
            .output()
            .map_err(|source| Error::Spawn {
                program: script.into(),
                source,
            })?;
        if !output.status.success() {
            return Err(Error::Install(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let folder = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        Ok(Self {
            folder: FOLDER.get_or_init(|| folder).clone(),
        })
    }

    /// A program of theirs (`docker`, `ctr`, `runc`, `busybox`), or a copy of one by its absolute
    /// path, with the environment it needs.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(program));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("LD_LIBRARY_PATH", self.folder.join("lib"));
        command
    }

    /// The static busybox binary.
    #[must_use]
    pub fn busybox(&self) -> PathBuf {
        self.folder.join("bin/busybox")
    }

    /// A root file system with busybox and its applets; shared, not to be written to.
    #[must_use]
    pub fn rootfs(&self) -> PathBuf {
        self.folder.join("rootfs")
    }

    /// The archive of [`BUSYBOX`], as `docker load` and `ctr images import` read it.
    #[must_use]
    pub fn image(&self) -> PathBuf {
        self.folder.join("busybox.tar")
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
