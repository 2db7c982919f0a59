//! The accounts of traces meet the world, to the event.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use support::{
    call::Call,
    recorder::eventually,
    stage::{Ground, Stage, assert_adds_up, on, since},
};
use traceherd_columns::{Columns as _, Filter};
use traceherd_containers::CgroupId;
use traceherd_tracers::{Config, ExecEvent, ExecOptions, MAX_ARGS_BYTES, RateLimit, TraceSpec};

fn filter(text: &str) -> Option<Filter<ExecEvent>> {
    Some(Filter::parse(&ExecEvent::columns(), [text]).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_a_trace_makes_no_gap_in_what_both_specs_want() {
    let stage = Stage::new().await;
    let big = TraceSpec {
        queue: 50_000,
        ..TraceSpec::default()
    };
    let (ground, trace) = stage.traced("trace", big.clone()).await;
    let before = trace.counts().await;
    let times = 2000;
    let storm = tokio::task::spawn_blocking({
        let child = ground.storm(times);
        move || child.succeeds()
    });
    let mut changes = 0;
    while !storm.is_finished() {
        let exec = ExecOptions {
            max_args_bytes: 100 * (changes % 7),
            ..ExecOptions::default()
        };
        let filter = if changes % 2 == 0 {
            filter("comm:true")
        } else {
            None
        };
        let spec = TraceSpec {
            exec,
            filter,
            ..big.clone()
        };
        stage
            .tracers
            .change("trace", on(&ground.name, spec))
            .await
            .unwrap();
        changes += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    storm.await.unwrap();
    stage
        .tracers
        .change("trace", on(&ground.name, big))
        .await
        .unwrap();
    let counts = since(before, trace.counts().await);
    println!("{changes} changes, {counts:?}");
    // The shell's own exec may have been filtered.
    assert_eq!(counts.observed, times + 1);
    assert!(counts.filtered <= 1 && counts.lost() == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_filter_keeps_back_is_counted() {
    let stage = Stage::new().await;
    let spec = TraceSpec {
        filter: filter("comm:~^(tr)ue$"),
        ..TraceSpec::default()
    };
    let (ground, trace) = stage.traced("trace", spec).await;
    let before = trace.counts().await;
    ground.storm(50).succeeds();
    let counts = since(before, trace.counts().await);
    assert_eq!(
        (counts.observed, counts.delivered, counts.filtered),
        (51, 50, 1)
    );
    let (_, events) = trace.end().await;
    assert!(events.iter().all(|event| event.comm.as_bytes() == b"true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_ends_with_its_last_event_exactly() {
    let stage = Stage::new().await;
    let spec = TraceSpec {
        max_events: Some(17),
        filter: filter("comm:true"),
        ..TraceSpec::default()
    };
    let (ground, trace) = stage.traced("trace", spec).await;
    ground.storm(100).succeeds();
    // The stream ends by itself.
    let events = tokio::time::timeout(Duration::from_secs(20), trace.events.collect::<Vec<_>>());
    assert_eq!(events.await.unwrap().len(), 17);
    let counts = stage.tracers.remove("trace").await.unwrap();
    assert_adds_up(&counts);
    assert_eq!(counts.delivered, 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_kept_and_what_it_holds_back_is_counted() {
    let stage = Stage::new().await;
    let limit = RateLimit {
        events_per_second: 5,
        burst: 30,
    };
    let spec = TraceSpec {
        rate_limit: Some(limit),
        ..TraceSpec::default()
    };
    let (ground, trace) = stage.traced("trace", spec).await;
    // Two traces, of which the laxer decides what the kernel records.
    let lax = RateLimit {
        events_per_second: 20,
        burst: 40,
    };
    let spec = TraceSpec {
        rate_limit: Some(lax),
        ..TraceSpec::default()
    };
    let events = stage
        .tracers
        .add("lax", on(&ground.name, spec))
        .await
        .unwrap();
    let before = trace.counts().await;
    let began = Instant::now();
    let times = 1000;
    ground.storm(times).succeeds();
    let took = began.elapsed().as_secs_f64();
    let counts = since(before, trace.counts().await);
    let laxer = stage.tracers.remove("lax").await.unwrap();
    println!("{took:.3} s: {counts:?} {laxer:?}");
    for (counts, limit) in [(counts, limit), (laxer, lax)] {
        assert_adds_up(&counts);
        assert_eq!(counts.observed, times + 1);
        let most = f64::from(limit.burst) + took * f64::from(limit.events_per_second) + 1.0;
        assert!((counts.delivered as f64) <= most, "{counts:?} {most}");
        // And it is not stricter than it says, where more than that came.
        let least = most.min((times + 1) as f64) * 0.9 - 3.0;
        assert!(
            counts.delivered as f64 >= least.min(f64::from(limit.burst)),
            "{counts:?}"
        );
        assert!(counts.suppressed > 0 && counts.lost() == 0, "{counts:?}");
    }
    assert!(laxer.delivered > counts.delivered);
    assert_eq!(
        events.collect::<Vec<_>>().await.len() as u64,
        laxer.delivered
    );
    let kernel = stage.tracers.kernel_counts();
    assert!(
        kernel.suppressed > 0,
        "the kernel held nothing back: {kernel:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_queue_has_no_room_for_is_counted() {
    let stage = Stage::new().await;
    let spec = TraceSpec {
        queue: 10,
        filter: filter("comm:true"),
        ..TraceSpec::default()
    };
    let (ground, trace) = stage.traced("trace", spec).await;
    let before = trace.counts().await;
    ground.storm(100).succeeds();
    let counts = since(before, trace.counts().await);
    assert_eq!(
        (counts.observed, counts.delivered, counts.lost_queue),
        (101, 10, 90)
    );
    assert_eq!(trace.end().await.1.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_ring_has_no_room_for_is_counted_to_its_traces() {
    // A ring of one page: no record with these arguments ever fits.
    let stage = Stage::with(Config {
        ring_bytes: 4096,
        ..Config::default()
    })
    .await;
    let exec = ExecOptions {
        max_args_bytes: MAX_ARGS_BYTES,
        ..ExecOptions::default()
    };
    let (ground, trace) = stage
        .traced(
            "trace",
            TraceSpec {
                exec,
                ..TraceSpec::default()
            },
        )
        .await;
    let before = trace.counts().await;
    let long = Call::new("/bin/true", [&b"true"[..], &[b'x'; 9000]]);
    for _ in 0..25 {
        ground.exec(&long).succeeds();
    }
    let lost = since(before, trace.counts().await);
    assert_eq!((lost.observed, lost.lost_ring, lost.delivered), (25, 25, 0));
    // And under a storm, whatever fits.
    let before = trace.counts().await;
    let storms = [ground.storm(1000), ground.storm(1000)];
    storms.into_iter().for_each(|storm| {
        storm.succeeds();
    });
    let counts = since(before, trace.counts().await);
    println!("{counts:?}");
    assert_eq!(counts.observed, 2002);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_new_containers_have_no_room_to_wait_for_a_name_is_counted() {
    let stage = Stage::with_a_stopped_docker(Config {
        pending_events: 3,
        ..Config::default()
    })
    .await;
    let _events = stage
        .tracers
        .add("any", TraceSpec::default())
        .await
        .unwrap();
    let nobodys = stage.nobodys();
    nobodys.storm(10).succeeds();
    stage.tracers.flush().await;
    let unattributed = stage.tracers.unattributed();
    // Others may have had the room for the three.
    assert!(unattributed.pending_full >= 11 - 3, "{unattributed:?}");
    assert_eq!(unattributed.pending_expired, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_too_long_for_a_name_is_counted() {
    let stage = Stage::with_a_stopped_docker(Config {
        pending_age: Duration::from_millis(1),
        ..Config::default()
    })
    .await;
    let _events = stage
        .tracers
        .add("any", TraceSpec::default())
        .await
        .unwrap();
    let nobodys = stage.nobodys();
    nobodys.storm(10).succeeds();
    let expired = || stage.tracers.unattributed().pending_expired;
    eventually(|| (expired() > 0).then_some(()));
    assert_eq!(stage.tracers.unattributed().pending_full, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_containers_events_are_counted_for_itself() {
    let stage = Stage::new().await;
    let (wanted, _trace) = stage.traced("wanted", TraceSpec::default()).await;
    let (other, on_other) = stage.traced("other", TraceSpec::default()).await;
    on_other.end().await;
    let counts = |of: &Ground| stage.tracers.container_counts(of.cgroup()).unwrap();
    let before = [counts(&wanted), counts(&other)];
    wanted.storm(20).succeeds();
    other.storm(10).succeeds();
    let (ours, others) = (counts(&wanted), counts(&other));
    assert_eq!(
        (ours.seen - before[0].seen, ours.sent - before[0].sent),
        (21, 21)
    );
    assert_eq!(
        (
            others.seen - before[1].seen,
            others.ignored - before[1].ignored
        ),
        (11, 11)
    );
    assert_eq!(stage.tracers.container_counts(CgroupId(u64::MAX)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn execs_that_nobody_wants_cost_no_record() {
    let stage = Stage::new().await;
    let (_wanted, trace) = stage.traced("trace", TraceSpec::default()).await;
    let (other, on_other) = stage.traced("other", TraceSpec::default()).await;
    on_other.end().await;
    let before = stage.tracers.kernel_counts();
    let ours = trace.counts().await;
    other.storm(1000).succeeds();
    stage.tracers.flush().await;
    let after = stage.tracers.kernel_counts();
    println!("{before:?} {after:?}");
    assert!(after.ignored - before.ignored >= 1001);
    assert!(after.sent - before.sent < 100, "{before:?} {after:?}");
    assert_eq!(since(ours, trace.counts().await).observed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_hundred_traces_come_and_go_while_a_storm_runs() {
    let stage = Stage::new().await;
    let big = TraceSpec {
        queue: 100_000,
        ..TraceSpec::default()
    };
    let (ground, all) = stage.traced("all", big.clone()).await;
    let before = all.counts().await;
    let times = 3000;
    let over = Arc::new(AtomicBool::new(false));
    let storm = {
        let (child, over) = (ground.storm(times), Arc::clone(&over));
        tokio::task::spawn_blocking(move || {
            child.succeeds();
            over.store(true, Ordering::Relaxed);
        })
    };
    let mut total = 0;
    for n in 0..100 {
        let id = format!("short-{n}");
        let spec = match n % 4 {
            0 => big.clone(),
            1 => TraceSpec {
                filter: filter("comm:sh"),
                ..big.clone()
            },
            2 => TraceSpec {
                rate_limit: Some(RateLimit {
                    events_per_second: 10,
                    burst: 5,
                }),
                ..big.clone()
            },
            _ => TraceSpec {
                queue: 3,
                ..big.clone()
            },
        };
        let events = stage
            .tracers
            .add(&id, on(&ground.name, spec))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let counts = stage.tracers.remove(&id).await.unwrap();
        assert_adds_up(&counts);
        assert_eq!(
            events.collect::<Vec<_>>().await.len() as u64,
            counts.delivered,
            "{id}"
        );
        assert!(counts.observed <= times + 1);
        total += counts.observed;
    }
    println!(
        "the storm was over first: {}; the short ones saw {total}",
        over.load(Ordering::Relaxed)
    );
    storm.await.unwrap();
    let counts = since(before, all.counts().await);
    assert_eq!((counts.observed, counts.delivered), (times + 1, times + 1));
    assert!(total > 0);
}
