//! The end: every trace's last word, until when this agent was there.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::Herd;
use super::member::{Member, Run};
use crate::node::report::{is_worth_a_report, write};

/// Reports that are written at the end, at once, and how long that may take.
const LAST_AT_ONCE: usize = 8;
const LAST: Duration = Duration::from_secs(3);
/// How long the outputs, and reports that are being written, may take at the end.
const DRAIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(10);

impl Herd {
    /// Ends every trace, and tells the last of them, until when this agent was there.
    pub(super) async fn end(mut self) {
        if let Some(watch) = self.namespace_watch.take() {
            watch.abort();
        }
        // What comes from now on may be missed, and another agent's account goes on from here.
        let last = Timestamp::now();
        let running: Vec<_> = self.members.keys().cloned().collect();
        for which in &running {
            self.stop(which).await;
        }
        // What is being written goes first: it may be the very object that is written next.
        let begun = Instant::now();
        let left = || DRAIN.saturating_sub(begun.elapsed());
        while let Ok(Some(written)) = timeout(left(), self.writes.next()).await {
            self.written(written);
        }
        let drained = |run: &Run| run.is_drained();
        while begun.elapsed() < DRAIN {
            let mut runs = self
                .members
                .values()
                .filter_map(|member| member.run.as_ref());
            if runs.all(drained) {
                break;
            }
            sleep(LOOK).await;
        }
        let mut orders = Vec::new();
        // Until an earlier agent is gone the reports are its.
        let told = if self.overlaps { &[][..] } else { &running };
        for which in told {
            let Some(mut status) = self.status(which) else {
                continue;
            };
            // Nobody will be here to tell what becomes of what waits still.
            let waits = |member: &Member| Some(member.run.as_ref()?.outlet.counts().waiting);
            let waiting = self.members.get(which).and_then(waits).unwrap_or_default();
            status.events.lost += waiting;
            status.events.losses.log += waiting;
            status.events.observed += waiting;
            let Some(member) = self.members.get(which) else {
                continue;
            };
            let run = member.run.as_ref();
            let traced = run.is_some_and(|run| run.active_since.is_some());
            if !traced || (member.report.told.is_none() && !is_worth_a_report(&status)) {
                continue;
            }
            status.updated_at = Some(MicroTime(last));
            orders.extend(self.order_of(which, status));
        }
        let writing = stream::iter(orders)
            .map(|order| write(self.client.clone(), order))
            .buffer_unordered(LAST_AT_ONCE)
            .for_each(|_| async {});
        if timeout(LAST, writing).await.is_err() {
            tracing::warn!("not every report has this agent's last word");
        }
    }
}

impl Run {
    /// Whether its outputs are done with all that the tracers delivered.
    fn is_drained(&self) -> bool {
        let counts = self.outlet.counts();
        let taken = counts.delivered + counts.suppressed + counts.lost;
        counts.waiting == 0 && (self.over || taken >= self.closed.delivered)
    }
}
