use std::io::{Read, Write};
use std::time::{Duration, Instant};

use traceherd_crds::TraceKind;

use super::*;

fn which() -> Which {
    Which {
        kind: TraceKind::Trace,
        namespace: "shop".into(),
        name: "shells".into(),
    }
}

fn printing(log: &Log, events_per_second: u32, burst: u32) -> Printing {
    let limit = RateLimit {
        events_per_second,
        burst,
    };
    Printing::new(Redactor::default(), log.clone(), limit)
}

fn events(count: u32) -> Vec<Arc<ExecEvent>> {
    (0..count)
        .map(|pid| Arc::new(super::super::an_event(pid)))
        .collect()
}

const BOTH: Outputs = Outputs {
    log: true,
    status_events: 3,
    max_events: None,
};

/// A log that gives its lines to the test.
fn a_log() -> (Log, std::sync::mpsc::Receiver<String>) {
    let (sender, written) = std::sync::mpsc::channel();
    let (log, _) =
        Log::start(move |text| sender.send(text.to_owned()).map_err(std::io::Error::other))
            .unwrap();
    (log, written)
}

fn within_patience(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{what} is overdue"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_line_says_first_whose_it_is() {
    let (log, written) = a_log();
    for (which, leading) in [
        (
            which(),
            r#"{"trace":"shells","tracenamespace":"shop","tracekind":"Trace","#,
        ),
        (
            Which {
                kind: TraceKind::ClusterTrace,
                namespace: String::new(),
                ..which()
            },
            r#"{"trace":"shells","tracekind":"ClusterTrace","#,
        ),
    ] {
        let printing = printing(&log, 10, 10);
        let outlet = Arc::new(Outlet::new(&which, BOTH, &printing));
        outlet.take(&events(1), &printing);
        let line = written.recv().unwrap();
        assert!(line.starts_with(leading) && line.ends_with("}\n"), "{line}");
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }
}

#[test]
fn what_the_log_takes_no_more_of_is_suppressed_and_the_status_has_it_all() {
    let (log, _written) = a_log();
    let printing = printing(&log, 1, 5);
    let outlet = Arc::new(Outlet::new(&which(), BOTH, &printing));
    assert_eq!(outlet.take(&events(20), &printing), Flow::On);
    within_patience("writing", || outlet.counts().delivered == 5);
    assert_eq!(
        outlet.counts(),
        OutletCounts {
            delivered: 5,
            suppressed: 15,
            lost: 0,
            waiting: 0
        }
    );
    let pids: Vec<_> = outlet.latest().iter().map(|event| event.pid).collect();
    assert_eq!(pids, [19, 18, 17], "the newest, newest first");
    outlet.take(&events(1), &printing);
    let pids: Vec<_> = outlet.latest().iter().map(|event| event.pid).collect();
    assert_eq!(pids, [0, 19, 18]);
}

#[test]
fn the_last_event_is_the_one_that_was_asked_for() {
    let (log, _written) = a_log();
    let printing = printing(&log, 1000, 4);
    for (outputs, before, taken, expected) in [
        (
            Outputs {
                log: false,
                max_events: Some(7),
                ..BOTH
            },
            0,
            20,
            7,
        ),
        (
            Outputs {
                log: false,
                max_events: Some(7),
                ..BOTH
            },
            5,
            20,
            2,
        ),
        (
            Outputs {
                log: false,
                max_events: Some(7),
                ..BOTH
            },
            7,
            20,
            0,
        ),
        (
            Outputs {
                log: false,
                max_events: Some(30),
                ..BOTH
            },
            0,
            20,
            20,
        ),
    ] {
        let outlet = Arc::new(Outlet::new(&which(), outputs, &printing));
        outlet.resume(before, Vec::new());
        let flow = outlet.take(&events(taken), &printing);
        assert_eq!(outlet.counts().delivered, expected);
        assert_eq!(
            flow == Flow::Enough,
            before + expected >= 7 && expected < 20
        );
        assert_eq!(outlet.had_enough(), flow == Flow::Enough);
    }
    // What is held back is none of those that were asked for.
    let outputs = Outputs {
        max_events: Some(5),
        ..BOTH
    };
    let slow = Printing::new(
        Redactor::default(),
        log.clone(),
        RateLimit {
            events_per_second: 1,
            burst: 4,
        },
    );
    let outlet = Arc::new(Outlet::new(&which(), outputs, &slow));
    assert_eq!(outlet.take(&events(20), &slow), Flow::On);
    within_patience("writing", || outlet.counts().delivered == 4);
    assert_eq!(outlet.counts().suppressed, 16);
}

