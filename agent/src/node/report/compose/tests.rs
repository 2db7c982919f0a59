use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::Losses;

use super::*;

fn event(args: Vec<String>) -> EventSummary {
    EventSummary {
        timestamp: MicroTime(Timestamp::UNIX_EPOCH),
        node: "n".repeat(253),
        namespace: "n".repeat(63),
        pod: "p".repeat(253),
        container: "c".repeat(253),
        pid: u32::MAX,
        uid: u32::MAX,
        comm: "\"".repeat(64),
        args,
        args_cut: true,
        ret: -4095,
    }
}

#[test]
fn the_largest_report_is_below_16_kib() {
    let hostile = vec!["\u{fffd}\"\\".repeat(200); 64];
    let status = compose(Said {
        generation: i64::MAX,
        run: Some(&"r".repeat(63)),
        epoch: &"e".repeat(64),
        phase: Some(NodePhase::Failed),
        message: &"\u{1b}\"".repeat(5000),
        containers: usize::MAX,
        events: EventCounts {
            observed: u64::MAX,
            losses: Losses {
                ring: u64::MAX,
                queue: u64::MAX,
                log: u64::MAX,
            },
            ..EventCounts::default()
        },
        unattributed: u64::MAX,
        gaps: (u64::MAX, u64::MAX),
        stale_seconds: u64::MAX,
        latest: vec![event(hostile); 50],
    });
    let bytes = serde_json::to_vec(&status).unwrap().len();
    // A kilobyte and a half is left for the object's metadata.
    assert!(bytes <= (16 << 10) - 1536, "{bytes}");
    assert!(!status.latest.is_empty());
    assert!(status.message.len() <= 1024 && status.containers == 100_000);
}

#[test]
fn a_report_is_made_when_there_is_something_to_say() {
    let nothing = || compose(Said::default());
    assert!(!is_worth_a_report(&nothing()));
    let running = TraceReportStatus {
        phase: Some(NodePhase::Running),
        ..nothing()
    };
    let held = TraceReportStatus {
        phase: Some(NodePhase::Suspended),
        gaps: 1,
        ..nothing()
    };
    assert!(!is_worth_a_report(&running) && !is_worth_a_report(&held));
    let filtered = EventCounts {
        observed: 1,
        filtered: 1,
        ..EventCounts::default()
    };
    for said in [
        TraceReportStatus {
            containers: 1,
            ..nothing()
        },
        TraceReportStatus {
            events: filtered,
            ..nothing()
        },
        TraceReportStatus {
            unattributed: 1,
            ..nothing()
        },
        TraceReportStatus {
            phase: Some(NodePhase::Failed),
            ..nothing()
        },
    ] {
        assert!(is_worth_a_report(&said), "{said:?}");
    }
}

#[test]
fn the_time_alone_is_nothing_new() {
    let one = compose(Said {
        epoch: "e",
        latest: vec![event(Vec::new())],
        ..Said::default()
    });
    let later = TraceReportStatus {
        updated_at: Some(MicroTime(Timestamp::UNIX_EPOCH)),
        ..one.clone()
    };
    assert!(says_the_same(&one, &later));
    for other in [
        TraceReportStatus {
            epoch: "f".into(),
            ..one.clone()
        },
        TraceReportStatus {
            containers: 1,
            ..one.clone()
        },
        TraceReportStatus {
            gap_seconds: 1,
            ..one.clone()
        },
        TraceReportStatus {
            stale_seconds: 1,
            ..one.clone()
        },
        TraceReportStatus {
            latest: Vec::new(),
            ..one.clone()
        },
    ] {
        assert!(!says_the_same(&one, &other), "{other:?}");
    }
}
