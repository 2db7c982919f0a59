//! What a source says: facts about one container, and the events a source tells its collection.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use crate::container::{Image, Pod, Runtime};

/// Where something known about a container came from.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Source {
    /// The cgroup itself: its id, its path, the shape of its name.
    Cgroup,
    /// `/proc` of the container's init process.
    Procfs,
    /// The OCI bundle (`config.json`) that the runtime's command line named.
    Oci,
    /// The state file that runc or crun keeps while the container lives.
    RuncState,
    /// The docker API.
    Docker,
    /// The containerd API.
    Containerd,
    /// runc or crun seen through fanotify.
    RuncFanotify,
    /// The Kubernetes API server, as a [`PodFeed`](crate::PodFeed) tells it.
    Kubernetes,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Cgroup => "cgroup",
            Source::Procfs => "procfs",
            Source::Oci => "oci bundle",
            Source::RuncState => "runc state",
            Source::Docker => "docker",
            Source::Containerd => "containerd",
            Source::RuncFanotify => "runc fanotify",
            Source::Kubernetes => "kubernetes",
        })
    }
}

/// What one source says of one container. Every field but `id` and `origin` may be unknown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Facts {
    /// Who says so.
    pub origin: Source,
    /// The container's id, as its runtime has it.
    pub id: String,
    /// The runtime that a person would name.
    pub runtime: Option<Runtime>,
    /// The container's name, without docker's leading slash.
    pub name: Option<String>,
    /// The container's init process in this host's pid namespace; never 0.
    pub pid: Option<u32>,
    /// The cgroup's path as the OCI spec or state says: `/a/b`, `a/b` or systemd's `slice:prefix:name`.
    pub cgroup_path: Option<String>,
    /// The image it was made from.
    pub image: Option<Image>,
    /// Labels, as the runtime has them.
    pub labels: BTreeMap<String, String>,
    /// When the container's init process started.
    pub started_at: Option<SystemTime>,
    /// containerd's namespace.
    pub runtime_namespace: Option<String>,
    /// A pod's pause container.
    pub sandbox: bool,
    /// The pod, where annotations or labels tell it.
    pub pod: Option<Pod>,
}

impl Facts {
    /// Knows nothing but the id.
    pub fn new(origin: Source, id: impl Into<String>) -> Self {
        Self {
            origin,
            id: id.into(),
            runtime: None,
            name: None,
            pid: None,
            cgroup_path: None,
            image: None,
            labels: BTreeMap::new(),
            started_at: None,
            runtime_namespace: None,
            sandbox: false,
            pod: None,
        }
    }
}

/// What a source tells while it runs.
// Each is moved through a channel once: smaller would not be faster.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SourceEvent {
    /// The source is connected; `Listed` follows.
    Up(Source),
    /// The source's whole truth, after each (re)connect: what it does not name is not there.
    Listed {
        /// Who says so.
        source: Source,
        /// Its containers, running or not.
        all: Vec<Facts>,
    },
    /// A container was created, started, renamed or relabelled.
    Known(Facts),
    /// A container's init process ended, or the container was deleted.
    Ended {
        /// Who says so.
        source: Source,
        /// The container's id.
        id: String,
        /// Its init process, where known: a restarted container keeps its id.
        pid: Option<u32>,
    },
    /// The source cannot be asked for now; it goes on trying. Told once per outage, with the reason in one line.
    Down {
        source: Source,
        reason: String,
        /// There is nobody to connect to, and never was: the host may well have no such runtime.
        absent: bool,
    },
}

/// An error and its causes in one line, for a person.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
