//! The totals, which never go down.

use traceherd_crds::{EventCounts, EventSummary, TraceStatus};

use super::Report;

/// As many reports may be on their way out at once.
const MOST_DEPARTING: usize = 256;

/// Sums the reports of this run into `status`. A report that is `leaving` is put to what is
/// departed, once: its uid is written down with the sum, and only then, in a later round, may it
/// be deleted. Gives the events that the reports tell.
pub fn count(
    status: &mut TraceStatus,
    of_run: &[&Report],
    all: &[Report],
    leaving: impl Fn(&Report) -> bool,
) -> Vec<EventSummary> {
    let departed = &mut status.departed_reports;
    departed.retain(|uid| all.iter().any(|report| report.uid == *uid));
    let mut told = Vec::new();
    let mut here = EventCounts::default();
    for report in all {
        if departed.contains(&report.uid) {
            continue;
        }
        let counts = of_run.iter().any(|one| one.uid == report.uid);
        if counts {
            told.extend(report.status.latest.iter().cloned());
        }
        let events = if counts {
            report.status.events
        } else {
            EventCounts::default()
        };
        if leaving(report) && departed.len() < MOST_DEPARTING {
            departed.push(report.uid.clone());
            status.departed = status.departed.plus(events);
        } else {
            here = here.plus(events);
        }
    }
    let sum = status.departed.plus(here);
    status.events = status.events.at_least(sum);
    told
}
