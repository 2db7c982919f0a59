//! Containers that come and go, under four traces of which one changes, leave nothing behind:
//! memory, descriptors, threads and the kernel's maps stay as they are.
//!
//! `SOAK_MINUTES` says for how long (`make soak`: 20). This is the only test of its process, which
//! is what is measured; containers are made by others.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use traceherd_columns::{Columns as _, Filter};
use traceherd_containers::{Change, ContainerCollection, Selector};
use traceherd_e2e::{Docker, Runtimes, kernel};
use traceherd_tracers::{
    Config, Events, ExecEvent, ExecOptions, RateLimit, TraceSpec, TracerCollection,
};

/// How often it is looked.
const SAMPLES: u32 = 60;

/// What somebody else does until a file is there: each prints how many containers it made.
const WORKERS: [&str; 3] = [
    // One after the other, to its end.
    "n=0; while [ ! -e $STOP ]; do \
       docker run --rm --network none --name short-$n busybox sh -c '/bin/true; /bin/true' && n=$((n+1)); \
     done; echo $n >$COUNT",
    // That stay a little, are entered and killed.
    "n=0; while [ ! -e $STOP ]; do \
       docker run --detach --network none --name web-$n busybox sleep 1000 && n=$((n+1)); \
       docker exec web-$((n-1)) /bin/true; docker exec web-$((n-1)) /no/such/file; \
       docker rm --force web-$((n-1)); \
     done; echo $n >$COUNT",
    // That are stopped and started again, with cgroups and names of their own.
    "n=0; while [ ! -e $STOP ]; do \
       docker run --detach --network none --name db-$n busybox sleep 1000 && n=$((n+1)); \
       docker rename db-$((n-1)) again; docker pause again; docker unpause again; \
       docker restart --time 0 again; docker rm --force again; \
     done; echo $n >$COUNT",
];

/// A shell that makes containers.
struct Worker {
    child: Child,
    count: PathBuf,
}

impl Worker {
    fn start(script: &str, docker: &Docker, stop: &Path, number: usize) -> Self {
        let bin = Runtimes::get().unwrap().folder().join("bin");
        let count = stop.with_file_name(format!("count-{number}"));
        let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
        let child = Command::new("sh")
            .args(["-c", script])
            .env("PATH", path)
            .env("LD_LIBRARY_PATH", bin.with_file_name("lib"))
            .env(
                "DOCKER_HOST",
                format!("unix://{}", docker.socket().display()),
            )
            .env("DOCKER_CONFIG", stop.with_file_name("docker"))
            .env("STOP", stop)
            .env("COUNT", &count)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, count }
    }

    /// Waits for its end. Returns how many containers it made.
    fn made(mut self) -> u64 {
        assert!(self.child.wait().unwrap().success());
        let mut text = String::new();
        fs::File::open(&self.count)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text.trim().parse().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process takes at one moment.
#[derive(Clone, Copy)]
struct Sample {
    after: Duration,
    resident_kib: usize,
    descriptors: usize,
    threads: usize,
    map_entries: usize,
    containers: usize,
}

impl Sample {
    fn take(began: Instant, containers: &ContainerCollection) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.unwrap().trim().trim_end_matches(" kB");
        Self {
            after: began.elapsed(),
            resident_kib: resident.parse().unwrap(),
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            threads: fs::read_dir("/proc/self/task").unwrap().count(),
            map_entries: kernel::map_entries(std::process::id()).unwrap(),
            containers: containers.containers().len(),
        }
    }
}

