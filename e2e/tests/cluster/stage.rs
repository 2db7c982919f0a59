//! The cluster that all cases share, with Traceherd installed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use traceherd_e2e::{AgentLog, Cluster, kernel, process, programs};

use crate::identity::RELEASE;

const LOOK: Duration = Duration::from_millis(100);

pub struct Stage {
    pub cluster: Cluster,
    pub log: Mutex<AgentLog>,
    host: Host,
}

impl Stage {
    /// A cluster, and the release on it.
    pub fn set(nodes: u32) -> Self {
        let host = Host::now();
        let cluster = Cluster::start(nodes).expect("a cluster");
        let stage = Self {
            log: Mutex::new(AgentLog::new(&cluster)),
            cluster,
            host,
        };
        stage.deploy(&[]);
        stage
    }

    /// Installs or upgrades the release, with more arguments for helm.
    pub fn deploy(&self, helm: &[&str]) {
        let traceherd = programs::traceherd().expect("traceherd");
        let operator = programs::operator().expect("traceherd-operator");
        let is_done = AtomicBool::new(false);
        let deployed = std::thread::scope(|scope| {
            // What an agent that is replaced has written is gone soon after it.
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    let _ = self.log.lock().unwrap().messages();
                    std::thread::sleep(LOOK);
                }
            });
            let deployed = self.cluster.deploy(&traceherd, &operator, helm);
            is_done.store(true, Ordering::Relaxed);
            deployed
        });
        deployed.unwrap_or_else(|error| panic!("{error}\n{}", self.told()));
    }

    /// What Traceherd's own pods say, when something went wrong.
    pub fn told(&self) -> String {
        let kubectl = |args: &[&str]| {
            let told = self.cluster.kubectl(args);
            told.unwrap_or_else(|error| error.to_string())
        };
        let all = "app.kubernetes.io/name=traceherd";
        let logs = [
            "logs",
            "-n",
            "traceherd",
            "-l",
            all,
            "--tail=20",
            "--prefix",
        ];
        kubectl(&["get", "pods", "-A", "-o", "wide"]) + &kubectl(&logs)
    }

    /// Takes it down, half dead as it would be after a crash, and looks whether anything is left.
    pub fn strike(self) {
        let strange = self.log.lock().unwrap().strange().to_vec();
        let programs = self.programs();
        let (cgroup, folder) = (self.cluster.cgroup(), self.cluster.folder());
        for daemon in ["kubelet-node-1", "containerd-node-1", "apiserver", "etcd"] {
            self.cluster.kill_daemon(daemon).unwrap();
        }
        drop(self.cluster);
        let mut left = left_of_cgroups(&cgroup);
        left.extend(folder.exists().then_some(folder));
        assert!(left.is_empty(), "left behind: {left:?}");
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
        assert!(!mounts.contains(&cgroup), "left behind: {mounts}");
        assert_eq!(self.host, Host::now(), "the host's own network changed");
        let loaded: Vec<_> = programs
            .into_iter()
            .filter(|&id| kernel::is_loaded(id))
            .collect();
        assert!(loaded.is_empty(), "eBPF programs are left: {loaded:?}");
        assert!(strange.is_empty(), "neither events nor JSON: {strange:#?}");
    }

    /// The eBPF programs that the agents hold.
    pub fn programs(&self) -> BTreeSet<u32> {
        let agents = [
            "get",
            "pods",
            "-n",
            RELEASE,
            "-l",
            "app.kubernetes.io/component=agent",
            "-o",
            "jsonpath={.items[*].status.containerStatuses[0].containerID}",
        ];
        let containers = self.cluster.kubectl(&agents).unwrap();
        // An agent of a node that is dead has no process any more.
        let agents: Vec<_> = containers
            .split_whitespace()
            .filter_map(|id| process::of_container(id.trim_start_matches("containerd://")))
            .collect();
        assert!(!agents.is_empty(), "no agent's process: {containers}");
        let held = agents.into_iter().map(|pid| kernel::programs(pid).unwrap());
        held.flatten().collect()
    }
}

/// What a cluster must not touch.
#[derive(Debug, Eq, PartialEq)]
struct Host {
    interfaces: BTreeSet<OsString>,
    firewall: String,
}

impl Host {
    fn now() -> Self {
        let interfaces = std::fs::read_dir("/sys/class/net").unwrap();
        // Which of iptables' tables there are. A kernel without any has no such file.
        let firewall = std::fs::read_to_string("/proc/net/ip_tables_names");
        Self {
            interfaces: interfaces.flatten().map(|each| each.file_name()).collect(),
            firewall: firewall.unwrap_or_default(),
        }
    }
}

/// Cgroups of that name, in any hierarchy. Processes cannot be without.
fn left_of_cgroups(cgroup: &str) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten();
    let roots = hierarchies
        .map(|entry| entry.path())
        .chain(["/sys/fs/cgroup".into()]);
    roots
        .map(|root| root.join(cgroup))
        .filter(|path| path.exists())
        .collect()
}
