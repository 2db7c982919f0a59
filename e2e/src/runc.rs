use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Error, container_cli, executable, home::Home, runtimes::Runtimes};

/// Containers of plain runc, with no daemon. Dropping it removes them.
#[derive(Debug)]
pub struct Runc {
    runtimes: Runtimes,
    program: PathBuf,
    root: PathBuf,
    home: Home,
}

impl Runc {
    /// Makes a place for containers.
    ///
    /// # Errors
    /// When not root, or when the runtimes cannot be had.
    pub fn start() -> Result<Self, Error> {
        let runtimes = Runtimes::get()?;
        let home = Home::new()?;
        let root = home.make_folder("runc")?;
        Ok(Self {
            program: runtimes.folder().join("bin/runc"),
            runtimes,
            root,
            home,
        })
    }

    /// As [`Self::start`], with a copy of the program that [`Self::replace_program`] may replace.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_own_program() -> Result<Self, Error> {
        let runc = Self::start()?;
        let program = runc.home.make_folder("bin")?.join("runc");
        let runc = Self { program, ..runc };
        runc.replace_program()?;
        Ok(runc)
    }

    /// The program that makes the containers.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Puts another file, with the same in it, in the program's place, as a package manager does:
    /// by a rename. Only of a program of its own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace_program(&self) -> Result<(), Error> {
        let new = self.program.with_extension("new");
        executable::copy(self.runtimes.folder().join("bin/runc"), &new)?;
        fs::rename(&new, &self.program).map_err(|source| Error::File {
            action: "replace",
            path: self.program.clone(),
            source,
        })
    }

    /// Where runc keeps its state (`runc --root`).
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The cgroup that all containers are in, relative to a hierarchy's root.
    #[must_use]
    pub fn cgroup_parent(&self) -> String {
        format!("/{}", self.home.name())
    }

    /// Runs a command in a new container to its end and returns its stdout.
    ///
    /// # Errors
    /// As [`Self::runc`].
    pub fn run(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        let bundle = self.bundle(name, command, &[])?;
        self.runc(&["run", "--bundle", &bundle, name])
    }

    /// Starts a container with annotations in its OCI configuration.
    ///
    /// # Errors
    /// As [`Self::runc`].
    pub fn run_detached(
        &self,
        name: &str,
        annotations: &[(&str, &str)],
        command: &[&str],
    ) -> Result<(), Error> {
        let bundle = self.bundle(name, command, annotations)?;
        let mut command = self.command();
        command.args(["run", "--detach", "--bundle", &bundle, name]);
        container_cli::run_logged(command, &self.home.folder().join(format!("{name}.log")))
    }

    /// Runs a command in a running container and returns its stdout.
    ///
    /// # Errors
    /// As [`Self::runc`].
    pub fn exec(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        self.runc(&[&["exec", name], command].concat())
    }

    /// Kills and removes a container.
    ///
    /// # Errors
    /// As [`Self::runc`].
    pub fn rm(&self, name: &str) -> Result<(), Error> {
        self.runc(&["delete", "--force", name]).map(drop)
    }

    /// The pid of a running container's first process.
    ///
    /// # Errors
    /// When it does not run; else as [`Self::runc`].
    pub fn container_pid(&self, name: &str) -> Result<u32, Error> {
        let output = self.runc(&["state", name])?;
        let state: Value = serde_json::from_str(&output).unwrap_or_default();
        state["pid"]
            .as_u64()
            .and_then(|pid| pid.try_into().ok())
            .filter(|&pid| pid != 0)
            .ok_or_else(|| Error::Unexpected {
                command: format!("runc state {name}"),
                output,
                expected: "the pid of a running container",
            })
    }

    /// `runc` with any arguments; returns its stdout.
    ///
    /// # Errors
    /// When it exits with another status than 0, or takes over two minutes.
    pub fn runc(&self, args: &[&str]) -> Result<String, Error> {
        let mut command = self.command();
        command.args(args);
        container_cli::run(command)
    }

    fn command(&self) -> Command {
        let mut command = self.runtimes.command(&self.program);
        command.arg("--root").arg(&self.root);
        command
    }

    /// Writes the bundle of a container and returns its folder.
    fn bundle(
        &self,
        name: &str,
        command: &[&str],
        annotations: &[(&str, &str)],
    ) -> Result<String, Error> {
        let folder = format!("bundles/{name}");
        let bundle = self.home.make_folder(&folder)?;
        let rootfs = self.runtimes.rootfs();
        let cgroup = format!("{}/{name}", self.cgroup_parent());
        let spec = spec(&rootfs.to_string_lossy(), &cgroup, command, annotations);
        self.home
            .write(&format!("{folder}/config.json"), &spec.to_string())?;
        Ok(bundle.to_string_lossy().into_owned())
    }
}

fn spec(rootfs: &str, cgroup: &str, command: &[&str], annotations: &[(&str, &str)]) -> Value {
    let annotations: serde_json::Map<_, _> = annotations
        .iter()
        .map(|&(key, value)| (key.into(), value.into()))
        .collect();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": command,
            "env": ["PATH=/bin"],
            "cwd": "/",
        },
        "root": {"path": rootfs, "readonly": true},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
        ],
        "annotations": annotations,
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [
                {"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"},
            ],
        },
    })
}
