//! The collection on this host's cgroupfs, with no runtime: the test plays the kernel.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use traceherd_containers::{
    Cgroup, CgroupChange, CgroupId, Change, ContainerCollection, Hierarchy, PodFacts, Source,
    StartError, WatchGuard,
};
use traceherd_e2e::Lateness;

const SOON: Duration = Duration::from_secs(5);

/// A cgroup of the test's own, removed with all below it.
struct Ground {
    hierarchy: Hierarchy,
    name: String,
}

impl Ground {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let ground = Self {
            hierarchy: Hierarchy::detect().unwrap(),
            name: format!("/traceherd-test-{}-{number}", std::process::id()),
        };
        fs::create_dir(ground.directory("")).unwrap();
        ground
    }

    fn directory(&self, below: &str) -> PathBuf {
        let path = format!("{}{below}", self.name);
        self.hierarchy
            .mount_point
            .join(path.trim_start_matches('/'))
    }

    fn make(&self, below: &str) -> Cgroup {
        fs::create_dir(self.directory(below)).unwrap();
        self.at(below)
    }

    fn at(&self, below: &str) -> Cgroup {
        let path = format!("{}{below}", self.name);
        self.hierarchy.cgroup_at(&path).unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let below = |cgroup: &Cgroup| cgroup.path.starts_with(&self.name);
        let all = self.hierarchy.walk().unwrap();
        for cgroup in all.iter().rev().filter(|cgroup| below(cgroup)) {
            let path = cgroup.path.trim_start_matches('/');
            fs::remove_dir(self.hierarchy.mount_point.join(path)).unwrap();
        }
    }
}

async fn collection() -> ContainerCollection {
    ContainerCollection::builder()
        .kernel()
        .start()
        .await
        .unwrap()
}

fn follow(collection: &ContainerCollection) -> (Receiver<CgroupChange>, WatchGuard) {
    let (sender, receiver) = channel();
    let guard = collection.watch_cgroups(move |change| {
        let _ = sender.send(change);
    });
    (receiver, guard)
}

