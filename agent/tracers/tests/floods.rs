//! A container that storms is held to its traces' limits, in the kernel, and costs the others
//! nothing; what is held back is counted to the event.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{
    stage::{Ground, Stage, assert_adds_up, on, since},
    tally::{Tally, storm_time},
};
use traceherd_e2e::{
    Storms,
    storm::{Executed, Storm, cores},
};
use traceherd_tracers::{Config, Counts, RateLimit, TraceSpec};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn limited(events_per_second: u32, burst: u32) -> TraceSpec {
    TraceSpec {
        rate_limit: Some(RateLimit {
            events_per_second,
            burst,
        }),
        ..TraceSpec::default()
    }
}

/// Runs storms side by side.
async fn run<const N: usize>(storms: [(&Ground, Storm); N]) -> [Executed; N] {
    let storms = storms.map(|(place, storm)| storm.joining(&place.procs).numbered());
    let storms = storms.map(|storm| tokio::task::spawn_blocking(move || storm.run().unwrap()));
    let mut executed = Vec::new();
    for storm in storms {
        executed.push(storm.await.unwrap());
    }
    executed.try_into().unwrap()
}

/// That so many came as the limit lets through in that time, and all others are counted. The
/// kernel's laxer limit beside it may cost an event that is late by its own interval.
fn assert_held(counts: &Counts, limit: RateLimit, executed: Executed) {
    println!("{limit:?} of {executed:?}: {counts:?}");
    assert_eq!(counts.observed, executed.execs);
    assert_eq!(counts.delivered + counts.suppressed, executed.execs);
    let (burst, rate) = (f64::from(limit.burst), f64::from(limit.events_per_second));
    let most = burst + rate * executed.took.as_secs_f64() + cores() as f64;
    let least = burst + 0.5 * rate * executed.took.as_secs_f64();
    let delivered = counts.delivered as f64;
    assert!((least..=most).contains(&delivered), "{least} to {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_limits_is_kept_and_another_container_loses_nothing() {
    let _alone = ALONE.lock().await;
    let (strict, lax) = (limited(50, 300), limited(400, 20));
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config::default()).await;
    let (stormy, quiet) = (stage.name(), stage.name());
    let mut tallies = Vec::new();
    let traces = [
        ("strict", on(&stormy, strict.clone())),
        ("lax", on(&stormy, lax.clone())),
        ("quiet", on(&quiet, TraceSpec::default())),
        ("both", limited(400, 20)),
    ];
    for (id, spec) in traces {
        tallies.push(Tally::of(stage.tracers.add(id, spec).await.unwrap()));
    }
    let (stormy, quiet) = (stage.start(&stormy), stage.start(&quiet));
    // The bursts are whole again after the containers' own first execs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.tracers.flush().await;
    let counts = |id| stage.tracers.counts(id).unwrap();
    let before = ["strict", "lax", "quiet", "both"].map(counts);
    let kernel_before = stage.tracers.container_counts(stormy.cgroup()).unwrap();

    let storm = storms.storm().lasting(storm_time()).cores(cores());
    let rare = storms.storm().lasting(storm_time());
    let rare = rare.pausing(Duration::from_millis(5));
    let [stormed, rarely] = run([(&stormy, storm), (&quiet, rare)]).await;
    stage.tracers.flush().await;
    let kernel = stage.tracers.container_counts(stormy.cgroup()).unwrap();
    let mut ends = Vec::new();
    for (id, before) in ["strict", "lax", "quiet", "both"].into_iter().zip(before) {
        let counts = stage.tracers.remove(id).await.unwrap();
        assert_adds_up(&counts);
        ends.push(since(before, counts));
    }
    let mut told = Vec::new();
    for tally in tallies {
        told.push(tally.end().await);
    }
    for (spec, n) in [(strict, 0), (lax, 1)] {
        assert_held(&ends[n], spec.rate_limit.unwrap(), stormed);
        assert_eq!(ends[n].lost(), 0);
    }
    // Each of the quiet one's arrives while the other storms.
    assert_eq!((told[2].storm(), told[2].missing()), (rarely.execs, 0));
    assert_eq!(
        (ends[2].observed, ends[2].delivered),
        (rarely.execs, rarely.execs)
    );
    assert_eq!(ends[3].observed, stormed.execs + rarely.execs);
    assert_eq!(ends[3].lost(), 0);

    // The laxest of the three: 400 a second, 300 at once.
    let laxest = RateLimit {
        events_per_second: 400,
        burst: 300,
    };
    let held = Counts {
        observed: kernel.seen - kernel_before.seen,
        delivered: kernel.sent - kernel_before.sent,
        suppressed: kernel.suppressed - kernel_before.suppressed,
        ..Counts::default()
    };
    assert_held(&held, laxest, stormed);
}

