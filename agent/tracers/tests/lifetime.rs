//! What tracers keep in the kernel and in the process, and how many can run.
//!
//! These tests look at the whole process, so one runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _};
use support::{
    call::Call,
    child::{Child, Spawned},
    recorder::{Recorder, eventually},
    stage::Stage,
};
use traceherd_containers::ContainerCollection;
use traceherd_e2e::kernel;
use traceherd_tracers::{Config, ExecOptions, ExecTracer, TraceSpec, TracerCollection};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn own_programs() -> BTreeSet<u32> {
    kernel::programs(std::process::id()).unwrap()
}

fn attached() -> bool {
    kernel::has_attached(std::process::id())
}

/// Descriptors and threads of this process.
fn kept() -> (usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

fn run_true() -> u32 {
    let call = Call::new("/bin/true", ["true"]);
    Child::fork(|| call.make()).succeeds()
}

#[test]
fn dropping_a_tracer_leaves_nothing_in_the_kernel() {
    let _alone = ALONE.blocking_lock();
    assert!(own_programs().is_empty());
    for include_failed in [false, true] {
        let tracer = ExecTracer::start(
            ExecOptions {
                include_failed,
                ..ExecOptions::default()
            },
            drop,
        )
        .unwrap();
        let programs = own_programs();
        assert!(!programs.is_empty() && attached());
        assert!(programs.iter().all(|&program| kernel::is_loaded(program)));
        drop(tracer);
        assert!(own_programs().is_empty() && !attached());
        // The kernel frees programs a moment after the last one let go of them.
        eventually(|| (!programs.iter().any(|&program| kernel::is_loaded(program))).then_some(()));
    }
}

#[test]
fn failures_cost_no_program_unless_they_are_asked_for() {
    let _alone = ALONE.blocking_lock();
    let plain = Recorder::plain();
    let without = links();
    drop(plain);
    let failures = Recorder::failures();
    let with = links();
    drop(failures);
    assert_eq!((without, with), (1, 3));
    assert_eq!(links(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[allow(
    clippy::await_holding_lock,
    reason = "the runtime is this test's alone"
)]
async fn a_collection_attaches_what_its_traces_need_while_they_need_it() {
    let _alone = ALONE.lock().await;
    let containers = ContainerCollection::builder()
        .kernel()
        .start()
        .await
        .unwrap();
    let tracers = TracerCollection::start(Config::default(), &containers).unwrap();
    let plain = TraceSpec::default;
    let failures = || TraceSpec {
        exec: ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        },
        ..TraceSpec::default()
    };
    assert!(!own_programs().is_empty());
    assert_eq!(links(), 0);
    // Execs, and cgroups that come and go.
    let events = tracers.add("first", plain()).await.unwrap();
    assert_eq!(links(), 3);
    let _second = tracers.add("second", failures()).await.unwrap();
    assert_eq!(links(), 5);
    for _ in 0..20 {
        tracers.change("second", plain()).await.unwrap();
        assert_eq!(links(), 3);
        tracers.change("second", failures()).await.unwrap();
        assert_eq!(links(), 5);
    }
    tracers.remove("second").await.unwrap();
    assert_eq!(links(), 3);
    // A trace whose events nobody takes any more needs nothing.
    drop(events);
    eventually(|| (links() == 0).then_some(()));
    tracers.remove("first").await.unwrap();
    let _third = tracers.add("third", failures()).await.unwrap();
    assert_eq!(links(), 5);
    let another = tracers.clone();
    drop(tracers);
    assert_eq!(links(), 5);
    drop(another);
    assert_eq!(links(), 0);
    assert!(own_programs().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[allow(
    clippy::await_holding_lock,
    reason = "the runtime is this test's alone"
)]
async fn a_first_trace_that_is_given_up_half_way_leaves_nothing_attached() {
    let _alone = ALONE.lock().await;
    let starting = ContainerCollection::builder().kernel().start();
    let containers = starting.await.unwrap();
    let tracers = TracerCollection::start(Config::default(), &containers).unwrap();
    // It waits for cgroupfs to be read, unless that is done before it looks.
    while tracers
        .add("first", TraceSpec::default())
        .now_or_never()
        .is_some()
    {
        tracers.remove("first").await.unwrap();
    }
    assert_eq!(links(), 0);
}

/// A child has its parent's descriptors until it executes something, and a program that is
/// attached through one of them cannot be attached a second time.
#[tokio::test(flavor = "multi_thread")]
#[allow(
    clippy::await_holding_lock,
    reason = "the runtime is this test's alone"
)]
async fn failures_are_asked_for_again_while_a_child_still_has_the_old_links() {
    let _alone = ALONE.lock().await;
    let containers = ContainerCollection::builder()
        .kernel()
        .start()
        .await
        .unwrap();
    let tracers = TracerCollection::start(Config::default(), &containers).unwrap();
    let asking = |include_failed| TraceSpec {
        exec: ExecOptions {
            include_failed,
            ..ExecOptions::default()
        },
        ..TraceSpec::default()
    };
    let _events = tracers.add("trace", asking(true)).await.unwrap();
    let slow = Call::new("/bin/true", ["true"]);
    let child = Child::fork(|| {
        thread::sleep(Duration::from_millis(40));
        slow.make()
    });
    tracers.change("trace", asking(false)).await.unwrap();
    tracers.change("trace", asking(true)).await.unwrap();
    assert_eq!(links(), 5);
    child.succeeds();
}

/// Programs that this process has attached.
fn links() -> usize {
    let texts = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = texts.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts
        .filter(|text| text.lines().any(|line| line.starts_with("link_id:")))
        .count()
}

#[test]
fn starting_and_stopping_leaks_neither_descriptors_nor_threads() {
    let _alone = ALONE.blocking_lock();
    let cycle = |n: usize| {
        // Those take the kernel two seconds to check.
        let include_failed = n.is_multiple_of(7);
        let options = ExecOptions {
            include_failed,
            ..ExecOptions::default()
        };
        if n.is_multiple_of(3) {
            drop(ExecTracer::stream(options).unwrap());
        } else {
            let recorder = Recorder::start(options);
            recorder.only(run_true());
        }
    };
    // What is made once and kept is made now.
    (0..6).for_each(cycle);
    let before = eventually_quiet();
    (0..50).for_each(cycle);
    let after = eventually_quiet();
    assert_eq!(before, after);
}

/// The test harness starts and ends threads of its own: waits until that is over.
fn eventually_quiet() -> (usize, usize) {
    let mut last = kept();
    eventually(|| {
        thread::sleep(Duration::from_millis(200));
        let now = kept();
        let same = now == last;
        last = now;
        same.then_some(now)
    })
}

#[test]
fn events_until_the_end_are_delivered() {
    let _alone = ALONE.blocking_lock();
    // A stop that does not read the ring first would lose some of these.
    for _ in 0..5 {
        let seen = Arc::<Mutex<Vec<u32>>>::default();
        let theirs = Arc::clone(&seen);
        let tracer = ExecTracer::start(ExecOptions::default(), move |event| {
            theirs.lock().unwrap().push(event.pid);
        })
        .unwrap();
        let pids: Vec<u32> = (0..10).map(|_| run_true()).collect();
        drop(tracer);
        let seen = seen.lock().unwrap();
        assert!(
            pids.iter().all(|pid| seen.contains(pid)),
            "{pids:?} {seen:?}"
        );
    }
}

#[test]
fn two_tracers_in_a_process_each_see_all() {
    let _alone = ALONE.blocking_lock();
    let (first, second) = (Recorder::plain(), Recorder::failures());
    let pids: Vec<u32> = (0..20).map(|_| run_true()).collect();
    for pid in &pids {
        assert_eq!(
            first.only(*pid).boottime / 1_000_000_000,
            second.only(*pid).boottime / 1_000_000_000
        );
    }
    drop(first);
    second.only(run_true());
}

const OTHER_PROCESS: &str = "TRACEHERD_TEST_OTHER_PROCESS";

/// Not a test by itself: a process that traces until its input ends, and then says whom it saw.
#[test]
fn another_process() {
    if env::var_os(OTHER_PROCESS).is_none() {
        return;
    }
    let recorder = Recorder::plain();
    println!("\nready");
    let _ = std::io::stdin().read_line(&mut String::new());
    for event in recorder.all(|_| true) {
        println!("saw {}", event.pid);
    }
}

#[test]
fn two_processes_each_see_all() {
    let _alone = ALONE.blocking_lock();
    let mut other = Spawned(
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "another_process", "--nocapture"])
            .env(OTHER_PROCESS, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(other.0.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line == "ready"));
    let recorder = Recorder::plain();
    let pids: BTreeSet<u32> = (0..20).map(|_| run_true()).collect();
    for pid in &pids {
        recorder.only(*pid);
    }
    other.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    let theirs: BTreeSet<u32> = lines
        .filter_map(|line| line.strip_prefix("saw ")?.parse().ok())
        .collect();
    assert!(pids.is_subset(&theirs), "{pids:?} {theirs:?}");
}

#[test]
fn a_stream_hands_out_events_until_the_tracer_ends() {
    let _alone = ALONE.blocking_lock();
    let (tracer, events) = ExecTracer::stream(ExecOptions::default()).unwrap();
    let pids: BTreeSet<u32> = (0..20).map(|_| run_true()).collect();
    drop(tracer);
    let seen: BTreeSet<u32> = events.blocking().map(|event| event.pid).collect();
    assert!(pids.is_subset(&seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn containers_made_while_the_first_trace_is_added_are_not_missed() {
    let _alone = ALONE.lock().await;
    for _ in 0..5 {
        let stage = Stage::new().await;
        // Nothing has been traced for a while.
        tokio::time::sleep(Duration::from_millis(1300)).await;
        let ground = stage.ground();
        let over = Arc::new(AtomicBool::new(false));
        let maker = {
            let (over, ground) = (Arc::clone(&over), ground.clone());
            tokio::task::spawn_blocking(move || {
                let mut made = Vec::new();
                while !over.load(Ordering::Relaxed) && made.len() < 2000 {
                    let cgroup = ground.join(format!("{:064x}", made.len()));
                    fs::create_dir(&cgroup).unwrap();
                    made.push(cgroup);
                    std::thread::sleep(Duration::from_micros(300));
                }
                made
            })
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        let spec = TraceSpec {
            queue: 100_000,
            ..TraceSpec::default()
        };
        let events = stage.tracers.add("trace", spec).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        over.store(true, Ordering::Relaxed);
        let made = maker.await.unwrap();
        let call = Call::new("/bin/true", ["true"]);
        let ours: Vec<u32> = made
            .iter()
            .map(|cgroup| {
                Child::fork(|| {
                    fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
                    call.make()
                })
                .succeeds()
            })
            .collect();
        // Whose they are is known a moment later.
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.tracers.remove("trace").await.unwrap();
        for cgroup in &made {
            fs::remove_dir(cgroup).unwrap();
        }
        fs::remove_dir(&ground).unwrap();
        let events: Vec<_> = events.collect().await;
        let seen: Vec<u32> = events.iter().map(|event| event.pid).collect();
        let missed: Vec<_> = (0..)
            .zip(&ours)
            .filter(|(_, pid)| !seen.contains(pid))
            .collect();
        println!("{} made, {} missed", made.len(), missed.len());
        assert!(missed.is_empty(), "of {}: {missed:?}", made.len());
    }
}

#[test]
fn a_callback_that_panics_ends_the_events_and_hangs_nobody() {
    let _alone = ALONE.blocking_lock();
    let tracer =
        ExecTracer::start(ExecOptions::default(), |_| panic!("as the test wants it")).unwrap();
    run_true();
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        tracer.flush();
        drop(tracer);
        let _ = sender.send(());
    });
    receiver
        .recv_timeout(Duration::from_secs(20))
        .expect("flush or drop hangs");
}
