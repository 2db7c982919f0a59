use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::{BUSYBOX, Error, container_cli, daemon::Daemon, home::Home, runtimes::Runtimes};

/// A containerd of a test's own, with the busybox image. Dropping it removes everything.
///
/// Containers are run with `ctr`: what is called a name here is the container's id. They are in a
/// containerd namespace of this guard's own, because runc keeps its state per namespace in one
/// place for all containerds of the host.
#[derive(Debug)]
pub struct Containerd {
    daemon: Mutex<Daemon>,
    runtimes: Runtimes,
    socket: PathBuf,
    home: Home,
}

impl Containerd {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When not root, when the runtimes cannot be had, or with the daemon's log when it fails.
    pub fn start() -> Result<Self, Error> {
        let runtimes = Runtimes::get()?;
        let home = Home::new()?;
        let folder = home.folder();
        let socket = folder.join("containerd.sock");
        home.write("config.toml", &config(folder, &socket))?;
        let command = command(&runtimes, &home);
        let daemon = Daemon::start(
            "containerd",
            command,
            &folder.join("containerd.log"),
            &socket,
        )?;
        let containerd = Self {
            daemon: Mutex::new(daemon),
            runtimes,
            socket,
            home,
        };
        let image = containerd.runtimes.image();
        containerd.ctr(&["images", "import", &image.to_string_lossy()])?;
        Ok(containerd)
    }

    /// The API's unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where containerd keeps its running containers' bundles.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.home.folder().join("state")
    }

    /// The containerd namespace of the containers.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.home.name()
    }

    /// The cgroup that all containers are in, relative to a hierarchy's root.
    #[must_use]
    pub fn cgroup_parent(&self) -> String {
        format!("/{}", self.home.name())
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
        daemon.restart(command(&self.runtimes, &self.home))
    }

    /// `ctr` with any arguments; returns its stdout.
    ///
    /// # Errors
    /// When it exits with another status than 0, or takes over two minutes.
    pub fn ctr(&self, args: &[&str]) -> Result<String, Error> {
        let mut command = self.runtimes.command("ctr");
        command
            .arg("--address")
            .arg(&self.socket)
            .args(["--namespace", self.namespace()])
            .args(args);
        container_cli::run(command)
    }

    /// Runs a command in a new container to its end, removes it, and returns the stdout.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn run(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        self.run_with(name, &["--rm"], command)
    }

    /// Starts a container.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn run_detached(&self, name: &str, command: &[&str]) -> Result<(), Error> {
        self.run_with(name, &["--detach"], command).map(drop)
    }

    /// `ctr run` with options of one's own (`--rm`, `--detach`, `--mount`, `--label`, …).
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn run_with(
        &self,
        name: &str,
        options: &[&str],
        command: &[&str],
    ) -> Result<String, Error> {
        let fifos = self.fifos();
        // Its default CPU shares need a controller that not every cgroup2 mount has.
        let own_options = ["run", "--cpu-shares=0", "--fifo-dir", &fifos];
        self.ctr(&[&own_options, options, &[BUSYBOX, name], command].concat())
    }

    /// Runs a command in a running container and returns its stdout.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn exec(&self, name: &str, command: &[&str]) -> Result<String, Error> {
        let id = format!("exec-{:x}", std::process::id() ^ next_number());
        let fifos = self.fifos();
        let options = [
            "tasks",
            "exec",
            "--fifo-dir",
            &fifos,
            "--exec-id",
            &id,
            name,
        ];
        self.ctr(&[&options, command].concat())
    }

    /// Else `ctr` leaves a folder in /run/containerd for each container.
    fn fifos(&self) -> String {
        self.home
            .folder()
            .join("fifo")
            .to_string_lossy()
            .into_owned()
    }

    /// The pid of a running container's first process.
    ///
    /// # Errors
    /// When it does not run; else as [`Self::ctr`].
    pub fn container_pid(&self, name: &str) -> Result<u32, Error> {
        let output = self.ctr(&["tasks", "list"])?;
        let pid = output.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(name))
                .then(|| words.next()?.parse().ok())
                .flatten()
        });
        pid.ok_or_else(|| Error::Unexpected {
            command: "ctr tasks list".into(),
            output,
            expected: "a line with the container and its pid",
        })
    }

    /// Sends SIGKILL to a container; its task and itself stay until [`Self::rm`].
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn kill(&self, name: &str) -> Result<(), Error> {
        self.ctr(&["tasks", "kill", "--signal", "SIGKILL", name])
            .map(drop)
    }

    /// Kills a container and removes it.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn rm(&self, name: &str) -> Result<(), Error> {
        self.ctr(&["tasks", "delete", "--force", name])?;
        self.ctr(&["containers", "delete", name]).map(drop)
    }

    /// Ends a container's task and starts another one for it; its id stays.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn restart(&self, name: &str) -> Result<(), Error> {
        self.ctr(&["tasks", "delete", "--force", name])?;
        self.ctr(&[
            "tasks",
            "start",
            "--fifo-dir",
            &self.fifos(),
            "--detach",
            name,
        ])
        .map(drop)
    }

    /// Freezes a container's processes.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn pause(&self, name: &str) -> Result<(), Error> {
        self.ctr(&["tasks", "pause", name]).map(drop)
    }

    /// Thaws a paused container.
    ///
    /// # Errors
    /// As [`Self::ctr`].
    pub fn unpause(&self, name: &str) -> Result<(), Error> {
        self.ctr(&["tasks", "resume", name]).map(drop)
    }
}

fn command(runtimes: &Runtimes, home: &Home) -> Command {
    let mut command = runtimes.command("containerd");
    let config = home.folder().join("config.toml");
    command.arg("--config").arg(config);
    command
}

fn next_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed) << 16
}

/// No CRI: it would set the host's CNI up, and its containers come from a kubelet anyway.
fn config(folder: &Path, socket: &Path) -> String {
    let (folder, socket) = (folder.display(), socket.display());
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]

[grpc]
address = "{socket}"
"#
    )
}
