//! Containers of a test's own, with a tracer collection that follows them.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use traceherd_containers::{Builder, CgroupId, ContainerCollection, Hierarchy, Selector};
use traceherd_e2e::{Docker, Runc};
use traceherd_tracers::{Config, Counts, Events, ExecEvent, TraceSpec, TracerCollection};

use super::{call::Call, child::Child, recorder::eventually};

/// The collections, and a place for containers. Drop order: who looks, then what is looked at.
pub struct Stage {
    pub tracers: TracerCollection,
    pub containers: ContainerCollection,
    runc: Runc,
    _docker: Option<Docker>,
    /// Where the test makes cgroups.
    home: PathBuf,
    /// Cgroups that the test made, to be removed however it ends.
    made: Mutex<Vec<PathBuf>>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for path in self.made.lock().unwrap().drain(..) {
            let _ = fs::remove_dir(path);
        }
    }
}

/// A running container. Whatever enters its cgroup is its own.
pub struct Ground {
    pub name: String,
    pub procs: PathBuf,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        Self::of(ContainerCollection::builder(), config, false).await
    }

    /// With a docker that answers no more: a new cgroup that is named as a container's is pending
    /// until it has been waited for long enough.
    pub async fn with_a_stopped_docker(config: Config) -> Self {
        let docker = Docker::start().unwrap();
        let sources = ContainerCollection::builder().docker(docker.socket());
        let stage = Self::of(sources, config, false).await;
        stage.with_stopped(docker)
    }

    /// A node of its own: what others do on this machine is not seen, and every number is the
    /// test's alone.
    pub async fn apart(config: Config) -> Self {
        Self::of(ContainerCollection::builder(), config, true).await
    }

    /// A node of its own with a docker that answers no more.
    pub async fn apart_with_a_stopped_docker(config: Config) -> Self {
        let docker = Docker::start().unwrap();
        let sources = ContainerCollection::builder().docker(docker.socket());
        let stage = Self::of(sources, config, true).await;
        stage.with_stopped(docker)
    }

    fn with_stopped(mut self, docker: Docker) -> Self {
        let daemon = Pid::from_raw(docker.pid().cast_signed());
        kill(daemon, Signal::SIGSTOP).unwrap();
        self._docker = Some(docker);
        self
    }

    async fn of(sources: Builder, config: Config, apart: bool) -> Self {
        let runc = Runc::start().unwrap();
        let (mut sources, mut home) = (sources.kernel(), Hierarchy::detect().unwrap().mount_point);
        if apart {
            let root = runc.cgroup_parent();
            home.push(root.trim_start_matches('/'));
            fs::create_dir(&home).unwrap();
            sources = sources.cgroup_root(root);
        }
        let containers = sources.start().await.unwrap();
        let tracers = TracerCollection::start(config, &containers).unwrap();
        Self {
            tracers,
            containers,
            runc,
            _docker: None,
            home,
            made: Mutex::default(),
        }
    }

    /// A name that no other container on this machine has.
    pub fn name(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        format!(
            "stage-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        )
    }

    /// Starts a container of that name. Some trace must run, or nobody hears of it.
    pub fn start(&self, name: &str) -> Ground {
        self.runc
            .run_detached(name, &[], &["sleep", "1000"])
            .unwrap();
        // runc does not wait for the container's first exec.
        let process = format!("/proc/{}/stat", self.runc.container_pid(name).unwrap());
        let sleeps = || fs::read_to_string(&process).unwrap().contains("(sleep) S");
        eventually(|| sleeps().then_some(()));
        let container = eventually(|| {
            let all = self.containers.containers();
            all.into_iter()
                .find(|container| container.name.as_deref() == Some(name))
        });
        let path = container
            .cgroup
            .as_ref()
            .unwrap()
            .path
            .trim_start_matches('/')
            .to_owned();
        let procs = self
            .containers
            .hierarchy()
            .mount_point
            .join(path)
            .join("cgroup.procs");
        Ground {
            name: name.into(),
            procs,
        }
    }

    /// A container with a trace on it alone, which has had the execs of its start: `sleep`, and
    /// perhaps runc's own, when that was in the container's cgroup already.
    pub async fn traced(&self, id: &str, spec: TraceSpec) -> (Ground, Trace<'_>) {
        let name = self.name();
        let events = self.tracers.add(id, on(&name, spec)).await.unwrap();
        let ground = self.start(&name);
        // A trace that is added later gets what is still in the ring.
        self.tracers.flush().await;
        (
            ground,
            Trace {
                stage: self,
                id: id.into(),
                events,
            },
        )
    }

    /// An empty cgroup beside the containers, to make cgroups in.
    pub fn ground(&self) -> PathBuf {
        self.make(&self.name())
    }

    fn make(&self, name: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::create_dir(&path).unwrap();
        self.made.lock().unwrap().push(path.clone());
        path
    }

    /// A cgroup of the host's own.
    pub fn hosts(&self) -> Ground {
        let path = self.ground();
        Ground {
            name: String::new(),
            procs: path.join("cgroup.procs"),
        }
    }

    /// A cgroup that is named as a container's, and is nobody's.
    pub fn nobodys(&self) -> Ground {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:032x}{number:032x}", std::process::id());
        let procs = self.make(&name).join("cgroup.procs");
        Ground { name, procs }
    }

    /// Kills and removes a container.
    pub fn remove(&self, name: &str) {
        self.runc.rm(name).unwrap();
    }

    /// Runs a container to its end.
    pub fn run(&self, name: &str, command: &[&str]) {
        self.runc.run(name, command).unwrap();
    }
}

