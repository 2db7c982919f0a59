//! Nodes that share one kernel: each sees its own processes, and nothing of the others'.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    collections::HashSet,
    env,
    fs::{self, DirBuilder},
    io::{self, Write as _},
    mem::ManuallyDrop,
    os::fd::IntoRawFd as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use futures::StreamExt as _;
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::stat::Mode,
};
use support::{call::Call, child::Child, recorder::eventually, stage::assert_adds_up};
use traceherd_containers::{
    CgroupChange, CgroupId, CgroupVersion, ContainerCollection, Hierarchy, Selector, WatchGuard,
};
use traceherd_tracers::{Config, Events, TraceSpec, TracerCollection, Unattributed};

const V2: &str = "/sys/fs/cgroup";

/// A place for nodes, with all below it gone at the end.
struct Ground(PathBuf);

impl Ground {
    fn new(hierarchy: &Hierarchy, name: &str) -> Self {
        let name = format!("traceherd-{name}-{}", std::process::id());
        let path = hierarchy.mount_point.join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn make(&self, below: &str) -> PathBuf {
        assert!(!below.starts_with('/'), "{below}");
        let path = self.0.join(below);
        DirBuilder::new().recursive(true).create(&path).unwrap();
        path
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // A process that has just ended may still be counted.
    eventually(|| fs::remove_dir(cgroup).ok());
}

/// Executes `/bin/true` in a cgroup.
fn run_in(cgroup: &Path) -> u32 {
    let procs = cgroup.join("cgroup.procs");
    let call = Call::new("/bin/true", ["true"]);
    Child::fork(|| {
        fs::write(&procs, "0").unwrap();
        call.make()
    })
    .succeeds()
}

/// A node, with a trace of all that happens on it.
struct Node {
    containers: ContainerCollection,
    tracers: TracerCollection,
    events: Events,
    told: Arc<Mutex<Vec<CgroupChange>>>,
    _watch: WatchGuard,
}

impl Node {
    async fn start(root: Option<&str>) -> Self {
        let builder = ContainerCollection::builder().kernel();
        let builder = match root {
            Some(root) => builder.cgroup_root(root),
            None => builder,
        };
        let containers = builder.start().await.unwrap();
        let tracers = TracerCollection::start(Config::default(), &containers).unwrap();
        let told = Arc::<Mutex<Vec<CgroupChange>>>::default();
        let theirs = Arc::clone(&told);
        let watch = containers.watch_cgroups(move |change| theirs.lock().unwrap().push(change));
        let everything = TraceSpec {
            selector: Selector {
                host: true,
                ..Selector::default()
            },
            ..TraceSpec::default()
        };
        let events = tracers.add("everything", everything).await.unwrap();
        Self {
            containers,
            tracers,
            events,
            told,
            _watch: watch,
        }
    }

    /// Ends the trace. Every exec that was seen: its process, and the container's id, sorted.
    async fn end(self) -> Vec<(u32, Option<String>)> {
        self.tracers.flush().await;
        // Every new cgroup is somebody's by then.
        eventually(|| pending(&self.told.lock().unwrap()).is_empty().then_some(()));
        let matched = self.tracers.matched("everything").unwrap();
        let containers = self.containers.containers().len();
        let counts = self.tracers.remove("everything").await.unwrap();
        assert_adds_up(&counts);
        assert_eq!(self.tracers.unattributed(), Unattributed::default());
        assert_eq!(self.tracers.kernel_counts().seen, counts.observed);
        assert_eq!(matched, containers);
        let root = self.containers.root().path.trim_end_matches('/').to_owned();
        for change in self.told.lock().unwrap().iter() {
            let cgroup = match change {
                CgroupChange::Gone(_) => continue,
                CgroupChange::Pending(cgroup)
                | CgroupChange::Host(cgroup)
                | CgroupChange::Container(cgroup, _)
                | CgroupChange::Inside { cgroup, .. } => cgroup,
            };
            let below = cgroup.path.strip_prefix(&root);
            assert!(
                below.is_some_and(|below| below.is_empty() || below.starts_with('/')),
                "{change:?}"
            );
        }
        let seen = self.events.map(|event| {
            let container = event.container.as_ref().map(|found| found.id.clone());
            (event.pid, container)
        });
        // Of two new cgroups the second may be known first.
        let mut seen: Vec<_> = seen.collect().await;
        seen.sort();
        seen
    }
}

/// The cgroups that were last told to be pending.
fn pending(told: &[CgroupChange]) -> HashSet<CgroupId> {
    let mut pending = HashSet::new();
    for change in told {
        match change {
            CgroupChange::Pending(cgroup) => {
                pending.insert(cgroup.id);
            }
            CgroupChange::Host(cgroup)
            | CgroupChange::Container(cgroup, _)
            | CgroupChange::Inside { cgroup, .. } => {
                pending.remove(&cgroup.id);
            }
            CgroupChange::Gone(id) => {
                pending.remove(id);
            }
        }
    }
    pending
}

/// What happens on a node whose own cgroup is there: the processes and their containers, sorted.
fn happens(node: &Ground, digit: char) -> Vec<(u32, Option<String>)> {
    let (old, new) = (id(digit, '0'), id(digit, '1'));
    // Named as a container of the other node's.
    let nested = format!("{new}/{}", id('a', '0'));
    let mut all = vec![
        (run_in(&node.0), None),
        (run_in(&node.make("system/service")), None),
        (run_in(&node.make(&old)), Some(old)),
        (run_in(&node.make(&new)), Some(new.clone())),
        (run_in(&node.make(&nested)), Some(new)),
    ];
    all.sort();
    all
}

fn id(first: char, rest: char) -> String {
    format!("{first}{}", rest.to_string().repeat(63))
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_a_kernel_each_see_their_own() {
    let hierarchy = Hierarchy::detect().unwrap();
    let ground = Ground::new(&hierarchy, "nodes");
    let own = [Ground(ground.make("a")), Ground(ground.make("ab"))];
    let path = |own: &Ground| {
        let path = own.0.strip_prefix(&hierarchy.mount_point).unwrap();
        format!("/{}", path.display())
    };
    for (own, digit) in own.iter().zip(['a', 'b']) {
        own.make(&id(digit, '0'));
    }
    let first = Node::start(Some(&path(&own[0]))).await;
    let second = Node::start(Some(&path(&own[1]))).await;

    // On neither.
    run_in(&ground.0);
    run_in(&ground.make(&id('c', '0')));
    let on_first = happens(&own[0], 'a');
    let on_second = happens(&own[1], 'b');
    run_in(&ground.make("third/pod"));
    assert_eq!(first.end().await, on_first);
    assert_eq!(second.end().await, on_second);
}

#[test]
fn nodes_that_share_a_kernel_each_see_their_own_on_cgroup_v2() {
    let child = Child::fork(|| {
        own_mounts();
        mount_v2();
        assert_eq!(Hierarchy::detect().unwrap().version, CgroupVersion::V2);
        status_of_test("nodes_that_share_a_kernel_each_see_their_own")
    });
    child.succeeds();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "in the namespaces that the next test makes"]
async fn what_is_in_sight_is_the_node() {
    let outside = PathBuf::from(env::var(OUTSIDE).unwrap());
    let hierarchy = Hierarchy::detect().unwrap();
    // Taken away from the outside.
    let ground = ManuallyDrop::new(Ground(hierarchy.mount_point));
    ground.make(&id('a', '0'));
    let node = Node::start(None).await;
    run_in(&outside);
    let ours = happens(&ground, 'a');
    run_in(&outside);
    assert_eq!(node.end().await, ours);
}

/// As in a kind node on cgroup v2: what a process sees of the hierarchy begins with its node's own
/// cgroup, while the kernel tells paths from further up.
#[test]
fn in_cgroup_namespaces_the_node_is_what_is_in_sight() {
    let name = format!("traceherd-outer-{}", std::process::id());
    let child = Child::fork(|| {
        own_mounts();
        mount_v2();
        // Kept across what follows, and for the test.
        let root = open(V2, OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty()).unwrap();
        let root = PathBuf::from(format!("/proc/self/fd/{}", root.into_raw_fd()));
        let outer = Ground(root.join(&name));
        enter(&outer.make("node"));
        unshare(CloneFlags::CLONE_NEWCGROUP).unwrap();
        mount_v2();
        let agent = Path::new(V2).join("agent");
        fs::create_dir(&agent).unwrap();
        enter(&agent);
        unshare(CloneFlags::CLONE_NEWCGROUP).unwrap();
        // SAFETY: this process has one thread.
        unsafe { env::set_var(OUTSIDE, &outer.0) };
        let status = status_of_test("what_is_in_sight_is_the_node");
        enter(&root);
        status
    });
    child.succeeds();
}

/// Where a test finds a cgroup that is outside of what it sees.
const OUTSIDE: &str = "TRACEHERD_TEST_OUTSIDE";

fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
}

/// In the place of what was there.
fn mount_v2() {
    umount2(V2, MntFlags::MNT_DETACH).unwrap();
    let (kind, none) = (Some("cgroup2"), None::<&str>);
    mount(kind, V2, kind, MsFlags::empty(), none).unwrap();
}

fn enter(cgroup: &Path) {
    fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
}

/// Runs a test of this program by itself.
fn status_of_test(name: &str) -> Errno {
    let this = env::current_exe().unwrap();
    let run = Command::new(this)
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .output()
        .unwrap();
    let passed = run.status.success() && String::from_utf8_lossy(&run.stdout).contains("1 passed");
    if !passed {
        // What the macros print is kept for a test that this child is not.
        io::stderr().write_all(&run.stdout).unwrap();
        io::stderr().write_all(&run.stderr).unwrap();
    }
    Errno::from_raw(i32::from(!passed))
}
