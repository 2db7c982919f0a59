//! What a person should notice of a trace: as Kubernetes Events, once for each change.

use kube::core::Status;
use kube::runtime::events::{Event, EventType};
use traceherd_crds::{Condition, ConditionStatus, TraceStatus};

/// The longest note that an Event takes, in bytes.
const NOTE_BYTES: usize = 1024;

/// What is noticed when a status is written over another.
pub fn notices(before: &TraceStatus, after: &TraceStatus) -> Vec<Event> {
    let mut all = Vec::new();
    if let Some(start) = &after.start_time
        && before.start_time.as_ref() != Some(start)
    {
        let note = match &after.run {
            Some(run) => format!("run {run:?} began"),
            None => "it began".to_owned(),
        };
        all.push(notice(EventType::Normal, "Started", note));
    }
    let stalled = condition(after, "Stalled").filter(|one| one.status == ConditionStatus::True);
    let was_stalled = condition(before, "Stalled");
    if let Some(stalled) = stalled
        && was_stalled
            .is_none_or(|was| (&was.reason, &was.message) != (&stalled.reason, &stalled.message))
    {
        all.push(notice(
            EventType::Warning,
            &stalled.reason,
            stalled.message.clone(),
        ));
    } else if stalled.is_none()
        && before.nodes.failed == 0
        && after.nodes.failed > 0
        && let Some(ready) = condition(after, "Ready")
    {
        all.push(notice(
            EventType::Warning,
            "NodesFailed",
            ready.message.clone(),
        ));
    }
    let lossless = condition(after, "Lossless").filter(|one| one.status == ConditionStatus::False);
    let was_lossless = condition(before, "Lossless");
    if let Some(missed) = lossless
        && was_lossless.is_none_or(|was| was.reason != missed.reason)
    {
        all.push(notice(
            EventType::Warning,
            &missed.reason,
            missed.message.clone(),
        ));
    }
    if let Some(end) = &after.completion_time
        && before.completion_time.as_ref() != Some(end)
    {
        let note = format!(
            "it is over: {} events delivered, {} lost",
            after.events.delivered, after.events.lost
        );
        all.push(notice(EventType::Normal, "Completed", note));
    }
    all
}

/// Whether the API server takes no Event because the namespace is being deleted, or is: then
/// everything in it goes, and nobody is left to notice anything.
pub fn is_too_late(refused: &Status) -> bool {
    let Some(details) = &refused.details else {
        return false;
    };
    let mut causes = details.causes.iter();
    causes.any(|cause| cause.reason == "NamespaceTerminating")
        || (refused.code == 404 && details.kind == "namespaces")
}

fn condition<'a>(status: &'a TraceStatus, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|one| one.type_ == type_)
}

fn notice(type_: EventType, reason: &str, mut note: String) -> Event {
    note.truncate(note.floor_char_boundary(NOTE_BYTES));
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Trace".to_owned(),
        secondary: None,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use traceherd_crds::NodeCounts;

    use super::*;

    fn with(type_: &str, status: ConditionStatus, reason: &str, message: &str) -> TraceStatus {
        let condition = Condition {
            type_: type_.to_owned(),
            status,
            observed_generation: 1,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
            reason: reason.to_owned(),
            message: message.to_owned(),
        };
        TraceStatus {
            conditions: vec![condition],
            ..TraceStatus::default()
        }
    }

    #[test]
    fn each_change_is_noticed_once() {
        let now = || Some(Time(Timestamp::UNIX_EPOCH));
        let none = TraceStatus::default;
        let started = || TraceStatus {
            start_time: now(),
            ..none()
        };
        let over = || TraceStatus {
            completion_time: now(),
            ..started()
        };
        let yes = ConditionStatus::True;
        let no = ConditionStatus::False;
        let refused = |message: &str| with("Stalled", yes, "Refused", message);
        let accepted = || with("Stalled", no, "Accepted", "");
        let missed = |reason: &str, message: &str| with("Lossless", no, reason, message);
        let lossless = || with("Lossless", yes, "NothingLost", "");
        let failing = |failed| TraceStatus {
            nodes: NodeCounts {
                failed,
                ..NodeCounts::default()
            },
            ..with("Ready", no, "NodesNotReady", "b cannot trace: no BTF")
        };
        let cases: &[(TraceStatus, TraceStatus, &[&str])] = &[
            (none(), none(), &[]),
            (none(), started(), &["Started"]),
            (started(), started(), &[]),
            (started(), over(), &["Completed"]),
            (none(), over(), &["Started", "Completed"]),
            (over(), over(), &[]),
            (accepted(), refused("a"), &["Refused"]),
            (refused("a"), refused("a"), &[]),
            (refused("a"), refused("b"), &["Refused"]),
            (refused("a"), accepted(), &[]),
            (failing(0), failing(1), &["NodesFailed"]),
            (failing(1), failing(2), &[]),
            (lossless(), missed("EventsLost", "1"), &["EventsLost"]),
            (missed("EventsLost", "1"), missed("EventsLost", "2"), &[]),
            (
                missed("AgentWasAway", "1"),
                missed("EventsLost", "2"),
                &["EventsLost"],
            ),
        ];
        for (before, after, wanted) in cases {
            let found = notices(before, after);
            let found: Vec<_> = found.iter().map(|event| event.reason.as_str()).collect();
            assert_eq!(found, *wanted, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_namespace_that_goes_is_told_from_a_right_that_is_missing() {
        let terminating = r#"{"code": 403, "reason": "Forbidden", "message": "…",
            "details": {"name": "t.1", "kind": "events", "causes": [{"reason":
            "NamespaceTerminating", "message": "…", "field": "metadata.namespace"}]}}"#;
        let gone = r#"{"code": 404, "reason": "NotFound", "message": "…",
            "details": {"name": "shop", "kind": "namespaces"}}"#;
        let forbidden = r#"{"code": 403, "reason": "Forbidden", "message": "…",
            "details": {"name": "t.1", "kind": "events"}}"#;
        let unknown = r#"{"code": 404, "reason": "NotFound", "message": "…", "details": {}}"#;
        let bare = r#"{"code": 403, "reason": "Forbidden", "message": "…"}"#;
        for (refused, too_late) in [
            (terminating, true),
            (gone, true),
            (forbidden, false),
            (unknown, false),
            (bare, false),
        ] {
            let refused: Status = serde_json::from_str(refused).unwrap();
            assert_eq!(is_too_late(&refused), too_late, "{refused:?}");
        }
    }

    #[test]
    fn a_note_is_as_long_as_an_event_takes() {
        let long = with(
            "Stalled",
            ConditionStatus::True,
            "Refused",
            &"é".repeat(1024),
        );
        let noticed = notices(&TraceStatus::default(), &long);
        assert_eq!(noticed[0].note.as_ref().unwrap().len(), NOTE_BYTES);
    }
}
