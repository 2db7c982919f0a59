//! What a tracer loses it counts: seen is what was spawned.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use support::{call::Call, child::Child, recorder::eventually};
use traceherd_tracers::{
    ExecEvent, ExecOptions, ExecTracer, KernelCounts, MAX_ARGS_BYTES, TracerCounts,
};

/// Runs `/bin/true` so often, one after the other; returns the process whose children they were.
fn storm(times: u64) -> Child {
    let script = format!("i=0; while [ $i -lt {times} ]; do /bin/true; i=$((i + 1)); done");
    let call = Call::new("/bin/sh", ["sh", "-c", &script]);
    Child::fork(|| call.make())
}

#[test]
fn what_a_stream_has_no_room_for_is_counted() {
    let (tracer, events) = ExecTracer::stream(ExecOptions::default()).unwrap();
    let times = 10_000;
    storm(times).succeeds();
    let counts = quiet_counts(&tracer, |counts| counts.lost_queue);
    drop(tracer);
    let delivered = events.blocking().count() as u64;
    assert!(counts.1 > 0, "{counts:?}");
    assert!(
        delivered + counts.1 >= counts.0.sent && counts.0.sent > times,
        "{counts:?}"
    );
    assert_eq!(counts.0.lost, 0);
}

/// The accounts at a moment when nothing is under way.
fn quiet_counts(
    tracer: &ExecTracer,
    handed_out: impl Fn(&TracerCounts) -> u64,
) -> (KernelCounts, u64) {
    eventually(|| {
        tracer.flush();
        let before = tracer.counts().kernel;
        let counts = tracer.counts();
        let KernelCounts {
            seen,
            ignored,
            suppressed,
            lost,
            sent,
        } = counts.kernel;
        let meets = seen == ignored + suppressed + lost + sent && before == counts.kernel;
        meets.then(|| (counts.kernel, handed_out(&counts)))
    })
}

#[test]
fn twenty_thousand_execs_are_all_accounted_for() {
    let delivered = Arc::<AtomicU64>::default();
    let ours = Arc::<Mutex<BTreeSet<(u32, u32, u64)>>>::default();
    let (theirs, all) = (Arc::clone(&ours), Arc::clone(&delivered));
    let tracer = ExecTracer::start(ExecOptions::default(), move |event| {
        all.fetch_add(1, Ordering::Relaxed);
        if event.file == b"/bin/true" {
            theirs
                .lock()
                .unwrap()
                .insert((event.ppid, event.pid, event.boottime));
        }
    })
    .unwrap();
    let each = 10_000;
    let storms = [storm(each), storm(each)];
    let parents = storms.map(Child::succeeds);
    let meets = eventually(|| {
        let (counts, delivered) = quiet_counts(&tracer, |_| delivered.load(Ordering::Relaxed));
        // Others may have executed something between the two.
        (counts.sent == delivered).then_some(counts)
    });
    assert_eq!((meets.ignored, meets.suppressed), (0, 0));
    let ours = ours.lock().unwrap();
    let seen = ours
        .iter()
        .filter(|(ppid, ..)| parents.contains(ppid))
        .count() as u64;
    println!("{meets:?}, ours {seen}");
    assert!(seen + meets.lost >= 2 * each, "{seen} {meets:?}");
    if meets.lost == 0 {
        assert_eq!(seen, 2 * each);
    }
}

/// A callback that waits until it is let go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn what_a_full_ring_has_no_room_for_is_counted_to_the_event() {
    let gate = Gate::default();
    let (passes, delivered) = (gate.clone(), Arc::<AtomicU64>::default());
    let ours = Arc::<Mutex<Vec<ExecEvent>>>::default();
    let (theirs, all) = (Arc::clone(&ours), Arc::clone(&delivered));
    let options = ExecOptions {
        max_args_bytes: MAX_ARGS_BYTES,
        ..ExecOptions::default()
    };
    let parent = std::process::id();
    let tracer = ExecTracer::start(options, move |event| {
        passes.pass();
        all.fetch_add(1, Ordering::Relaxed);
        if event.ppid == parent && event.file == b"/bin/true" {
            theirs.lock().unwrap().push(event);
        }
    })
    .unwrap();
    // 32 KiB each: the ring of 2 MiB has room for some sixty.
    let spawned = 200;
    let call = Call::new("/bin/true", [b"true".to_vec(), vec![b'x'; 40_000]]);
    for _ in 0..spawned {
        Child::fork(|| call.make()).succeeds();
    }
    gate.open();
    let counts = eventually(|| {
        let (counts, delivered) = quiet_counts(&tracer, |_| delivered.load(Ordering::Relaxed));
        (counts.sent == delivered).then_some(counts)
    });
    let ours = ours.lock().unwrap();
    println!("{counts:?}, ours delivered {}", ours.len());
    assert!(
        ours.len() >= 40 && counts.lost >= 100,
        "{} {counts:?}",
        ours.len()
    );
    // Others may have lost some too.
    assert!(
        ours.len() as u64 + counts.lost >= spawned,
        "{} {counts:?}",
        ours.len()
    );
    // What came through is whole.
    assert!(
        ours.iter()
            .all(|event| event.args.cut_bytes() == Some(40_006 - MAX_ARGS_BYTES))
    );
}
