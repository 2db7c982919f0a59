//! The newest events of all nodes, bounded in number and bytes.

use traceherd_crds::EventSummary;

/// Events in a trace's status.
const MOST: usize = 10;
/// Their bytes, as JSON.
const MOST_BYTES: usize = 8 << 10;

/// The newest of these, newest first. One that is too large to be shown hides no other.
pub fn newest<'a>(events: impl Iterator<Item = &'a EventSummary>) -> Vec<EventSummary> {
    let mut all: Vec<&EventSummary> = events.collect();
    all.sort_by(|a, b| {
        let key = |event: &EventSummary| (event.timestamp.0, event.pid);
        key(b).cmp(&key(a)).then_with(|| a.node.cmp(&b.node))
    });
    let mut bytes = 2;
    let mut newest: Vec<EventSummary> = Vec::new();
    for event in all {
        if newest.len() == MOST {
            break;
        }
        if newest.contains(event) {
            continue;
        }
        let more = serde_json::to_vec(event).map_or(MOST_BYTES, |json| json.len() + 1);
        if bytes + more <= MOST_BYTES {
            bytes += more;
            newest.push(event.clone());
        }
    }
    newest
}
