use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::Cluster;
use crate::Error;

/// The parts of a cluster, by their names: `apiserver`, `etcd`, `controller-manager`, `scheduler`,
/// and with the node's name `kubelet-node-1`, `containerd-node-1`, `proxy-node-1`.
impl Cluster {
    /// The process that a daemon is.
    ///
    /// # Errors
    /// When there is no daemon of that name.
    pub fn daemon(&self, name: &str) -> Result<u32, Error> {
        let path = self.folder().join("daemons").join(format!("{name}.pid"));
        let text = fs::read_to_string(&path).map_err(|source| Error::File {
            action: "read",
            path,
            source,
        })?;
        text.trim().parse().map_err(|_| Error::Unexpected {
            command: format!("the pid of {name}"),
            output: text.clone(),
            expected: "a number",
        })
    }

    /// Ends a daemon at once, and waits until it is gone.
    ///
    /// # Errors
    /// When there is no daemon of that name.
    pub fn kill_daemon(&self, name: &str) -> Result<(), Error> {
        let pid = self.daemon(name)?;
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        while fs::exists(format!("/proc/{pid}/exe")).unwrap_or(false) {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends everything on a node at once, its pods' processes too, as when its power is cut.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn kill_node(&self, node: &str) -> Result<(), Error> {
        // The one process that is not the node's: it holds its namespaces for the cluster's end.
        let path = self.folder().join(node).join("holder.pid");
        let holder = fs::read_to_string(&path).map_err(|source| Error::File {
            action: "read",
            path,
            source,
        })?;
        let cgroup = format!("{}/{node}", self.cgroup());
        loop {
            let mut left = processes(&cgroup);
            left.retain(|pid| pid != holder.trim());
            if left.is_empty() {
                return Ok(());
            }
            for pid in left.iter().filter_map(|pid| pid.parse().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Starts a daemon again that was ended. Does not wait until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_daemon(&self, name: &str) -> Result<(), Error> {
        let script = self.folder().join("daemons").join(name);
        let node = name.find("node-").map_or("node-1", |at| &name[at..]);
        let started = Command::new(self.folder().join(node).join("enter"))
            .arg(script)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        // It runs on; who it belongs to is told by its cgroup.
        started.map(drop).map_err(|source| Error::Spawn {
            program: name.to_owned(),
            source,
        })
    }
}

/// The processes in a cgroup and below, in whatever hierarchy.
fn processes(cgroup: &str) -> Vec<String> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = hierarchies
        .map(|entry| entry.path().join(cgroup))
        .chain([root.join(cgroup)])
        .collect();
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        all.extend(text.lines().map(str::to_owned));
        let below = fs::read_dir(folder).into_iter().flatten().flatten();
        let below = below.filter(|entry| entry.file_type().is_ok_and(|file| file.is_dir()));
        folders.extend(below.map(|entry| entry.path()));
    }
    all.sort_unstable();
    all.dedup();
    all
}
