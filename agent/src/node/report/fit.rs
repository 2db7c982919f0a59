//! Keeping events within a number of bytes.

use traceherd_crds::EventSummary;

/// The newest of `events` (newest first) that fit into `most` bytes of JSON. Long arguments give
/// way first, each event's to its fair share; then the oldest events do.
pub fn fit(mut events: Vec<EventSummary>, most: usize) -> Vec<EventSummary> {
    if events.iter().map(size).sum::<usize>() <= most {
        return events;
    }
    let share = most / events.len().max(1);
    for event in &mut events {
        shorten(event, share);
    }
    let mut left = most;
    let fitting = events.iter().take_while(|event| {
        let fits = size(event) <= left;
        left = left.saturating_sub(size(event));
        fits
    });
    let fitting = fitting.count();
    events.truncate(fitting);
    events
}

/// With the comma behind it.
fn size(event: &EventSummary) -> usize {
    serde_json::to_vec(event).map_or(usize::MAX / 64, |json| json.len() + 1)
}

/// Takes from the arguments, the last first, what is beyond `most` bytes of JSON.
fn shorten(event: &mut EventSummary, most: usize) {
    while size(event) > most {
        let excess = size(event) - most;
        event.args_cut = true;
        let Some(last) = event.args.last_mut() else {
            return;
        };
        let keep = last.len().saturating_sub(excess.max(8));
        if keep == 0 {
            event.args.pop();
        } else {
            let end = (0..=keep).rev().find(|&at| last.is_char_boundary(at));
            last.truncate(end.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn event(pid: u32, args: &[&str]) -> EventSummary {
        EventSummary {
            timestamp: MicroTime(Timestamp::UNIX_EPOCH),
            node: "n".into(),
            namespace: String::new(),
            pod: String::new(),
            container: String::new(),
            pid,
            uid: 0,
            comm: "sh".into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            args_cut: false,
            ret: 0,
        }
    }

    #[test]
    fn what_fits_is_left_alone() {
        let events = vec![event(2, &["sh", "-c"]), event(1, &["ls"])];
        assert_eq!(fit(events.clone(), 1000), events);
        assert_eq!(fit(Vec::new(), 0), Vec::new());
    }

    #[test]
    fn arguments_give_way_before_events_do() {
        let long = "x".repeat(900);
        let events: Vec<_> = (0..10).map(|pid| event(pid, &["sh", &long])).collect();
        let fitted = fit(events, 4000);
        assert_eq!(fitted.len(), 10);
        assert!(
            fitted
                .iter()
                .all(|event| event.args_cut && event.args[0] == "sh")
        );
        assert!(fitted.iter().map(size).sum::<usize>() <= 4000);
    }

    #[test]
    fn the_oldest_go_when_nothing_can_be_shortened() {
        let events: Vec<_> = (0..50).map(|pid| event(pid, &["\u{fffd}\"\\"])).collect();
        let fitted = fit(events, 1000);
        assert!(!fitted.is_empty() && fitted.len() < 50);
        assert_eq!(fitted[0].pid, 0, "the newest is kept");
        assert!(fitted.iter().map(size).sum::<usize>() <= 1000);
    }

    #[test]
    fn characters_stay_whole() {
        let long = "日本".repeat(100);
        let events = vec![event(1, &[&long]), event(2, &[&long])];
        for most in 300..420 {
            let fitted = fit(events.clone(), most);
            assert!(fitted.iter().map(size).sum::<usize>() <= most, "{most}");
        }
    }
}
