mod agent_log;
mod daemons;
mod objects;

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub use agent_log::{AgentLog, Line};
pub use objects::{never, within};

use crate::Error;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster");

/// A real Kubernetes cluster of a test's own: API server, controllers, scheduler, and on each node
/// kubelet, containerd and kube-proxy, in network, mount and cgroup namespaces of their own. The
/// image `localhost/busybox:1` is there; no registry is.
///
/// Dropping it, or ending the test process in any way, takes all of it away.
#[derive(Debug)]
pub struct Cluster {
    name: String,
    guard: Child,
}

impl Cluster {
    /// Starts so many nodes, one or two, and waits until they are Ready: some 15 seconds, and
    /// several minutes the first time on a machine, when Kubernetes is built.
    ///
    /// # Errors
    /// When not root, or when a part cannot be had or started; the scripts say why.
    pub fn start(nodes: u32) -> Result<Self, Error> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Error::NotRoot);
        }
        let name = format!("test-{}", std::process::id());
        let guard = start_guard(&name)?;
        let cluster = Self { name, guard };
        let mut up = Command::new(format!("{SCRIPTS}/up.sh"));
        // Its daemons outlive the script: they must not hold a pipe of ours.
        up.arg(&cluster.name)
            .arg(nodes.to_string())
            .stdin(Stdio::null());
        let spawned = |source| Error::Spawn {
            program: "cluster/up.sh".into(),
            source,
        };
        let status = up.status().map_err(spawned)?;
        if status.success() {
            Ok(cluster)
        } else {
            Err(Error::Failed {
                command: format!("cluster/up.sh {}", cluster.name),
                status,
                output: cluster.logs(),
            })
        }
    }

    /// Builds the image of these two programs and installs or upgrades the release `traceherd` in
    /// the namespace `traceherd`, with more arguments for helm; waits until all of it is ready.
    ///
    /// # Errors
    /// When a part of that fails, with what was said.
    pub fn deploy(&self, traceherd: &Path, operator: &Path, helm: &[&str]) -> Result<(), Error> {
        let mut deploy = Command::new(format!("{SCRIPTS}/deploy.sh"));
        deploy
            .arg(&self.name)
            .args([traceherd, operator])
            .args(helm);
        output(deploy, "cluster/deploy.sh", "").map(drop)
    }

    /// Where the cluster keeps everything: logs, certificates, `admin.conf`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        format!("/var/tmp/traceherd-cluster-{}", self.name).into()
    }

    /// The cgroup, in every hierarchy, that the cluster's processes are below.
    #[must_use]
    pub fn cgroup(&self) -> String {
        format!("traceherd-cluster-{}", self.name)
    }

    /// A command in the first node's namespaces, where the paths are a real node's.
    #[must_use]
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.folder().join("enter"));
        command.arg(program).args(args);
        command
    }

    /// Runs kubectl as the cluster's administrator; gives what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn kubectl(&self, args: &[&str]) -> Result<String, Error> {
        self.kubectl_with(args, "")
    }

    /// Applies manifests, in `namespace` where they say none.
    ///
    /// # Errors
    /// When one is refused, with what the API server said.
    pub fn apply(&self, namespace: &str, manifests: &str) -> Result<String, Error> {
        self.kubectl_with(&["apply", "--namespace", namespace, "-f", "-"], manifests)
    }

    /// Runs kubectl as the cluster's administrator with this on its stdin; gives what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn kubectl_with(&self, args: &[&str], input: &str) -> Result<String, Error> {
        let kubectl = self.command("kubectl", args);
        output(kubectl, &format!("kubectl {}", args.join(" ")), input)
    }

    /// The ends of the daemons' logs.
    fn logs(&self) -> String {
        let folder = self.folder().join("log");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut logs = String::new();
        for file in files.map(|entry| entry.path()) {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            logs += &format!("{}:\n", file.display());
            for line in &lines[lines.len().saturating_sub(5)..] {
                logs += &format!("  {line}\n");
            }
        }
        logs
    }
}

/// Runs a command with this on its stdin; gives what it printed.
fn output(mut command: Command, called: &str, input: &str) -> Result<String, Error> {
    let spawned = |source| Error::Spawn {
        program: called.to_owned(),
        source,
    };
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(spawned)?;
    if let Some(mut stdin) = child.stdin.take() {
        // When it wants no input, what it says tells more than a broken pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(spawned)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(Error::Failed {
            command: called.to_owned(),
            status: output.status,
            output: text(&output.stdout) + &text(&output.stderr),
        })
    }
}

fn start_guard(name: &str) -> Result<Child, Error> {
    let failed = |source| Error::Spawn {
        program: "cluster/guard.sh".into(),
        source,
    };
    // A session of its own: what ends the test by its process group must not end this.
    let mut guard = Command::new("setsid")
        .arg(format!("{SCRIPTS}/guard.sh"))
        .arg(name)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = guard.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(failed)?;
    }
    if line == "ready\n" {
        Ok(guard)
    } else {
        Err(Error::Unexpected {
            command: "cluster/guard.sh".into(),
            output: line,
            expected: "\"ready\"",
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        match self.guard.wait() {
            Ok(status) if status.success() => {}
            other => eprintln!("removing cluster {}: {other:?}", self.name),
        }
    }
}