/// One of a sample's numbers, and by how much the most of the last third may exceed that of the
/// second; the first is for warming up.
type Bound = (&'static str, fn(&Sample) -> usize, usize);

/// What comes and goes with each container is in the bounds; what stays behind is not.
const BOUNDS: [Bound; 4] = [
    ("resident KiB", |sample| sample.resident_kib, 3072),
    ("descriptors", |sample| sample.descriptors, 12),
    ("threads", |sample| sample.threads, 6),
    ("map entries", |sample| sample.map_entries, 16),
];

fn report(samples: &[Sample]) {
    println!(
        "{:>7} {:>13} {:>12} {:>8} {:>12} {:>11}",
        "seconds", "resident KiB", "descriptors", "threads", "map entries", "containers"
    );
    for sample in samples {
        println!(
            "{:>7} {:>13} {:>12} {:>8} {:>12} {:>11}",
            sample.after.as_secs(),
            sample.resident_kib,
            sample.descriptors,
            sample.threads,
            sample.map_entries,
            sample.containers
        );
    }
}

fn specs() -> [(&'static str, TraceSpec); 4] {
    let failed = ExecOptions {
        include_failed: true,
        ..ExecOptions::default()
    };
    let filter = Filter::<ExecEvent>::parse(&ExecEvent::columns(), ["comm:true"]).unwrap();
    let limit = RateLimit {
        events_per_second: 5,
        burst: 5,
    };
    let all = TraceSpec::default;
    [
        ("everything", all()),
        (
            "true",
            TraceSpec {
                filter: Some(filter),
                ..all()
            },
        ),
        (
            "failures",
            TraceSpec {
                exec: failed,
                rate_limit: Some(limit),
                ..all()
            },
        ),
        ("changing", all()),
    ]
}

/// What the fourth is changed to, time after time.
fn changed(number: u32) -> TraceSpec {
    let [_, (_, filtered), (_, failures), (_, all)] = specs();
    match number % 4 {
        0 => filtered,
        1 => failures,
        2 => TraceSpec {
            selector: Selector::named("again"),
            ..all
        },
        _ => all,
    }
}

fn count(mut events: Events, seen: &Arc<AtomicU64>) {
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while events.next().await.is_some() {
            seen.fetch_add(1, Ordering::Relaxed);
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_that_come_and_go_leave_nothing_behind() {
    let minutes: f64 = env::var("SOAK_MINUTES").map_or(2.0, |text| text.parse().unwrap());
    let docker = Docker::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stop = folder.path().join("stop");
    // On a node of its own, so that what others do here is not in the figures.
    docker.run("first", &["true"]).unwrap();
    let builder = ContainerCollection::builder()
        .docker(docker.socket())
        .kernel();
    let containers = builder
        .cgroup_root(docker.cgroup_parent())
        .start()
        .await
        .unwrap();
    let tracers = TracerCollection::start(Config::default(), &containers).unwrap();
    let seen = Arc::<AtomicU64>::default();
    for (id, spec) in specs() {
        count(tracers.add(id, spec).await.unwrap(), &seen);
    }
    let added = Arc::<AtomicU64>::default();
    let mut changes = containers.subscribe();
    let theirs = Arc::clone(&added);
    tokio::spawn(async move {
        while let Some(change) = changes.next().await {
            theirs.fetch_add(
                u64::from(matches!(change, Change::Added(_))),
                Ordering::Relaxed,
            );
        }
    });

    let workers: Vec<Worker> = (0..)
        .zip(WORKERS)
        .map(|(number, script)| Worker::start(script, &docker, &stop, number))
        .collect();
    let (began, whole) = (Instant::now(), Duration::from_secs_f64(60.0 * minutes));
    let (mut samples, mut number) = (Vec::new(), 0);
    while began.elapsed() < whole {
        tokio::time::sleep(Duration::from_millis(100)).await;
        tracers.change("changing", changed(number)).await.unwrap();
        number += 1;
        if began.elapsed() >= whole * (samples.len() as u32 + 1) / SAMPLES {
            samples.push(Sample::take(began, &containers));
        }
    }
    fs::write(&stop, "").unwrap();
    let made = tokio::task::spawn_blocking(|| workers.into_iter().map(Worker::made).sum::<u64>());
    let made = made.await.unwrap();

    report(&samples);
    println!(
        "{made} containers were made and {} told; {} events, {number} changes; {:?}",
        added.load(Ordering::Relaxed),
        seen.load(Ordering::Relaxed),
        tracers.unattributed()
    );
    assert!(made > 10 && added.load(Ordering::Relaxed) >= made);
    let third = samples.len() / 3;
    for (what, of, more) in BOUNDS {
        let most = |samples: &[Sample]| samples.iter().map(of).max().unwrap();
        let (before, after) = (
            most(&samples[third..2 * third]),
            most(&samples[2 * third..]),
        );
        assert!(
            after <= before + more,
            "{what}: {before} at most, and then {after}"
        );
    }
    for id in ["everything", "true", "failures", "changing"] {
        let counts = tracers.remove(id).await.unwrap();
        println!("{id}: {counts:?}");
        assert_eq!(counts.lost(), 0, "{id}");
    }
}
