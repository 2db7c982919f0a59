use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::{Error, container_cli, daemon::Daemon, home::Home, runtimes::Runtimes};

/// A docker daemon of a test's own, with the image `busybox`. Dropping it removes everything.
///
/// Containers have no network unless asked for (`--network host`), and are known by their names.
#[derive(Debug)]
pub struct Docker {
    daemon: Mutex<Daemon>,
    runtimes: Runtimes,
    socket: PathBuf,
    home: Home,
}

impl Docker {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When not root, when the runtimes cannot be had, or with the daemon's log when it fails.
    pub fn start() -> Result<Self, Error> {
        let runtimes = Runtimes::get()?;
        let home = Home::new()?;
        let folder = home.folder();
        let socket = folder.join("docker.sock");
        // Its containers outlive it.
        home.write("daemon.json", r#"{"live-restore": true}"#)?;
        let command = command(&runtimes, &home, &socket);
        let daemon = Daemon::start("dockerd", command, &folder.join("dockerd.log"), &socket)?;
        let docker = Self {
            daemon: Mutex::new(daemon),
            runtimes,
            socket,
            home,
        };
        let image = docker.runtimes.image();
        docker.docker(&["load", "--quiet", "--input", &image.to_string_lossy()])?;
        Ok(docker)
    }

    /// The API's unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon.pid()
    }

    /// Ends the daemon and starts it again; its containers go on meanwhile.
    ///
    /// # Errors
    /// When it does not end, or is not ready again, with its log.
    pub fn restart_daemon(&self) -> Result<(), Error> {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon.restart(command(&self.runtimes, &self.home, &self.socket))
    }

    /// The cgroup that all containers are in, relative to a hierarchy's root.
    #[must_use]
    pub fn cgroup_parent(&self) -> String {
        format!("/{}", self.home.name())
    }

    /// `docker` with any arguments; returns its stdout.
    ///
    /// # Errors
    /// When it exits with another status than 0, or takes over two minutes.
    pub fn docker(&self, args: &[&str]) -> Result<String, Error> {
        let mut command = self.runtimes.command("docker");
        command
            .env("DOCKER_CONFIG", self.home.folder())
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            .args(args);
        container_cli::run(command)
    }

    /// Runs a command in a new container to its end, removes it, and returns the stdout.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn run(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        self.run_with(name, &["--rm"], command)
    }

    /// Starts a container and returns its id.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn run_detached(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        Ok(self.run_with(name, &["--detach"], command)?.trim().into())
    }

    /// `docker run` with options of one's own (`--rm`, `--detach`, `--volume`, `--label`, …).
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn run_with(
        &self,
        name: &str,
        options: &[&str],
        command: &[&str],
    ) -> Result<String, Error> {
        let mut args = vec!["run", "--name", name];
        if !options.iter().any(|option| option.starts_with("--net")) {
            args.extend(["--network", "none"]);
        }
        args.extend(options);
        args.push("busybox");
        args.extend(command);
        self.docker(&args)
    }

    /// Runs a command in a running container and returns its stdout.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn exec(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        self.docker(&[&["exec", name], command].concat())
    }

    /// The container's id, 64 hexadecimal digits.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn id(&self, name: &str) -> Result<String, Error> {
        self.inspect(name, "{{.Id}}")
    }

    /// The pid of a running container's first process.
    ///
    /// # Errors
    /// When it does not run; else as [`Self::docker`].
    pub fn container_pid(&self, name: &str) -> Result<u32, Error> {
        let output = self.inspect(name, "{{.State.Pid}}")?;
        output
            .parse()
            .ok()
            .filter(|&pid| pid != 0)
            .ok_or_else(|| Error::Unexpected {
                command: format!("docker inspect {name}"),
                output,
                expected: "the pid of a running container",
            })
    }

    fn inspect(&self, name: &str, format: &str) -> Result<String, Error> {
        Ok(self
            .docker(&["inspect", "--format", format, name])?
            .trim()
            .into())
    }

    /// Ends a container with SIGTERM, then SIGKILL after a second.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn stop(&self, name: &str) -> Result<(), Error> {
        self.docker(&["stop", "--time", "1", name]).map(drop)
    }

    /// Sends SIGKILL to a container.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn kill(&self, name: &str) -> Result<(), Error> {
        self.docker(&["kill", name]).map(drop)
    }

    /// Removes a container, running or not.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn rm(&self, name: &str) -> Result<(), Error> {
        self.docker(&["rm", "--force", name]).map(drop)
    }

    /// Starts a container again; its id stays.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn restart(&self, name: &str) -> Result<(), Error> {
        self.docker(&["restart", "--time", "1", name]).map(drop)
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn rename(&self, name: &str, new: &str) -> Result<(), Error> {
        self.docker(&["rename", name, new]).map(drop)
    }

    /// Freezes a container's processes.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn pause(&self, name: &str) -> Result<(), Error> {
        self.docker(&["pause", name]).map(drop)
    }

    /// Thaws a paused container.
    ///
    /// # Errors
    /// As [`Self::docker`].
    pub fn unpause(&self, name: &str) -> Result<(), Error> {
        self.docker(&["unpause", name]).map(drop)
    }
}

fn command(runtimes: &Runtimes, home: &Home, socket: &Path) -> Command {
    let folder = home.folder();
    let mut command = runtimes.command("dockerd");
    command
        .arg("--host")
        .arg(format!("unix://{}", socket.display()))
        .arg("--config-file")
        .arg(folder.join("daemon.json"))
        .arg("--data-root")
        .arg(folder.join("data"))
        .arg("--exec-root")
        .arg(folder.join("exec"))
        .arg("--pidfile")
        .arg(folder.join("docker.pid"))
        .arg(format!("--cgroup-parent=/{}", home.name()))
        .args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
    command
}
