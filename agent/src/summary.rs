//! The last word on standard error.

use traceherd_tracers::{Counts, Unattributed};

/// What became of a trace's events, in one line. `written` of them reached standard output.
pub fn summary(counts: &Counts, unattributed: &Unattributed, written: u64) -> String {
    // What was handed out and not written any more never reached anybody.
    let unwritten = counts.delivered.saturating_sub(written);
    let lost = counts.lost() + unwritten;
    let lost_by = told(&[
        (counts.lost_ring, "the ring being full"),
        (counts.lost_queue + unwritten, "standard output being slow"),
    ]);
    let mut line = format!(
        "{written} {}, {lost} lost{lost_by}, {} suppressed",
        if written == 1 { "event" } else { "events" },
        counts.suppressed
    );
    if counts.filtered > 0 {
        line += &format!(", {} filtered out", counts.filtered);
    }
    let total = unattributed.total();
    if total > 0 {
        let Unattributed {
            pending_expired,
            pending_full,
            pending_lost,
            too_deep,
            malformed,
            cgroups,
            missed,
        } = *unattributed;
        let by = told(&[
            (
                pending_expired,
                "of containers that nobody could name in time",
            ),
            (pending_full, "of too many new containers at once"),
            (pending_lost, "of new containers, the ring being full"),
            (too_deep, "nested too deep"),
            (malformed, "malformed"),
            (cgroups, "new cgroups without room"),
            (missed, "left out by the kernel"),
        ]);
        line += &format!(", {total} unattributed{by}");
    }
    line
}

/// What is not none, with its reason, in brackets.
fn told(reasons: &[(u64, &str)]) -> String {
    let some = reasons.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = some
        .map(|(count, reason)| format!("{count} {reason}"))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    format!(" ({})", told.join(", "))
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
            "7 events, 3 lost (3 standard output being slow), 0 suppressed"
        );
        assert_eq!(
            summary(&counts, &nothing, 1),
            "1 event, 9 lost (9 standard output being slow), 0 suppressed"
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
            "10 events, 3 lost (2 the ring being full, 1 standard output being slow), 3 suppressed, \
             4 filtered out"
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
