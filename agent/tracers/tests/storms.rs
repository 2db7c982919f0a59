//! At the highest rate that this machine reaches every exec is told, or counted as lost: delivered
//! and lost together are what the storm counted itself.
//!
//! `STORM_SECONDS` says how long each storm lasts. One runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use nix::errno::Errno;
use support::{
    call::Call,
    child::Child,
    held_reader::HeldReader,
    stage::{Ground, Stage, assert_adds_up, host, on},
    tally::{Tally, storm_time},
    watched::{Watched, container, run, tell},
};
use traceherd_e2e::{Storms, storm::cores};
use traceherd_tracers::{Config, ExecOptions, RateLimit, TraceSpec};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn with_a_live_reader_every_exec_is_told() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    for cores in [1, cores()] {
        for in_container in [false, true] {
            let stage = Stage::apart(Config::default()).await;
            let (place, watched) = if in_container {
                container(&stage, "all", TraceSpec::default()).await
            } else {
                let place = stage.hosts();
                (place, Watched::start(&stage, "all", host()).await)
            };
            let storm = storms.storm().lasting(storm_time()).cores(cores);
            let (executed, ()) = run(storm, &place, async {}).await;
            let kernel = stage.tracers.container_counts(place.cgroup()).unwrap();
            let (counts, tallied) = watched.end().await;
            tell(
                &format!("{cores} cores, container {in_container}"),
                executed,
                &counts,
            );
            assert_eq!(counts.observed, executed.execs);
            assert_eq!(tallied.storm() + counts.lost(), executed.execs);
            assert!(tallied.missing() <= counts.lost(), "{tallied:?}");
            assert!(kernel.seen >= executed.execs, "{kernel:?}");
            assert_eq!(stage.tracers.unattributed().total(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_ring_of_one_page_has_no_room_for_is_counted() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config {
        ring_bytes: 4096,
        ..Config::default()
    })
    .await;
    let (ground, watched) = container(&stage, "all", TraceSpec::default()).await;
    let storm = storms.storm().lasting(storm_time()).cores(cores());
    // Where the reader is quick and the storm slow even one page may do for all.
    let reader = HeldReader::of(&stage);
    reader.hold(&stage);
    let (executed, ()) = run(storm.argument_bytes(1500), &ground, async {
        tokio::time::sleep(storm_time() / 2).await;
        reader.release();
    })
    .await;
    let (counts, tallied) = watched.end().await;
    tell("one page", executed, &counts);
    assert_eq!(counts.observed, executed.execs);
    assert_eq!(tallied.storm() + counts.lost_ring, executed.execs);
    assert!(counts.lost_ring > 0 && counts.delivered > 0, "{counts:?}");
    assert_eq!(counts.lost_queue, 0);
    assert_eq!(stage.tracers.unattributed().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_from_a_trace_is_counted() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config::default()).await;
    let (ground, taken) = container(&stage, "taken", TraceSpec::default()).await;
    let small = TraceSpec {
        queue: 100,
        ..TraceSpec::default()
    };
    let left = stage
        .tracers
        .add("left", on(&ground.name, small))
        .await
        .unwrap();
    let storm = storms.storm().lasting(storm_time() / 2).cores(cores());
    let (executed, ()) = run(storm, &ground, async {}).await;
    let (counts, tallied) = taken.end().await;
    assert_eq!(tallied.storm() + counts.lost(), executed.execs);
    let counts = stage.tracers.remove("left").await.unwrap();
    tell("nobody takes", executed, &counts);
    assert_adds_up(&counts);
    let tallied = Tally::of(left).end().await;
    assert_eq!((counts.observed, counts.delivered), (executed.execs, 100));
    assert_eq!(tallied.storm() + counts.lost(), executed.execs);
    assert!(tallied.missing() <= counts.lost_ring);
}

/// Of every fourth short trace each kind, changed once in its life.
fn short(number: u64) -> [TraceSpec; 2] {
    let plain = TraceSpec {
        queue: 1 << 20,
        ..TraceSpec::default()
    };
    let failed = ExecOptions {
        include_failed: true,
        ..ExecOptions::default()
    };
    let limit = RateLimit {
        events_per_second: 100,
        burst: 20,
    };
    let changed = match number % 4 {
        0 => plain.clone(),
        1 => TraceSpec {
            exec: failed,
            ..plain.clone()
        },
        2 => TraceSpec {
            rate_limit: Some(limit),
            ..plain.clone()
        },
        _ => TraceSpec {
            queue: 5,
            ..plain.clone()
        },
    };
    if number % 8 < 4 {
        [plain, changed]
    } else {
        [changed, plain]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_that_come_change_and_go_all_the_while_take_nothing_from_another() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config::default()).await;
    let (ground, mut all) = container(&stage, "all", TraceSpec::default()).await;
    // Another container's verdict changes at the same times.
    let (other, on_other) = container(&stage, "other", TraceSpec::default()).await;
    all.begin().await;
    // What sees failures is loaded when it is first asked for, which takes a while.
    let [_, failures] = short(1).map(|spec| on(&ground.name, spec));
    let _events = stage.tracers.add("failures", failures).await.unwrap();
    stage.tracers.remove("failures").await.unwrap();
    let storm = storms.storm().joining(&ground.procs).numbered();
    let storm = storm.cores(cores()).start().unwrap();
    let (began, mut came) = (Instant::now(), 0);
    while began.elapsed() < storm_time() || came < 24 {
        come_change_and_go(&stage, came, &ground.name).await;
        let of_other = if came % 2 == 0 { &ground } else { &other };
        let moved = on(&of_other.name, TraceSpec::default());
        stage.tracers.change("other", moved).await.unwrap();
        came += 1;
    }
    let executed = tokio::task::spawn_blocking(|| storm.stop().unwrap());
    let executed = executed.await.unwrap();
    let (counts, tallied) = all.end().await;
    tell(&format!("{came} traces came and went"), executed, &counts);
    assert_eq!(counts.observed, executed.execs);
    assert_eq!(tallied.storm() + counts.lost(), executed.execs);
    assert!(tallied.missing() <= counts.lost(), "{}", tallied.missing());
    assert_eq!(stage.tracers.unattributed().total(), 0);
    on_other.end().await;
}

/// The life of one trace. Between its first event and its last there is no gap that its account
/// does not tell.
async fn come_change_and_go(stage: &Stage, number: u64, name: &str) {
    let id = format!("short-{number}");
    let [first, second] = short(number).map(|spec| on(name, spec));
    let limited = first.rate_limit.is_some() || second.rate_limit.is_some();
    let tally = Tally::of(stage.tracers.add(&id, first).await.unwrap());
    tokio::time::sleep(Duration::from_millis(number % 7)).await;
    stage.tracers.change(&id, second).await.unwrap();
    tokio::time::sleep(Duration::from_millis(number % 5)).await;
    let counts = stage.tracers.remove(&id).await.unwrap();
    let tallied = tally.end().await;
    assert_adds_up(&counts);
    assert_eq!(tallied.storm(), counts.delivered, "{id}");
    assert!(
        tallied.missing() <= counts.lost() + counts.suppressed,
        "{id}"
    );
    // It is held back nowhere, though others beside it may be.
    assert!(limited || counts.suppressed == 0, "{id}: {counts:?}");
}

/// The kernel leaves out programs on tracepoints of system calls while it is in bpf(2) on the same
/// CPU.
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_exact_too_while_traces_change() {
    let _alone = ALONE.lock().await;
    let stage = Stage::apart(Config::default()).await;
    let failures = TraceSpec {
        exec: ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        },
        ..TraceSpec::default()
    };
    let (ground, watched) = container(&stage, "all", failures.clone()).await;
    let (missing, times) = (Call::new("/no/such/file", ["0:0"]), 60_000_u64);
    let over = Arc::new(AtomicBool::new(false));
    let children: Vec<Child> = (0..cores())
        .map(|_| fails(&ground, &missing, times))
        .collect();
    let ended = {
        let over = Arc::clone(&over);
        tokio::task::spawn_blocking(move || {
            for child in children {
                child.fails_with(Errno::ENOENT);
            }
            over.store(true, Ordering::Relaxed);
        })
    };
    let mut changes = 0;
    while !over.load(Ordering::Relaxed) {
        let id = "short";
        let spec = on(&ground.name, failures.clone());
        let _events = stage.tracers.add(id, spec).await.unwrap();
        stage.tracers.remove(id).await.unwrap();
        changes += 1;
    }
    ended.await.unwrap();
    let unattributed = stage.tracers.unattributed();
    let (counts, _) = watched.end().await;
    println!("{changes} changes: {counts:?} {unattributed:?}");
    let happened = times * cores() as u64;
    assert_eq!(counts.observed + unattributed.total(), happened);
}

/// A process in the container that fails to execute so often.
fn fails(ground: &Ground, call: &Call, times: u64) -> Child {
    Child::fork(|| {
        std::fs::write(&ground.procs, "0").unwrap();
        for _ in 1..times {
            call.make();
        }
        call.make()
    })
}
