use std::{fs, process::Stdio};

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
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts a daemon again that was ended. Does not wait until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_daemon(&self, name: &str) -> Result<(), Error> {
        let script = self.folder().join("daemons").join(name);
        let started = self
            .command(&script.to_string_lossy(), &[])
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
