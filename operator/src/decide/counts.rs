//! The totals, which never go down.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use traceherd_crds::{EventCounts, TraceStatus};

use super::Report;

/// As many reports may be on their way out at once.
const MOST_DEPARTING: usize = 256;

/// Sums the reports of this run into `status`. A report that is `leaving` is put to what is
/// departed, once: its uid is written down with the sum, and only then, in a later round, may it
/// be deleted.
pub fn count(
    status: &mut TraceStatus,
    of_run: &HashMap<&str, &Report>,
    all: &[Arc<Report>],
    leaving: impl Fn(&Report) -> bool,
) {
    let there: HashSet<&str> = all.iter().map(|report| report.uid.as_str()).collect();
    let departed = &mut status.departed_reports;
    departed.retain(|uid| there.contains(uid.as_str()));
    let mut here = EventCounts::default();
    for report in all {
        if departed.contains(&report.uid) {
            continue;
        }
        let counts = of_run.get(report.node.as_str());
        let counts = counts.filter(|one| one.uid == report.uid);
        let events = counts
            .map(|report| report.status.events)
            .unwrap_or_default();
        if departed.len() < MOST_DEPARTING && leaving(report) {
            departed.push(report.uid.clone());
            status.departed = status.departed.plus(events);
        } else {
            here = here.plus(events);
        }
    }
    let sum = status.departed.plus(here);
    status.events = status.events.at_least(sum);
}
