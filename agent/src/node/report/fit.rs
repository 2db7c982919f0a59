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

/// Keeps of the arguments, the first first, what fits into `most` bytes of the event's JSON.
fn shorten(event: &mut EventSummary, most: usize) {
    if size(event) <= most {
        return;
    }
    event.args_cut = true;
    let args = std::mem::take(&mut event.args);
    // An event without arguments has no member for them either.
    let mut left = most.saturating_sub(size(event) + r#""args":[],"#.len());
    for mut arg in args {
        // Two quotes and a comma.
        let room = left.saturating_sub(3);
        let (kept, bytes) = fitting(&arg, room);
        let is_whole = kept == arg.len();
        if !is_whole {
            arg.truncate(kept);
        }
        if left < 3 || (!is_whole && kept == 0) {
            return;
        }
        event.args.push(arg);
        left = room - bytes;
        if !is_whole {
            return;
        }
    }
}

/// How many bytes of a text fit into `most` bytes within a JSON string, in whole characters, and
/// how many bytes they are there.
fn fitting(text: &str, most: usize) -> (usize, usize) {
    let mut bytes = 0;
    for (at, c) in text.char_indices() {
        let more = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        if bytes + more > most {
            return (at, bytes);
        }
        bytes += more;
    }
    (text.len(), bytes)
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
    fn a_shortened_event_uses_what_it_has() {
        let texts = ["a\"b\\c\nd\u{1}e日", "plain", ""];
        for most in 150..400 {
            let mut event = event(1, &texts.repeat(20));
            shorten(&mut event, most);
            assert!(event.args.is_empty() || size(&event) <= most, "{most}");
            let whole = "args that are all there".len();
            assert!(
                most < 200 || size(&event) + whole > most,
                "{most} {}",
                size(&event)
            );
        }
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