/// The next change that is about one of `cgroups`.
fn next_of(changes: &Receiver<CgroupChange>, cgroups: &[&Cgroup]) -> CgroupChange {
    loop {
        let change = changes.recv_timeout(SOON).unwrap();
        let about = match &change {
            CgroupChange::Gone(id) => *id,
            CgroupChange::Pending(cgroup)
            | CgroupChange::Host(cgroup)
            | CgroupChange::Container(cgroup, _)
            | CgroupChange::Inside { cgroup, .. } => cgroup.id,
        };
        if cgroups.iter().any(|cgroup| cgroup.id == about) {
            return change;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cgroup_is_followed_from_pending_to_gone() {
    let ground = Ground::new();
    let collection = collection().await;
    let (changes, _guard) = follow(&collection);
    let feed = collection.feed();
    let top = ground.at("");
    assert_eq!(next_of(&changes, &[&top]), CgroupChange::Host(top.clone()));

    let plain = ground.make("/plain");
    feed.created(plain.clone(), top.id, std::process::id());
    assert_eq!(
        next_of(&changes, &[&plain]),
        CgroupChange::Pending(plain.clone())
    );
    assert_eq!(
        next_of(&changes, &[&plain]),
        CgroupChange::Host(plain.clone())
    );
    assert_eq!(collection.resolve(plain.id), None);

    let id = "a".repeat(64);
    let shaped = ground.make(&format!("/{id}"));
    feed.created(shaped.clone(), top.id, std::process::id());
    assert_eq!(
        next_of(&changes, &[&shaped]),
        CgroupChange::Pending(shaped.clone())
    );
    let CgroupChange::Container(_, container) = next_of(&changes, &[&shaped]) else {
        panic!("not a container");
    };
    assert_eq!(
        (container.id.as_str(), &container.name),
        (id.as_str(), &None)
    );

    let nested = ground.make(&format!("/{id}/nested"));
    feed.created(nested.clone(), shaped.id, std::process::id());
    assert!(matches!(
        next_of(&changes, &[&nested]),
        CgroupChange::Inside { .. }
    ));
    assert_eq!(collection.resolve(nested.id), Some(container.clone()));

    feed.removed(nested.id);
    feed.removed(shaped.id);
    assert_eq!(
        next_of(&changes, &[&nested, &shaped]),
        CgroupChange::Gone(shaped.id)
    );
    assert_eq!(collection.resolve(shaped.id), Some(container));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_events_are_made_up_for() {
    let ground = Ground::new();
    let collection = collection().await;
    let (changes, _guard) = follow(&collection);
    let kept = ground.make(&format!("/{}", "b".repeat(64)));
    let nested = ground.make(&format!("/{}/{}", "b".repeat(64), "c".repeat(64)));
    collection.feed().lost();
    assert_eq!(
        next_of(&changes, &[&kept, &nested]),
        CgroupChange::Pending(kept.clone())
    );
    assert_eq!(
        next_of(&changes, &[&kept, &nested]),
        CgroupChange::Pending(nested.clone())
    );
    assert!(matches!(
        next_of(&changes, &[&kept, &nested]),
        CgroupChange::Container(cgroup, _) if cgroup == kept
    ));
    assert!(matches!(
        next_of(&changes, &[&kept, &nested]),
        CgroupChange::Inside { cgroup, .. } if cgroup == nested
    ));
    fs::remove_dir(ground.directory(&nested.path[ground.name.len()..])).unwrap();
    fs::remove_dir(ground.directory(&kept.path[ground.name.len()..])).unwrap();
    collection.feed().lost();
    assert_eq!(
        next_of(&changes, &[&kept, &nested]),
        CgroupChange::Gone(kept.id)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_kernel_the_end_of_a_cgroup_is_seen() {
    let ground = Ground::new();
    let id = "d".repeat(64);
    let shaped = ground.make(&format!("/{id}"));
    let collection = ContainerCollection::builder()
        .procfs()
        .start()
        .await
        .unwrap();
    let mut changes = collection.subscribe();
    let ours = |change: &Change| change.container().cgroup.as_ref() == Some(&shaped);
    // Other containers may run on this host.
    let first = loop {
        let change = changes.next().await.unwrap();
        if ours(&change) {
            break change;
        }
    };
    assert!(matches!(&first, Change::Added(_)), "{first:?}");
    let machine = Lateness::watch();
    fs::remove_dir(ground.directory(&format!("/{id}"))).unwrap();
    let removed = Instant::now();
    loop {
        let change = changes.next().await.unwrap();
        if matches!(change, Change::Removed(_)) && ours(&change) {
            break;
        }
    }
    let (late, allowed) = (removed.elapsed(), machine.allowance());
    assert!(
        late < Duration::from_millis(100) + allowed,
        "{late:?}, {allowed:?} allowed for the machine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runtimes_that_are_silent_or_talk_nonsense_hold_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let talks: [&[u8]; 2] = [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n]}{"];
    for (number, talk) in talks.into_iter().enumerate() {
        let socket = folder.path().join(number.to_string());
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.write_all(talk);
                open.push(connection);
            }
        });
        let ground = Ground::new();
        let began = Instant::now();
        let collection = ContainerCollection::builder()
            .docker(&socket)
            .containerd(&socket)
            .kernel()
            .start()
            .await
            .unwrap();
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "{:?}",
            began.elapsed()
        );
        let (changes, _guard) = follow(&collection);
        let shaped = ground.make(&format!("/{}", "e".repeat(64)));
        let began = Instant::now();
        collection
            .feed()
            .created(shaped.clone(), ground.at("").id, 0);
        while !matches!(next_of(&changes, &[&shaped]), CgroupChange::Container(..)) {}
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_cgroups_holds_nobody_up() {
    let collection = collection().await;
    let (changes, _guard) = follow(&collection);
    let feed = collection.feed();
    // Nothing of this exists in cgroupfs; the ids are above all that do.
    let first = u64::MAX / 2;
    let made: u64 = 10_000;
    let root = collection.hierarchy().root().unwrap().id;
    let began = Instant::now();
    let reader = thread::spawn(move || {
        let mut slowest = Duration::ZERO;
        for number in first..first + made {
            let cgroup = Cgroup {
                id: CgroupId(number),
                path: format!("/traceherd-burst-{number}"),
            };
            let call = Instant::now();
            feed.created(cgroup, root, 0);
            slowest = slowest.max(call.elapsed());
        }
        slowest
    });
    let mut hosts = HashSet::new();
    while hosts.len() < usize::try_from(made).unwrap() {
        if let CgroupChange::Host(cgroup) = changes.recv_timeout(SOON).unwrap()
            && cgroup.id.0 >= first
        {
            assert!(hosts.insert(cgroup.id));
        }
    }
    let took = began.elapsed();
    let slowest = reader.join().unwrap();
    println!("{made} cgroups: all known in {took:?}, slowest call {slowest:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
}

/// A docker that lists nothing, and is silent when it is asked for one container.
fn docker_too_busy(listener: UnixListener) {
    let mut open = Vec::new();
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let mut request = [0; 4096];
        let len = connection.read(&mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..len]);
        let body = match request.lines().next().unwrap_or_default() {
            line if line.contains("filters=") || line.contains("/events") => None,
            line if line.contains("/version") => Some("{}"),
            _ => Some("[]"),
        };
        if let Some(body) = body {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json";
            let len = body.len();
            let _ = write!(connection, "{head}\r\ncontent-length: {len}\r\n\r\n{body}");
        }
        open.push(connection);
    }
}

/// Its maker's command line is there for a moment only, and nobody else knows its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_plain_container_behind_hundreds_of_others_is_named_at_once_by_its_maker() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || docker_too_busy(listener));
    let collection = ContainerCollection::builder()
        .docker(&socket)
        .kernel()
        .start()
        .await
        .unwrap();
    let ground = Ground::new();
    let top = ground.at("");
    let plain = ground.make("/plain");
    let config = format!(r#"{{"linux":{{"cgroupsPath":"{}"}}}}"#, plain.path);
    fs::write(folder.path().join("config.json"), config).unwrap();
    let mut runc = Command::new("/bin/sh")
        .arg0("runc")
        // The parser takes -c for an option with a value, as crun has one.
        .args(["-c", "read line", "create", "--bundle"])
        .arg(folder.path())
        .arg("plain")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();

    let (changes, _guard) = follow(&collection);
    let feed = collection.feed();
    let began = Instant::now();
    // Nothing of these exists in cgroupfs; the ids are above all that do.
    let first = u64::MAX / 8;
    for number in 0..600 {
        let shaped = Cgroup {
            id: CgroupId(first + number),
            path: format!("{}/{number:064x}", ground.name),
        };
        feed.created(shaped, top.id, 0);
    }
    feed.created(plain.clone(), top.id, runc.id());
    let told = loop {
        match next_of(&changes, &[&plain]) {
            CgroupChange::Pending(_) => {}
            told => break told,
        }
    };
    let took = began.elapsed();
    runc.kill().unwrap();
    runc.wait().unwrap();
    let CgroupChange::Container(_, container) = told else {
        panic!("{told:?}");
    };
    assert_eq!(container.name.as_deref(), Some("plain"));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Other containers may run on this host.
fn is_ours(id: &str) -> bool {
    id.starts_with("00000000")
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_get_the_snapshot_and_every_change_exactly_once() {
    let collection = collection().await;
    let feed = collection.feed();
    let first = u64::MAX / 4;
    let root = collection.hierarchy().root().unwrap().id;
    let made: u64 = 400;
    let world = thread::spawn(move || {
        for number in 0..made {
            let cgroup = Cgroup {
                id: CgroupId(first + number),
                path: format!("/{number:064x}"),
            };
            feed.created(cgroup, root, 0);
            thread::sleep(Duration::from_micros(300));
            // Every other one ends; some while they are pending.
            if number % 2 == 1 {
                feed.removed(CgroupId(first + number - 1));
            }
        }
    });
    let mut subscribers = Vec::new();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(7)).await;
        let mut changes = collection.subscribe();
        subscribers.push(tokio::spawn(async move {
            let mut there = HashMap::new();
            let last = format!("{:064x}", made - 1);
            let limit = Instant::now() + 2 * SOON;
            // Until the last one that stays is there and nothing follows.
            while Instant::now() < limit {
                let idle = Duration::from_millis(500);
                match tokio::time::timeout(idle, changes.next()).await {
                    Ok(Some(Change::Added(container))) => {
                        let before = there.insert(container.id.clone(), container);
                        assert!(before.is_none(), "added twice: {before:?}");
                    }
                    Ok(Some(Change::Updated(container))) => {
                        assert!(there.insert(container.id.clone(), container).is_some());
                    }
                    Ok(Some(Change::Removed(container))) => {
                        assert!(there.remove(&container.id).is_some(), "{container:?}");
                    }
                    Ok(None) => panic!("ended"),
                    Err(_) if there.contains_key(&last) => break,
                    Err(_) => {}
                }
            }
            there
                .into_keys()
                .filter(|id| is_ours(id))
                .collect::<HashSet<_>>()
        }));
    }
    let all = async {
        let mut sets = Vec::new();
        for subscriber in subscribers {
            sets.push(subscriber.await.unwrap());
        }
        sets
    };
    let sets = all.await;
    world.join().unwrap();
    let containers = collection.containers();
    let ids = containers.iter().map(|container| container.id.clone());
    let now: HashSet<String> = ids.filter(|id| is_ours(id)).collect();
    assert!(now.len() >= usize::try_from(made / 2).unwrap());
    for set in sets {
        assert_eq!(set, now);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_collection_ends_subscriptions_and_quiets_the_feed() {
    let collection = collection().await;
    let feed = collection.feed();
    let mut changes = collection.subscribe();
    let (cgroups, guard) = follow(&collection);
    drop(collection);
    while changes.next().await.is_some() {}
    while cgroups.try_recv().is_ok() {}
    let cgroup = Cgroup {
        id: CgroupId(u64::MAX),
        path: "/traceherd-late".into(),
    };
    feed.created(cgroup, CgroupId(1), 0);
    feed.lost();
    assert!(cgroups.try_recv().is_err());
    drop(guard);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_nodes_own_cgroups_are_told() {
    let ground = Ground::new();
    let (own, other) = ("f".repeat(64), "e".repeat(64));
    let node = ground.make("/node");
    let there = ground.make(&format!("/node/{own}"));
    let outside = ground.make(&format!("/{other}"));
    let collection = ContainerCollection::builder()
        .kernel()
        // As people write it.
        .cgroup_root(format!("{}//", &node.path[1..]))
        .start()
        .await
        .unwrap();
    assert_eq!(collection.root(), &node);
    let containers = collection.containers();
    let ids: Vec<_> = containers.iter().map(|container| &container.id).collect();
    assert_eq!(ids, [&own]);
    let (changes, _guard) = follow(&collection);
    collection
        .feed()
        .created(outside.clone(), ground.at("").id, 0);
    collection.feed().rescan().await;
    collection.feed().removed(there.id);
    let told: Vec<CgroupChange> = changes.try_iter().collect();
    let [
        host,
        CgroupChange::Container(cgroup, _),
        CgroupChange::Gone(gone),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(host, &CgroupChange::Host(node));
    assert_eq!((cgroup.id, *gone), (there.id, there.id));
    assert_eq!(collection.resolve(outside.id), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_cgroup_that_is_not_there_is_an_error_that_names_it() {
    for path in ["/traceherd-no-such", "/../etc", "/cgroup.procs"] {
        let started = ContainerCollection::builder().cgroup_root(path).start();
        let Err(error) = started.await else {
            panic!("{path} was taken");
        };
        assert!(matches!(error, StartError::Root { .. }), "{error:?}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

/// A process that makes a container of a pod, as containerd's shim has runc do it.
struct Maker {
    runc: std::process::Child,
    _folder: tempfile::TempDir,
}

impl Maker {
    fn start(cgroup: &Cgroup, uid: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let task = "io.containerd.runtime.v2.task/k8s.io/web";
        let bundle = folder.path().join(task);
        fs::create_dir_all(&bundle).unwrap();
        let annotation = |key: &str, value: &str| format!(r#""io.kubernetes.cri.{key}":"{value}""#);
        let annotations = [
            annotation("sandbox-namespace", "shop"),
            annotation("sandbox-name", "cart-0"),
            annotation("sandbox-uid", uid),
            annotation("container-name", "web"),
        ]
        .join(",");
        let path = &cgroup.path;
        let config =
            format!(r#"{{"linux":{{"cgroupsPath":"{path}"}},"annotations":{{{annotations}}}}}"#);
        fs::write(bundle.join("config.json"), config).unwrap();
        let runc = Command::new("/bin/sh")
            .arg0("runc")
            // The parser takes -c for an option with a value, as crun has one.
            .args(["-c", "read line", "create", "--bundle"])
            .arg(&bundle)
            .arg(path.rsplit('/').next().unwrap())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            runc,
            _folder: folder,
        }
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        self.runc.kill().unwrap();
        self.runc.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_container_of_a_pod_waits_for_the_api_server_but_not_for_long() {
    let uid = "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
    let ground = Ground::new();
    let collection = ContainerCollection::builder()
        .kernel()
        .pods()
        .start()
        .await
        .unwrap();
    let pods = collection.pods();
    let cart = |app: &str| PodFacts {
        uid: uid.to_owned(),
        namespace: "shop".into(),
        name: "cart-0".into(),
        labels: [("app".to_owned(), app.to_owned())].into(),
        ..PodFacts::default()
    };
    ground.make("/kubepods");
    let pod = ground.make(&format!("/kubepods/pod{uid}"));
    collection.feed().rescan().await;
    let mut changes = collection.subscribe();
    // Other containers may run on this host.
    let is_ours = |change: &Change| {
        let cgroup = change.container().cgroup.as_ref();
        cgroup.is_some_and(|cgroup| cgroup.path.starts_with(&pod.path))
    };
    let mut next = async || loop {
        let next = tokio::time::timeout(SOON, changes.next()).await;
        let change = next.unwrap().unwrap();
        if is_ours(&change) {
            return change;
        }
    };

    // Nobody confirms it in time.
    let first = ground.make(&format!("/kubepods/pod{uid}/{}", "a".repeat(64)));
    let maker = Maker::start(&first, uid);
    let began = Instant::now();
    collection
        .feed()
        .created(first.clone(), pod.id, maker.runc.id());
    let change = next().await;
    let waited = began.elapsed();
    assert!(matches!(change, Change::Added(_)), "{change:?}");
    let limits = Duration::from_millis(1900)..Duration::from_secs(3);
    assert!(limits.contains(&waited), "{waited:?}");
    let unconfirmed = change.container().pod.clone().unwrap();
    assert!(!unconfirmed.confirmed && unconfirmed.labels.is_none());
    assert_eq!(change.container().origins.pod, Some(Source::Oci));

    // Late is better than never.
    pods.listed(vec![cart("old")]);
    let change = next().await;
    assert!(matches!(change, Change::Updated(_)), "{change:?}");
    let confirmed = change.container().pod.clone().unwrap();
    assert!(confirmed.confirmed);
    assert_eq!(confirmed.labels, Some(cart("old").labels));
    assert_eq!(confirmed.container.as_deref(), Some("web"));
    assert_eq!(change.container().origins.pod, Some(Source::Kubernetes));

    // What is known already is told at once.
    let second = ground.make(&format!("/kubepods/pod{uid}/{}", "b".repeat(64)));
    let other = Maker::start(&second, uid);
    let began = Instant::now();
    collection
        .feed()
        .created(second.clone(), pod.id, other.runc.id());
    let change = next().await;
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(change.container().pod, Some(confirmed));
    pods.set(cart("new"));
    for _ in 0..2 {
        let change = next().await;
        assert!(matches!(change, Change::Updated(_)), "{change:?}");
        let labels = change.container().pod.clone().unwrap().labels;
        assert_eq!(labels, Some(cart("new").labels));
    }
    pods.removed(uid);
    collection.feed().removed(first.id);
    let change = next().await;
    assert!(matches!(change, Change::Removed(_)), "{change:?}");
    assert!(change.container().pod.clone().unwrap().confirmed);
}