/// Nobody hides what it executes behind what it fails to.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_failures_holds_no_success_back() {
    const FAILURES: u64 = 3000;
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config::default()).await;
    let name = stage.name();
    let limit = limited(200, 50);
    let mut with_failures = limit.clone();
    with_failures.exec.include_failed = true;
    let mut tallies = Vec::new();
    for (id, spec) in [("successes", limit), ("both", with_failures)] {
        let spec = on(&name, spec);
        tallies.push(Tally::of(stage.tracers.add(id, spec).await.unwrap()));
    }
    let ground = stage.start(&name);
    // The burst is whole again after the container's own first execs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.tracers.flush().await;
    let counts = |id| stage.tracers.counts(id).unwrap();
    let before = ["successes", "both"].map(counts);

    let script = format!(
        "echo $$ >{}; i=0; while [ $i -lt {FAILURES} ]; do /no/such/file; i=$((i + 1)); done",
        ground.procs.display()
    );
    let mut flood = Command::new("sh");
    let flood = flood.args(["-c", &script]).stderr(Stdio::null());
    let mut flood = flood.spawn().unwrap();
    let calm = storms.storm().times(200).pausing(Duration::from_millis(10));
    let [executed] = run([(&ground, calm)]).await;
    flood.wait().unwrap();
    stage.tracers.flush().await;
    let mut ends = Vec::new();
    for (id, before) in ["successes", "both"].into_iter().zip(before) {
        let counts = stage.tracers.remove(id).await.unwrap();
        assert_adds_up(&counts);
        ends.push(since(before, counts));
    }
    println!("{executed:?} {ends:?}");
    assert_eq!((ends[0].delivered, ends[0].suppressed), (200, 0));
    for tally in tallies {
        assert!(tally.end().await.storm() <= 200);
    }
    assert_eq!(ends[1].observed, 200 + FAILURES);
    assert!(ends[1].suppressed > 0, "{ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_changed_holds_no_longer() {
    let _alone = ALONE.lock().await;
    let storms = Storms::build().unwrap();
    let stage = Stage::apart(Config::default()).await;
    let name = stage.name();
    let slow = on(&name, limited(1, 1000));
    let tally = Tally::of(stage.tracers.add("held", slow).await.unwrap());
    let ground = stage.start(&name);
    let [executed] = run([(&ground, storms.storm().times(1500))]).await;
    stage.tracers.flush().await;
    let before = stage.tracers.counts("held").unwrap();
    println!("{executed:?} {before:?}");
    assert!(before.suppressed > 300, "{before:?}");
    // At the old rate what was let through so far takes 1,000 s.
    let fast = on(&name, limited(1000, 50));
    stage.tracers.change("held", fast).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let calm = storms.storm().times(100).pausing(Duration::from_millis(5));
    run([(&ground, calm)]).await;
    let counts = since(before, stage.tracers.remove("held").await.unwrap());
    println!("{:?} {counts:?}", began.elapsed());
    // It begins with its burst used up.
    assert!(counts.delivered >= 90, "{counts:?}");
    assert!(tally.end().await.events > 1000);
}
