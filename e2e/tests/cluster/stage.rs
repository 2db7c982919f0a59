//! The cluster that all cases share, with Traceherd installed.

use std::path::PathBuf;
use std::sync::Mutex;

use traceherd_e2e::{AgentLog, Cluster, programs};

pub struct Stage {
    pub cluster: Cluster,
    pub log: Mutex<AgentLog>,
}

impl Stage {
    /// A cluster, and the release on it.
    pub fn set(nodes: u32) -> Self {
        let cluster = Cluster::start(nodes).expect("a cluster");
        let stage = Self {
            log: Mutex::new(AgentLog::new(&cluster)),
            cluster,
        };
        stage.deploy(&[]);
        stage
    }

    /// Installs or upgrades the release, with more arguments for helm.
    pub fn deploy(&self, helm: &[&str]) {
        let traceherd = programs::traceherd().expect("traceherd");
        let operator = programs::operator().expect("traceherd-operator");
        let deployed = self.cluster.deploy(&traceherd, &operator, helm);
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

    /// Takes it down, and looks whether anything is left.
    pub fn strike(self) {
        let strange = self.log.lock().unwrap().strange().to_vec();
        let cgroup = self.cluster.cgroup();
        let folder = self.cluster.folder();
        drop(self.cluster);
        let left = left_behind(&cgroup);
        assert!(
            left.is_empty() && !folder.exists(),
            "left behind: {left:?} {folder:?}"
        );
        assert!(strange.is_empty(), "neither events nor JSON: {strange:#?}");
    }
}

/// Cgroups of that name, in any hierarchy. Processes and mounts cannot be without.
fn left_behind(cgroup: &str) -> Vec<PathBuf> {
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
