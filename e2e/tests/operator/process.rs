//! An operator's process.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use traceherd_e2e::{Cluster, programs};

use crate::scene::{HOME, Scene};

const PATIENCE: Duration = Duration::from_secs(30);

/// An operator, outside the cluster. It is ended, as Kubernetes would, when this goes.
pub struct Operator {
    child: Child,
    port: u16,
    files: TempDir,
    cluster: Arc<Cluster>,
}

impl Operator {
    /// Starts one and waits until it is ready. Its Lease is the case's.
    pub fn start(scene: &Scene, name: &str, port: u16, more: &[&str]) -> Self {
        let program = programs::operator().unwrap();
        let address = format!("127.0.0.1:{port}");
        let args = [
            &[
                "--namespace",
                HOME,
                "--pod-name",
                name,
                "--address",
                &address,
            ],
            &["--lease-name", &scene.namespace, "--log-format", "json"][..],
            more,
        ]
        .concat();
        let files = TempDir::new().unwrap();
        let log = File::create(files.path().join("log")).unwrap();
        let mut command = scene.on_node(program.to_str().unwrap(), &args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let operator = Self {
            child: command.spawn().unwrap(),
            port,
            files,
            cluster: Arc::clone(scene.cluster()),
        };
        operator.until("it is ready", |operator| operator.get("readyz") == "ok");
        operator
    }

    /// Starts one that acts.
    pub fn acting(scene: &Scene, more: &[&str]) -> Self {
        let operator = Self::start(scene, "operator-a", 18_080, more);
        operator.until("it acts", |operator| operator.metric("leader") == 1.0);
        operator
    }

    /// What a page says.
    pub fn get(&self, page: &str) -> String {
        let url = format!("http://127.0.0.1:{}/{page}", self.port);
        let said = self
            .cluster
            .command("curl", &["-s", &url])
            .output()
            .unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// A metric without labels; -1 when there is none.
    pub fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("metrics");
        let name = format!("traceherd_operator_{name} ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        value.map_or(-1.0, |value| value.parse().unwrap())
    }

    /// Every line that it logged.
    pub fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log_file()).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.files.path().join("log")
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> f64 {
        self.metric("resident_memory_bytes")
    }

    pub fn is_running(&self) -> bool {
        std::path::Path::new(&format!("/proc/{}/exe", self.child.id())).exists()
    }

    /// Waits for what must come true; says what did not, with what it logged.
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            let log = self.log().join("\n");
            assert!(
                start.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}\n{log}"
            );
            sleep(Duration::from_millis(100));
        }
    }

    /// Ends it without a chance to do anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(pid, Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}
