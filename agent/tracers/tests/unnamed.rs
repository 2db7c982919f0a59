//! What happens in cgroups that nobody has named yet, or ever will, is counted to the event.
//!
//! `STORM_SECONDS` says how long each storm lasts. One runs at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use support::{
    held_reader::HeldReader,
    recorder::eventually,
    stage::Stage,
    tally::storm_time,
    watched::{Watched, run, tell},
};
use traceherd_containers::Selector;
use traceherd_e2e::{Storms, storm::cores};
use traceherd_tracers::{Config, TraceSpec};

static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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
    let reader = HeldReader::of(&stage);
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

    reader.hold(&stage);
    let mut executed = 1;
    // The first fill the ring.
    for _ in 0..20 {
        let unheard = stage.hosts();
        let storm = storms.storm().joining(&unheard.procs).numbered().times(10);
        executed += storm.argument_bytes(300).run().unwrap().execs;
        eventually(|| std::fs::remove_dir(unheard.procs.parent().unwrap()).ok());
    }
    reader.release();
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