#[test]
fn an_edit_of_the_outputs_is_followed() {
    let (log, _written) = a_log();
    let printing = printing(&log, 100, 100);
    let outlet = Arc::new(Outlet::new(&which(), BOTH, &printing));
    outlet.take(&events(3), &printing);
    outlet.set(Outputs {
        log: false,
        status_events: 1,
        max_events: None,
    });
    assert_eq!(outlet.latest().len(), 1);
    outlet.take(&events(5), &printing);
    assert_eq!(outlet.latest().len(), 1);
    within_patience("writing", || outlet.counts().delivered == 8);
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing_and_what_it_has_no_room_for_is_counted() {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let (mut reader, mut writer) = (std::fs::File::from(reader), std::fs::File::from(writer));
    let (log, _end) = Log::start(move |text| writer.write_all(text.as_bytes())).unwrap();
    let printing = printing(&log, 1_000_000, 1_000_000);
    let outlet = Arc::new(Outlet::new(&which(), BOTH, &printing));
    let quiet = Outputs { log: false, ..BOTH };
    let other = Arc::new(Outlet::new(&which(), quiet, &printing));
    let batch = events(256);
    let begun = Instant::now();
    for _ in 0..40 {
        outlet.take(&batch, &printing);
        other.take(&batch, &printing);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let total = 256 * 40;
    assert_eq!(other.counts().delivered, total);
    assert_eq!(outlet.latest().len(), 3, "the status goes on");
    let blocked = outlet.counts();
    assert!(blocked.lost > 0 && blocked.waiting > 0, "{blocked:?}");
    assert_eq!(blocked.lost + blocked.delivered + blocked.waiting, total);

    // Somebody reads again: what waited is delivered, and the account adds up.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text.lines().count() as u64
    });
    within_patience("writing what waited", || {
        let counts = outlet.counts();
        counts.delivered + counts.lost == total
    });
    let delivered = outlet.counts().delivered;
    drop((printing, log));
    assert_eq!(reading.join().unwrap(), delivered);
}

#[test]
fn a_log_that_cannot_be_written_loses_what_it_is_given() {
    let (log, _end) = Log::start(|_| Err(std::io::ErrorKind::BrokenPipe.into())).unwrap();
    let printing = printing(&log, 100, 100);
    let outlet = Arc::new(Outlet::new(&which(), BOTH, &printing));
    outlet.take(&events(7), &printing);
    within_patience("losing", || outlet.counts().lost == 7);
    assert_eq!(outlet.counts().delivered, 0);
}

#[test]
fn an_event_that_two_agents_saw_is_shown_once() {
    let summary = |pid: u32, apart: i64| {
        let mut one = summary(&super::super::an_event(pid), &Redactor::default());
        let time = one.timestamp.0 + SignedDuration::from_micros(apart);
        one.timestamp.0 = time;
        one
    };
    let ours = VecDeque::from([summary(3, 2_000_000), summary(2, 1_000_000)]);
    let theirs = vec![summary(2, 999_700), summary(1, 500_000), summary(3, 0)];
    let shown: Vec<_> = merged(ours, theirs)
        .into_iter()
        .map(|one| one.pid)
        .collect();
    assert_eq!(shown, [3, 2, 1, 3], "a pid may come again");
}
