//! At the highest rate that this machine reaches every exec is told, or counted as lost: delivered
//! and lost together are what the storm counted itself.
//!
//! `STORM_SECONDS` says how long each storm lasts. One runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::errno::Errno;
use support::{
    call::Call,
    child::Child,
    recorder::eventually,
    stage::{Ground, Stage, assert_adds_up, on, since},
    tally::{Tallied, Tally, storm_time},
};
use traceherd_containers::Selector;
use traceherd_e2e::{
    Storms,
    storm::{Executed, Storm, cores},
};
use traceherd_tracers::{Config, Counts, ExecOptions, RateLimit, TraceSpec};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn host() -> TraceSpec {
    TraceSpec {
        selector: Selector {
            host: true,
            no_containers: true,
            ..Selector::default()
        },
        ..TraceSpec::default()
    }
}

/// Runs a storm there while `meanwhile` goes on.
async fn run<T>(storm: Storm, place: &Ground, meanwhile: impl Future<Output = T>) -> (Executed, T) {
    let storm = storm.joining(&place.procs).numbered();
    let over = tokio::task::spawn_blocking(move || storm.run().unwrap());
    let done = meanwhile.await;
    (over.await.unwrap(), done)
}

/// A trace, and what it has had until now.
struct Watched<'a> {
    stage: &'a Stage,
    id: &'static str,
    tally: Tally,
    before: Counts,
}

impl<'a> Watched<'a> {
    async fn start(stage: &'a Stage, id: &'static str, spec: TraceSpec) -> Self {
        let tally = Tally::of(stage.tracers.add(id, spec).await.unwrap());
        Self {
            stage,
            id,
            tally,
            before: Counts::default(),
        }
    }

    async fn begin(&mut self) {
        self.stage.tracers.flush().await;
        self.before = self.stage.tracers.counts(self.id).unwrap();
    }

    /// What happened since it began, and all that ever came.
    async fn end(self) -> (Counts, Tallied) {
        let all = self.stage.tracers.remove(self.id).await.unwrap();
        assert_adds_up(&all);
        let tallied = self.tally.end().await;
        assert_eq!(tallied.events, all.delivered);
        (since(self.before, all), tallied)
    }
}

/// A container on a stage of its own, and a trace on it.
async fn container<'a>(
    stage: &'a Stage,
    id: &'static str,
    spec: TraceSpec,
) -> (Ground, Watched<'a>) {
    let name = stage.name();
    let mut watched = Watched::start(stage, id, on(&name, spec)).await;
    let ground = stage.start(&name);
    watched.begin().await;
    (ground, watched)
}

fn tell(what: &str, executed: Executed, counts: &Counts) {
    println!("{what}: {executed:?}, {:.0}/s: {counts:?}", executed.rate());
}

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
    let (executed, ()) = run(storm.argument_bytes(1500), &ground, async {}).await;
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

/// What is lost of a cgroup that nobody names is nobody's, and what is lost after it was named is
/// its trace's; together they are all.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_pending_store_has_no_room_for_is_told_apart() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart_with_a_stopped_docker(Config {
        pending_events: 200,
        ..Config::default()
    })
    .await;
    let watched = Watched::start(&stage, "any", TraceSpec::default()).await;
    let nobodys = stage.nobodys();
    // It is waited for longer than 2 s.
    let storm = storms
        .storm()
        .lasting(storm_time().max(Duration::from_secs(4)));
    let (executed, ()) = run(storm.cores(cores()), &nobodys, async {}).await;
    let unattributed = stage.tracers.unattributed();
    let (counts, tallied) = watched.end().await;
    tell("pending", executed, &counts);
    println!("{unattributed:?}");
    assert_eq!(counts.observed + unattributed.total(), executed.execs);
    assert_eq!(unattributed.total(), unattributed.pending_full);
    assert!(unattributed.pending_full > 200 && counts.delivered > 200);
    assert_eq!(tallied.storm() + unattributed.pending_full, executed.execs);
    assert_eq!(stage.tracers.unattributed(), unattributed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_name_when_the_last_trace_ends_is_counted() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart_with_a_stopped_docker(Config {
        ring_bytes: 4096,
        ..Config::default()
    })
    .await;
    let watched = Watched::start(&stage, "any", TraceSpec::default()).await;
    let nobodys = stage.nobodys();
    let storm = storms
        .storm()
        .times(200)
        .cores(cores())
        .argument_bytes(1500);
    let (executed, ()) = run(storm, &nobodys, async {}).await;
    let (counts, tallied) = watched.end().await;
    let unattributed = stage.tracers.unattributed();
    tell("waiting", executed, &counts);
    println!("{unattributed:?}");
    assert_eq!(
        tallied.storm() + counts.lost() + unattributed.total(),
        executed.execs
    );
}

/// While its reader is held, cgroups come, execute and go, of which it never hears: the ring has
/// room for none of that.
#[tokio::test(flavor = "multi_thread")]
async fn what_happens_unheard_of_is_counted_and_leaves_nothing_in_the_kernel() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config {
        ring_bytes: 4096,
        ..Config::default()
    })
    .await;
    let hold = Arc::new(AtomicBool::new(false));
    let (theirs, held) = (Arc::clone(&hold), Arc::new(AtomicBool::new(false)));
    let stands = Arc::clone(&held);
    let _watch = stage.containers.watch_cgroups(move |_| {
        let reader = thread::current().name() == Some("traceherd-ring");
        while reader && theirs.load(Ordering::Relaxed) {
            stands.store(true, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
    });
    let everything = TraceSpec {
        selector: Selector {
            host: true,
            ..Selector::default()
        },
        ..TraceSpec::default()
    };
    let watched = Watched::start(&stage, "any", everything).await;
    let entries = || traceherd_e2e::kernel::map_entries(std::process::id()).unwrap();
    let place = stage.hosts();
    eventually(|| stage.tracers.container_counts(place.cgroup()));
    storms
        .storm()
        .joining(&place.procs)
        .numbered()
        .times(1)
        .run()
        .unwrap();
    stage.tracers.flush().await;
    let before = entries();

    hold.store(true, Ordering::Relaxed);
    std::fs::remove_dir(stage.ground()).unwrap();
    eventually(|| held.load(Ordering::Relaxed).then_some(()));
    let mut executed = 1;
    // The first fill the ring.
    for _ in 0..20 {
        let unheard = stage.hosts();
        let storm = storms.storm().joining(&unheard.procs).numbered().times(10);
        executed += storm.argument_bytes(300).run().unwrap().execs;
        eventually(|| std::fs::remove_dir(unheard.procs.parent().unwrap()).ok());
    }
    hold.store(false, Ordering::Relaxed);
    let told = || {
        let counts = stage.tracers.counts("any").unwrap();
        counts.observed + stage.tracers.unattributed().total()
    };
    eventually(|| (told() >= executed).then_some(()));
    println!("{} entries before, {} now", before, entries());
    eventually(|| (entries() <= before).then_some(()));
    let (counts, tallied) = watched.end().await;
    let unattributed = stage.tracers.unattributed();
    println!("{counts:?} {unattributed:?}");
    assert_eq!(counts.observed + unattributed.total(), executed);
    // Storms alone are on this stage.
    assert_eq!(
        tallied.events + counts.lost() + unattributed.total(),
        executed
    );
    assert!(unattributed.pending_lost > 0, "{unattributed:?}");
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
