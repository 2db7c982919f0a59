//! The collection with real runtimes. The test plays the kernel by looking at cgroupfs all the
//! time.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use traceherd_containers::{
    Builder, CgroupChange, CgroupFeed, CgroupId, Change, Container, ContainerCollection, Hierarchy,
    Runtime, Source, Subscription,
};
use traceherd_e2e::{Containerd, Docker, Lateness};

const SOON: Duration = Duration::from_secs(10);
const BOUND: Duration = Duration::from_millis(100);

/// Feeds a collection as the kernel's tracepoints do.
struct Kernel {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kernel {
    fn play(hierarchy: Hierarchy, feed: CgroupFeed) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut known: HashMap<CgroupId, String> = HashMap::new();
            while !stopped.load(Ordering::Relaxed) {
                let all = hierarchy.walk().unwrap_or_default();
                let there: HashSet<CgroupId> = all.iter().map(|cgroup| cgroup.id).collect();
                known.retain(|id, _| {
                    let stays = there.contains(id);
                    if !stays {
                        feed.removed(*id);
                    }
                    stays
                });
                for cgroup in all {
                    if known.insert(cgroup.id, cgroup.path.clone()).is_none() {
                        feed.created(cgroup, CgroupId(0), 0);
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn next(changes: &mut Subscription) -> Change {
    let next = tokio::time::timeout(SOON, changes.next()).await;
    next.unwrap().unwrap()
}

async fn until(changes: &mut Subscription, wanted: impl Fn(&Change) -> bool) -> Arc<Container> {
    loop {
        let change = next(changes).await;
        if wanted(&change) {
            return change.container().clone();
        }
    }
}

fn named(container: &Container, name: &str) -> bool {
    container.name.as_deref() == Some(name)
}

async fn added(changes: &mut Subscription, name: &str) -> Arc<Container> {
    until(
        changes,
        |change| matches!(change, Change::Added(added) if named(added, name)),
    )
    .await
}

async fn removed(changes: &mut Subscription, name: &str) -> Arc<Container> {
    until(
        changes,
        |change| matches!(change, Change::Removed(gone) if named(gone, name)),
    )
    .await
}

/// Waits, in a thread of its own, for the end of a process.
fn end_of(pid: u32) -> JoinHandle<Instant> {
    thread::spawn(move || {
        let running = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let state = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.chars().next());
            !matches!(state, None | Some('Z' | 'X'))
        };
        while running() {
            thread::sleep(Duration::from_millis(1));
        }
        Instant::now()
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn dockers_containers_come_change_and_go() {
    let docker = Arc::new(Docker::start().unwrap());
    let collection = ContainerCollection::builder()
        .docker(docker.socket())
        .start()
        .await
        .unwrap();
    let mut changes = collection.subscribe();

    let daemon = docker.clone();
    let id = blocking(move || daemon.run_detached("hi", &["sleep", "1000"]).unwrap()).await;
    let hi = added(&mut changes, "hi").await;
    let pid = docker.container_pid("hi").unwrap();
    assert_eq!(
        (&hi.id, hi.pid, hi.runtime),
        (&id, Some(pid), Some(Runtime::Docker))
    );
    assert_eq!(hi.origins.name, Some(Source::Docker));
    assert!(hi.namespaces.is_some() && hi.started_at.is_some(), "{hi:?}");
    assert_eq!(
        hi.image.as_ref().map(|image| image.name.as_str()),
        Some("busybox")
    );
    let cgroup = hi.cgroup.clone().unwrap();
    assert_eq!(cgroup, collection.hierarchy().cgroup_of(pid).unwrap());
    assert_eq!(
        collection.resolve(cgroup.id).map(|found| found.pid),
        Some(hi.pid)
    );

    docker.rename("hi", "ho").unwrap();
    let ho = until(&mut changes, |change| named(change.container(), "ho")).await;
    assert_eq!((ho.pid, &ho.cgroup), (Some(pid), &Some(cgroup.clone())));

    let daemon = docker.clone();
    let restart = thread::spawn(move || daemon.restart("ho").unwrap());
    let gone = removed(&mut changes, "ho").await;
    assert_eq!(gone.cgroup, Some(cgroup.clone()));
    let back = added(&mut changes, "ho").await;
    restart.join().unwrap();
    assert_eq!(back.id, id);
    assert_ne!(back.cgroup, Some(cgroup));

    let (ended, machine) = (end_of(back.pid.unwrap()), Lateness::watch());
    let daemon = docker.clone();
    let kill = thread::spawn(move || daemon.kill("ho").unwrap());
    removed(&mut changes, "ho").await;
    let told = Instant::now();
    let late = told.saturating_duration_since(ended.join().unwrap());
    kill.join().unwrap();
    println!("removal told {late:?} after the end");
    assert!(late < BOUND + machine.allowance(), "{late:?}");
    assert!(collection.containers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_at_the_start_is_in_the_snapshot() {
    let docker = Docker::start().unwrap();
    let containerd = Containerd::start().unwrap();
    docker.run_detached("one", &["sleep", "1000"]).unwrap();
    containerd.run_detached("two", &["sleep", "1000"]).unwrap();
    let collection = ContainerCollection::builder()
        .docker(docker.socket())
        .containerd(containerd.socket())
        .kernel()
        .start()
        .await
        .unwrap();
    let parents = [docker.cgroup_parent(), containerd.cgroup_parent()];
    let is_ours = |container: &Container| parents.iter().any(|parent| is_below(container, parent));
    let mut found: Vec<_> = collection
        .containers()
        .iter()
        .filter(|container| is_ours(container))
        .map(|container| {
            let pid = container.pid.unwrap();
            (
                container.name.clone().unwrap(),
                pid,
                container.runtime.unwrap(),
            )
        })
        .collect();
    found.sort();
    let expected = [
        (
            "one".to_owned(),
            docker.container_pid("one").unwrap(),
            Runtime::Docker,
        ),
        (
            "two".to_owned(),
            containerd.container_pid("two").unwrap(),
            Runtime::Containerd,
        ),
    ];
    assert_eq!(found, expected);

    // The verdicts' view: the root first, the host's cgroups, and these two.
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    let _guard = collection.watch_cgroups(move |change| telling.lock().unwrap().push(change));
    let told = told.lock().unwrap();
    let ours = told.iter().filter(
        |change| matches!(change, CgroupChange::Container(_, container) if is_ours(container)),
    );
    assert_eq!(ours.count(), 2);
    for parent in &parents {
        let host = |change: &CgroupChange| matches!(change, CgroupChange::Host(cgroup) if cgroup.path == *parent);
        assert!(told.iter().any(host), "{parent}");
    }
    assert!(matches!(&told[0], CgroupChange::Host(root) if root.path == "/"));
    containerd.rm("two").unwrap();
    docker.rm("one").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn containerds_containers_come_and_go() {
    let containerd = Arc::new(Containerd::start().unwrap());
    let collection = ContainerCollection::builder()
        .containerd(containerd.socket())
        .start()
        .await
        .unwrap();
    let mut changes = collection.subscribe();
    let daemon = containerd.clone();
    blocking(move || daemon.run_detached("web", &["sleep", "1000"]).unwrap()).await;
    let web = added(&mut changes, "web").await;
    let pid = containerd.container_pid("web").unwrap();
    assert_eq!((web.id.as_str(), web.pid), ("web", Some(pid)));
    assert_eq!(
        web.runtime_namespace.as_deref(),
        Some(containerd.namespace())
    );
    assert!(web.image.is_some(), "{web:?}");

    let (ended, machine) = (end_of(pid), Lateness::watch());
    let daemon = containerd.clone();
    let kill = thread::spawn(move || daemon.rm("web").unwrap());
    removed(&mut changes, "web").await;
    let told = Instant::now();
    let late = told.saturating_duration_since(ended.join().unwrap());
    kill.join().unwrap();
    assert!(late < BOUND + machine.allowance(), "{late:?}");
}

/// True for a container of the daemon whose containers' cgroups are below `parent`: others may
/// run on this host.
fn is_below(container: &Container, parent: &str) -> bool {
    let path = container.cgroup.as_ref().map(|cgroup| cgroup.path.as_str());
    path.is_some_and(|path| path.starts_with(parent))
}

/// Runs `count` containers that end at once, 8 at a time, and compares what was told.
async fn many(
    sources: Builder,
    parent: String,
    count: usize,
    run: impl Fn(&str) + Send + Sync + 'static,
) {
    let collection = sources.kernel().start().await.unwrap();
    let waits = Arc::new(Mutex::new((HashMap::new(), Vec::new())));
    let (measured, machine) = (waits.clone(), Lateness::watch());
    let _guard = collection.watch_cgroups(move |change| {
        let mut waits = measured.lock().unwrap();
        match change {
            CgroupChange::Pending(cgroup) => {
                waits.0.insert(cgroup.id, Instant::now());
            }
            CgroupChange::Container(cgroup, _) => {
                if let Some(since) = waits.0.remove(&cgroup.id) {
                    waits.1.push(since.elapsed());
                }
            }
            _ => {}
        }
    });
    let _kernel = Kernel::play(collection.hierarchy().clone(), collection.feed());
    let mut changes = collection.subscribe();

    let names: Vec<String> = (0..count).map(|number| format!("many-{number}")).collect();
    let queue = Arc::new(Mutex::new(names.clone()));
    let run = Arc::new(run);
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (queue, run) = (queue.clone(), run.clone());
            thread::spawn(move || {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(name) = next else { return };
                    run(&name);
                }
            })
        })
        .collect();

    let mut lives: HashMap<String, (u32, u32)> = HashMap::new();
    let mut ended = 0;
    while ended < count {
        let change = next(&mut changes).await;
        let container = change.container();
        if !is_below(container, &parent) {
            continue;
        }
        let life = lives
            .entry(container.name.clone().unwrap_or_default())
            .or_default();
        match change {
            Change::Added(_) => life.0 += 1,
            Change::Removed(_) => {
                life.1 += 1;
                ended += 1;
            }
            Change::Updated(_) => {}
        }
    }
    for worker in workers {
        worker.join().unwrap();
    }
    let mut found: Vec<_> = lives.into_iter().collect();
    found.sort();
    let mut expected: Vec<_> = names.into_iter().map(|name| (name, (1, 1))).collect();
    expected.sort();
    assert_eq!(found, expected);
    let left = collection.containers();
    assert!(!left.iter().any(|left| is_below(left, &parent)));

    let mut waits = std::mem::take(&mut waits.lock().unwrap().1);
    waits.sort();
    let median = waits[waits.len() / 2];
    let longest = waits[waits.len() - 1];
    println!("{count} containers: pending {median:?} in the median, {longest:?} at most");
    assert!(median < BOUND + machine.allowance(), "{median:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_short_docker_containers_has_its_name() {
    let docker = Docker::start().unwrap();
    // The containerd below docker knows the same containers, and no names of theirs.
    let below = docker
        .socket()
        .with_file_name("exec/containerd/containerd.sock");
    assert!(below.exists());
    let sources = ContainerCollection::builder()
        .docker(docker.socket())
        .containerd(below);
    let parent = docker.cgroup_parent();
    let run = move |name: &str| drop(docker.run(name, &["echo", name]).unwrap());
    many(sources, parent, 60, run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_short_containerd_containers_has_its_name() {
    let containerd = Containerd::start().unwrap();
    let sources = ContainerCollection::builder().containerd(containerd.socket());
    let parent = containerd.cgroup_parent();
    let run = move |name: &str| drop(containerd.run(name, &["echo", name]).unwrap());
    many(sources, parent, 60, run).await;
}
