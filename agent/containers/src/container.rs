//! What is known of one container.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use crate::cgroup::Cgroup;
use crate::origins::Origins;

/// One container, as far as it is known. Metadata may be missing, never guessed:
/// [`Container::origins`] tells which source each field came from.
///
/// A container's *instance* is its `id` and its `cgroup`: docker restarts a container under the
/// same id, in a new cgroup, and that is a new instance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Container {
    /// The runtime's id: 64 hexadecimal digits under docker, CRI and podman, anything a user
    /// chose under plain containerd and runc.
    pub id: String,
    /// The container's own cgroup in the chosen hierarchy; `None` without one.
    pub cgroup: Option<Cgroup>,
    /// The name people know: docker's name, the container's name in its pod, or the containerd
    /// id. `None` while only the cgroup is known.
    pub name: Option<String>,
    /// Which runtime runs it.
    pub runtime: Option<Runtime>,
    /// The pid of its init process, as the host sees it.
    pub pid: Option<u32>,
    /// When this instance started.
    pub started_at: Option<SystemTime>,
    /// The image it was made from.
    pub image: Option<Image>,
    /// The namespaces of its init process.
    pub namespaces: Option<Namespaces>,
    /// The runtime's labels (docker, containerd) or annotations (OCI).
    pub labels: BTreeMap<String, String>,
    /// True for a pod's sandbox ("pause") container; no selector matches these.
    pub sandbox: bool,
    /// containerd's namespace: `moby` for docker, `k8s.io` for Kubernetes.
    pub runtime_namespace: Option<String>,
    /// The Kubernetes pod that it belongs to.
    pub pod: Option<Pod>,
    /// Which source told each field.
    pub origins: Origins,
}

/// A container runtime.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Runtime {
    /// dockerd.
    Docker,
    /// containerd, under Kubernetes, nerdctl or `ctr`.
    Containerd,
    /// CRI-O.
    Crio,
    /// podman.
    Podman,
    /// runc or crun, called by nobody else in this list.
    Runc,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::Crio => "crio",
            Self::Podman => "podman",
            Self::Runc => "runc",
        })
    }
}

/// The image a container was made from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Image {
    /// As the runtime names it: `nginx`, `docker.io/library/nginx:1.25`.
    pub name: String,
    /// The image's digest (`sha256:…`), where the runtime tells it.
    pub digest: Option<String>,
}

/// The namespaces of a process: the inode numbers of `/proc/PID/ns/*`.
///
/// The kernel reuses these numbers at once, so nothing is identified by them alone.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Namespaces {
    /// Mount namespace.
    pub mnt: u64,
    /// Pid namespace.
    pub pid: u64,
    /// Network namespace.
    pub net: u64,
    /// User namespace.
    pub user: u64,
    /// UTS namespace.
    pub uts: u64,
    /// IPC namespace.
    pub ipc: u64,
    /// Cgroup namespace.
    pub cgroup: u64,
}

/// A Kubernetes pod, as a runtime's labels and annotations tell it, or the API server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pod {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's uid; empty where it is not known.
    pub uid: String,
    /// The pod's labels; `None` until someone who knows the API server has added them.
    pub labels: Option<BTreeMap<String, String>>,
    /// The pod's controlling owner, where known.
    pub owner: Option<Owner>,
    /// The container's name in its pod; `None` for the sandbox.
    pub container: Option<String>,
    /// True when the API server knows a pod of this uid on this node, and everything but the
    /// container's name is as the API server has it. Otherwise it is what the runtime says, which
    /// other people's labels may have made it say.
    pub confirmed: bool,
}

/// The object that controls a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    /// Its kind: `ReplicaSet`, `DaemonSet`, …
    pub kind: String,
    /// Its name.
    pub name: String,
}
