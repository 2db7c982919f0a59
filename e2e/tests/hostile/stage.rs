//! What the cases share: a docker, and traces.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use traceherd_e2e::traceherd::{Ended, Options};
use traceherd_e2e::{Containerd, Docker, Traceherd};

use crate::hierarchy::Version;

/// What a container needs to go astray. Not --privileged, which needs every capability of the host.
pub const MAY_GO_ASTRAY: [&str; 7] = [
    "--detach",
    "--pid=host",
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
];

/// Makes the container's own cgroups writable, and `$cg` the one that counts.
pub const OWN_CGROUPS: &str = "for d in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts); do \
    mount -o remount,rw,bind $d; done; \
    cg=/sys/fs/cgroup; [ -e $cg/cgroup.procs ] || cg=$cg/memory; ";

pub struct Stage {
    pub version: Version,
    pub docker: Docker,
    containerd: OnceLock<Containerd>,
}

impl Stage {
    pub fn new(version: Version) -> Self {
        Self {
            version,
            docker: Docker::start().unwrap(),
            containerd: OnceLock::new(),
        }
    }

    /// For the cases that need one besides docker.
    pub fn containerd(&self) -> &Containerd {
        self.containerd.get_or_init(|| Containerd::start().unwrap())
    }

    /// A trace with these arguments of `traceherd exec`.
    pub fn trace(&self, args: &[&str]) -> Traceherd {
        let options = Options::exec(args).unwrap().docker(&self.docker);
        options.start().unwrap()
    }

    /// Starts a container that sleeps.
    pub fn sleeps(&self, name: &str) -> String {
        self.docker.run_detached(name, &["sleep", "1000"]).unwrap()
    }

    /// Runs a script in a container.
    pub fn script(&self, name: &str, script: &str) -> String {
        self.docker.exec(name, &["sh", "-c", script]).unwrap()
    }
}

/// A name that no other case uses.
pub fn name(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{stem}-{number}")
}

/// The execs of `/bin/echo MARK`.
pub fn marked<'e>(events: &'e [Value], mark: &str) -> Vec<&'e Value> {
    let args = json!(["/bin/echo", mark]);
    let is_marked = |event: &&Value| event["args"] == args;
    events.iter().filter(is_marked).collect()
}

/// Waits until each mark was seen.
pub fn wait_for(traceherd: &Traceherd, marks: &[&str]) {
    let mut missing = Vec::new();
    let complete = traceherd.eventually(|events| {
        missing = marks.to_vec();
        missing.retain(|mark| marked(events, mark).is_empty());
        missing.is_empty()
    });
    assert!(complete, "{missing:?} not seen; {}", traceherd.stderr());
}

/// That each mark was seen once, as that container's, and that nobody else's exec was.
pub fn assert_only(ended: &Ended, container: &str, marks: &[&str]) {
    for mark in marks {
        let seen = marked(&ended.events, mark);
        assert_eq!(seen.len(), 1, "{mark}: {seen:#?}");
    }
    let stranger = |event: &&Value| event["container"] != container;
    let strangers: Vec<_> = ended.events.iter().filter(stranger).collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
    assert_nothing_lost(ended);
}

/// That the summary tells of no loss.
pub fn assert_nothing_lost(ended: &Ended) {
    assert!(ended.is_lossless(), "{}: {}", ended.status, ended.stderr);
}

/// That it tells of nothing that might have been lost either: of a trace that sees no containers of
/// somebody else's.
pub fn assert_complete(ended: &Ended) {
    assert!(ended.is_complete(), "{}: {}", ended.status, ended.stderr);
}

/// That none of the marks was seen.
pub fn assert_none(ended: &Ended, marks: &[&str]) {
    for mark in marks {
        let seen = marked(&ended.events, mark);
        assert!(seen.is_empty(), "{seen:#?}");
    }
}
