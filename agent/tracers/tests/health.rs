//! Whether a collection works, and what it takes: the ring's reader, memory, many traces.
//!
//! These tests measure the whole process, so one runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, Instant},
};

use support::{
    call::Call,
    child::Child,
    held_reader::HeldReader,
    recorder::eventually,
    stage::{Stage, host, on},
};
use traceherd_containers::Selector;
use traceherd_tracers::{Config, TraceSpec};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Time that the ring's readers have spent on CPUs.
fn cpu_time() -> Duration {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").trim_end() == "traceherd-ring" {
            // Nanoseconds on a CPU, waiting for one, and turns.
            let spent = read("schedstat");
            sum += spent.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    Duration::from_nanos(sum)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_reader_is_seen_to_live_and_costs_next_to_nothing() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await;
    // It names itself when it first runs.
    eventually(|| (!cpu_time().is_zero()).then_some(()));
    let watch = |live: bool, most: Duration| {
        let (began, spent) = (Instant::now(), cpu_time());
        let mut oldest = Duration::ZERO;
        while began.elapsed() < Duration::from_secs(4) {
            let ring = stage.tracers.ring();
            assert_eq!(ring.live, live);
            // Of cgroups that others make, one or another may wait to be read.
            assert!(ring.used_bytes < if live { 1 << 16 } else { 1 });
            assert_eq!(ring.size_bytes, 2 << 20);
            oldest = oldest.max(ring.last_read);
            thread::sleep(Duration::from_millis(100));
        }
        let share = (cpu_time() - spent).as_secs_f64() / began.elapsed().as_secs_f64();
        println!(
            "live {live}: last read {oldest:?} ago at most, {:.3} % of a CPU",
            share * 100.0
        );
        assert!(oldest < most, "{oldest:?}");
        // Without optimisation; with it two thirds of that, where it was measured.
        assert!(share < 0.01, "{share}");
    };
    // A busy machine may let it wait; without looking it would be seconds.
    watch(false, Duration::from_secs(2));
    let none = TraceSpec {
        selector: Selector {
            no_containers: true,
            ..Selector::default()
        },
        ..TraceSpec::default()
    };
    let _events = stage.tracers.add("none", none).await.unwrap();
    watch(true, Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_stuck_shows_and_so_does_one_that_is_gone() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await;
    let _events = stage.tracers.add("host", host()).await.unwrap();
    let reader = HeldReader::of(&stage);
    let older_than = |age: Duration| {
        let ring = stage.tracers.ring();
        (ring.last_read > age).then_some(ring)
    };

    reader.hold(&stage);
    for _ in 0..20 {
        Child::fork(|| Call::new("/bin/true", ["true"]).make()).succeeds();
    }
    let stuck = eventually(|| older_than(Duration::from_secs(2)));
    assert!(stuck.live);
    assert!(
        stuck.used_bytes > 20 * 80 && stuck.used_bytes < stuck.size_bytes,
        "{stuck:?}"
    );
    reader.release();
    stage.tracers.flush().await;
    let again = stage.tracers.ring();
    assert!(again.last_read < stuck.last_read, "{again:?}");
    assert!(stage.tracers.counts("host").unwrap().delivered >= 20);

    reader.end(&stage);
    eventually(|| older_than(Duration::from_secs(2)));
}

/// What the kernel says this process's maps take, by their descriptors.
fn map_memory() -> u64 {
    let mut seen = BTreeSet::new();
    let mut sum = 0;
    for entry in fs::read_dir("/proc/self/fdinfo").unwrap().flatten() {
        let info = fs::read_to_string(entry.path()).unwrap_or_default();
        let field = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse::<u64>().ok()
        };
        if let (Some(id), Some(bytes)) = (field("map_id:"), field("memlock:"))
            && seen.insert(id)
        {
            sum += bytes;
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_maps_take_is_what_the_kernel_says() {
    let _alone = ALONE.lock().await;
    let none = map_memory();
    let stage = Stage::with(Config {
        ring_bytes: 1 << 20,
        ..Config::default()
    })
    .await;
    let takes = stage.tracers.map_bytes();
    assert_eq!(takes, map_memory() - none);
    println!("{} KiB of maps", takes / 1024);
    assert!(takes > 1 << 20, "{takes}");
    assert!(takes < 32 << 20, "{takes}");
    drop(stage);
    assert_eq!(map_memory(), none);
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_traces_come_change_and_go_in_no_time() {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await;
    let ground = stage.ground();
    let made: Vec<_> = (0..200)
        .map(|number| ground.join(format!("{number:064x}")))
        .collect();
    for cgroup in &made {
        fs::create_dir(cgroup).unwrap();
    }
    stage.containers.feed().rescan().await;
    let places = || stage.containers.containers().len() >= made.len();
    eventually(|| places().then_some(()));

    let all = TraceSpec::default;
    let mut spent = Vec::new();
    let mut kept = Vec::new();
    let began = Instant::now();
    for number in 0..200 {
        let id = number.to_string();
        kept.push(stage.tracers.add(&id, all()).await.unwrap());
    }
    spent.push(("add", began.elapsed()));
    assert!(stage.tracers.matched("0").unwrap() >= made.len());
    let began = Instant::now();
    for number in 0..200 {
        let id = number.to_string();
        let changed = on("nobody's name", all());
        stage.tracers.change(&id, changed).await.unwrap();
    }
    spent.push(("change", began.elapsed()));
    assert_eq!(stage.tracers.matched("0"), Some(0));
    for number in 0..200 {
        let id = number.to_string();
        stage.tracers.change(&id, all()).await.unwrap();
    }
    let began = Instant::now();
    for number in 0..200 {
        stage.tracers.remove(&number.to_string()).await.unwrap();
    }
    spent.push(("remove", began.elapsed()));
    assert_eq!(stage.tracers.matched("0"), None);
    for cgroup in made.iter().chain([&ground]) {
        fs::remove_dir(cgroup).unwrap();
    }
    println!("200 traces, {} places: {spent:?}", made.len());
    for (what, took) in spent {
        assert!(took < Duration::from_secs(10), "{what}: {took:?}");
    }
}