/// The host's own processes.
pub fn host() -> TraceSpec {
    TraceSpec {
        selector: Selector {
            host: true,
            no_containers: true,
            ..Selector::default()
        },
        ..TraceSpec::default()
    }
}

/// The same trace, on the containers of that name only.
pub fn on(name: &str, spec: TraceSpec) -> TraceSpec {
    TraceSpec {
        selector: Selector::named(name),
        ..spec
    }
}

impl Ground {
    /// The cgroup's id.
    pub fn cgroup(&self) -> CgroupId {
        CgroupId(fs::metadata(self.procs.with_file_name("")).unwrap().ino())
    }

    /// Waits, in a thread of its own, for the end of the cgroup.
    pub fn end(&self) -> JoinHandle<Instant> {
        let procs = self.procs.clone();
        thread::spawn(move || {
            while procs.exists() {
                thread::sleep(Duration::from_millis(1));
            }
            Instant::now()
        })
    }

    /// A process of the container's, that executes this.
    pub fn exec(&self, call: &Call) -> Child {
        Child::fork(|| {
            fs::write(&self.procs, "0").unwrap();
            call.make()
        })
    }

    /// A new cgroup inside the container's.
    pub fn nested(&self, name: &str) -> PathBuf {
        let path = self.procs.with_file_name(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// `/bin/true`, to its end.
    pub fn run_true(&self) -> u32 {
        self.exec(&Call::new("/bin/true", ["true"])).succeeds()
    }

    /// Its shell executes `/bin/true` so often: one event more than that.
    pub fn storm(&self, times: u64) -> Child {
        let script = format!("i=0; while [ $i -lt {times} ]; do /bin/true; i=$((i + 1)); done");
        self.exec(&Call::new("/bin/sh", ["sh", "-c", &script]))
    }
}

/// A trace and its events.
pub struct Trace<'a> {
    stage: &'a Stage,
    id: String,
    pub events: Events,
}

impl Trace<'_> {
    /// Its account, when everything that happened is in it.
    pub async fn counts(&self) -> Counts {
        self.stage.tracers.flush().await;
        let counts = self.stage.tracers.counts(&self.id).unwrap();
        assert_adds_up(&counts);
        counts
    }

    /// Ends it. Returns its account and every event that it ever had.
    pub async fn end(self) -> (Counts, Vec<Arc<ExecEvent>>) {
        let counts = self.stage.tracers.remove(&self.id).await.unwrap();
        assert_adds_up(&counts);
        let events: Vec<_> = self.events.collect().await;
        assert_eq!(events.len() as u64, counts.delivered);
        (counts, events)
    }
}

pub fn assert_adds_up(counts: &Counts) {
    let Counts {
        observed,
        delivered,
        filtered,
        suppressed,
        ..
    } = *counts;
    assert_eq!(
        observed,
        delivered + filtered + suppressed + counts.lost(),
        "{counts:?}"
    );
}

/// What happened since.
pub fn since(before: Counts, now: Counts) -> Counts {
    Counts {
        observed: now.observed - before.observed,
        delivered: now.delivered - before.delivered,
        filtered: now.filtered - before.filtered,
        suppressed: now.suppressed - before.suppressed,
        lost_ring: now.lost_ring - before.lost_ring,
        lost_queue: now.lost_queue - before.lost_queue,
    }
}
