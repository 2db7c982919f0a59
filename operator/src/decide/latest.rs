//! The newest events of all nodes, bounded in number and bytes.

use traceherd_crds::EventSummary;

/// Events in a trace's status.
const MOST: usize = 10;
/// Their bytes, as JSON.
const MOST_BYTES: usize = 8 << 10;

/// The newest of what was shown and what is told now, newest first.
pub fn newest(shown: &[EventSummary], told: &[EventSummary]) -> Vec<EventSummary> {
    let mut all: Vec<&EventSummary> = Vec::with_capacity(shown.len() + told.len());
    for event in told.iter().chain(shown) {
        if !all.contains(&event) {
            all.push(event);
        }
    }
    all.sort_by(|a, b| {
        let key = |event: &EventSummary| (event.timestamp.0, event.pid);
        key(b).cmp(&key(a)).then_with(|| a.node.cmp(&b.node))
    });
    let mut bytes = 0;
    let fits = |event: &&EventSummary| {
        bytes += serde_json::to_vec(event).map_or(MOST_BYTES, |json| json.len() + 1);
        bytes <= MOST_BYTES
    };
    let newest = all.into_iter().take(MOST).take_while(fits);
    newest.cloned().collect()
}
