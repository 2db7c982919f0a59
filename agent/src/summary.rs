//! The last word on standard error.

use traceherd_tracers::{Counts, Unattributed};

/// What became of a trace's events, in one line. `written` of them reached standard output.
pub fn summary(counts: &Counts, unattributed: &Unattributed, written: u64) -> String {
    // What was handed out and not written any more never reached anybody.
    let unwritten = counts.delivered.saturating_sub(written);
    let mut line = format!(
        "{written} {}, {} lost, {} suppressed",
        if written == 1 { "event" } else { "events" },
        counts.lost() + unwritten,
        counts.suppressed
    );
    if counts.filtered > 0 {
        line += &format!(", {} filtered out", counts.filtered);
    }
    let reasons = [
        (
            "of containers that nobody could name in time",
            unattributed.pending_expired,
        ),
        (
            "of too many new containers at once",
            unattributed.pending_full,
        ),
        (
            "of new containers, the ring being full",
            unattributed.pending_lost,
        ),
        ("nested too deep", unattributed.too_deep),
        ("malformed", unattributed.malformed),
        ("new cgroups without room", unattributed.cgroups),
    ];
    let told: Vec<_> = reasons
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if !told.is_empty() {
        line += &format!(
            ", {} unattributed ({})",
            unattributed.total(),
            told.join(", ")
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_was_seen_and_what_was_not() {
        let counts = Counts {
            observed: 10,
            delivered: 10,
            ..Counts::default()
        };
        let nothing = Unattributed::default();
        assert_eq!(
            summary(&counts, &nothing, 10),
            "10 events, 0 lost, 0 suppressed"
        );
        assert_eq!(
            summary(&counts, &nothing, 7),
            "7 events, 3 lost, 0 suppressed"
        );
        assert_eq!(
            summary(&counts, &nothing, 1),
            "1 event, 9 lost, 0 suppressed"
        );
        let counts = Counts {
            observed: 20,
            delivered: 10,
            filtered: 4,
            suppressed: 3,
            lost_ring: 2,
            lost_queue: 1,
        };
        assert_eq!(
            summary(&counts, &nothing, 10),
            "10 events, 3 lost, 3 suppressed, 4 filtered out"
        );
        let unattributed = Unattributed {
            pending_expired: 2,
            malformed: 1,
            ..Unattributed::default()
        };
        assert_eq!(
            summary(&Counts::default(), &unattributed, 0),
            "0 events, 0 lost, 0 suppressed, 3 unattributed (2 of containers that nobody could name in time, 1 malformed)"
        );
    }
}
