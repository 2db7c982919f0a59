use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::Error;

/// One runtime's place: a folder in `/tmp` and a name that its cgroups carry, with the process
/// that removes both when this one drops them or ends.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    name: String,
    sweeper: Child,
}

impl Home {
    pub(crate) fn new() -> Result<Self, Error> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        // Not TMPDIR: the path of a unix socket must stay under 108 bytes.
        let folder = tempfile::Builder::new()
            .prefix("traceherd-")
            .tempdir_in("/tmp")
            .map_err(|source| Error::File {
                action: "make a folder in",
                path: "/tmp".into(),
                source,
            })?
            .keep();
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let sweeper = start_sweeper(&name, &folder).inspect_err(|_| {
            let _ = fs::remove_dir(&folder);
        })?;
        Ok(Self {
            folder,
            name,
            sweeper,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Unique to this runtime: its cgroup parent, its containerd namespace.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).map_err(|source| Error::File {
            action: "make",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        fs::write(&path, content).map_err(|source| Error::File {
            action: "write",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }
}

fn start_sweeper(name: &str, folder: &Path) -> Result<Child, Error> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/sweep.sh");
    let failed = |source| Error::Spawn {
        program: script.into(),
        source,
    };
    // A session of its own: what ends the test by its process group must not end this.
    let mut sweeper = Command::new("setsid")
        .arg(script)
        .arg(name)
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = sweeper.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(failed)?;
    }
    if line == "ready\n" {
        Ok(sweeper)
    } else {
        Err(Error::Unexpected {
            command: script.into(),
            output: line,
            expected: "\"ready\"",
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        match self.sweeper.wait() {
            Ok(status) if status.success() => {}
            other => eprintln!("removing {}: {other:?}", self.folder.display()),
        }
    }
}
