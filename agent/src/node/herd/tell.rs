//! Telling the API server, in reports, how each trace does here.

use std::time::{Duration, Instant};

use futures::FutureExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{EventCounts, TraceReportStatus};

use super::member::{Member, Run};
use super::{Herd, run_of};
use crate::node::account::{sum, total};
use crate::node::metrics::Told;
use crate::node::report::{
    Candidate, Object, Order, Outcome, Said, compose, is_worth_a_report, says_the_same, turn, write,
};
use crate::node::which::Which;

/// What the node's counters said when they were last looked at.
#[derive(Default)]
pub struct Pulse {
    /// Goes up when anything that a report tells may have changed.
    beats: u64,
    /// One more round after a change: what was seen in the kernel arrives here a little later.
    echo: bool,
    seen: u64,
    unattributed: u64,
}

impl Pulse {
    /// Something has changed.
    pub fn beat(&mut self) {
        self.beats += 1;
        self.echo = true;
    }

    fn look(&mut self, seen: u64, unattributed: u64) {
        if (seen, unattributed) != (self.seen, self.unattributed) {
            (self.seen, self.unattributed) = (seen, unattributed);
            self.beat();
        } else if std::mem::take(&mut self.echo) {
            self.beats += 1;
        }
    }
}

/// What came of writing a report.
pub struct Written {
    which: Which,
    uid: String,
    status: TraceReportStatus,
    outcome: Outcome,
}

/// When it is looked again whether an earlier trace's report is gone.
const IN_THE_WAY: Duration = Duration::from_secs(1);

impl Herd {
    /// Looks for reports that have something new to say, and writes those whose turn it is.
    pub(super) fn tell(&mut self) {
        let running = |run: &Run| run.active.is_some();
        let mut runs = self
            .members
            .values()
            .filter_map(|member| member.run.as_ref());
        if runs.any(running) {
            let seen = self.tracers.kernel_counts().seen;
            self.pulse.look(seen, self.tracers.unattributed().total());
        }
        // Until an earlier agent ends the reports are its.
        if !self.overlaps && self.node_uid.is_some() {
            self.report();
        }
        self.publish();
    }

    /// Writes the reports whose turn it is.
    fn report(&mut self) {
        let now = Instant::now();
        let waiting = self
            .members
            .values()
            .filter_map(|member| member.candidate(self.pulse.beats, now));
        for which in turn(waiting.collect()) {
            if let Some(order) = self.order(&which) {
                self.send(which, order);
            }
        }
    }

    /// Notes what this agent has counted until now, for when the earlier agent's last word comes.
    pub(super) fn remember(&mut self) {
        for which in self.members.keys().cloned().collect::<Vec<_>>() {
            self.look(&which);
            let run = self.members.get(&which).and_then(|one| one.run.as_ref());
            let run = run.filter(|run| !run.is_before_known);
            let Some(account) = run.map(|run| run.account(self.unattributed(run))) else {
                continue;
            };
            if let Some(run) = self.run_of(&which) {
                run.past.note(Timestamp::now(), account);
            }
        }
    }

    /// The report of a trace as it should be, if it is not.
    fn order(&mut self, which: &Which) -> Option<Order> {
        let status = self.status(which)?;
        let beats = self.pulse.beats;
        let member = self.members.get_mut(which)?;
        let run = member.run.as_ref()?;
        let report = &mut member.report;
        report.due = false;
        report.looked = Some(Instant::now());
        report.pulse = beats;
        report.counted = run.outlet.counts();
        let news = match &member.report.told {
            None => is_worth_a_report(&status),
            Some(told) if run.active_since.is_some() => !says_the_same(told, &status),
            // Nothing was traced since this agent began: what an earlier one told still holds.
            Some(told) => {
                let same = (&told.phase, &told.message, &told.run)
                    == (&status.phase, &status.message, &status.run);
                !same || told.observed_generation != status.observed_generation
            }
        };
        news.then(|| self.order_of(which, status)).flatten()
    }

    /// To have this said of a trace.
    pub(super) fn order_of(&self, which: &Which, status: TraceReportStatus) -> Option<Order> {
        let member = self.members.get(which)?;
        Some(Order {
            which: which.clone(),
            uid: member.seen.uid.clone(),
            namespace: self.settings.namespace.clone(),
            node: self.settings.node.clone(),
            node_uid: self.node_uid.clone()?,
            object: member.report.object,
            was_told: member.report.told.is_some(),
            status,
        })
    }

    /// What there is to say of a trace now.
    pub(super) fn status(&mut self, which: &Which) -> Option<TraceReportStatus> {
        self.look(which);
        let member = self.members.get(which)?;
        let run = member.run.as_ref()?;
        let said = Said {
            generation: member.generation(),
            run: run.name.as_deref(),
            epoch: &self.settings.epoch,
            phase: Some(run.phase),
            message: run.failure.as_deref().unwrap_or_default(),
            containers: self.matched(run),
            events: total(run.before.events, run.tracer, run.outlet.counts()),
            unattributed: run.before.unattributed + self.unattributed(run),
            gaps: (run.before.gaps, run.before.gap_seconds),
            stale_seconds: run.stale_seconds(),
            latest: run.outlet.latest(),
        };
        Some(compose(said))
    }

    fn matched(&self, run: &Run) -> usize {
        let active = run.active.as_ref();
        let matched = active.and_then(|active| self.tracers.matched(&active.id));
        matched.unwrap_or_default()
    }

    /// Looks at the tracers' account of a trace.
    fn look(&mut self, which: &Which) {
        let Some(run) = run_of(&mut self.members, which) else {
            return;
        };
        let active = run.active.as_ref();
        let now = active.and_then(|active| self.tracers.counts(&active.id));
        run.tracer = sum(run.closed, now.unwrap_or_default());
    }

    /// What became of a run's events counts on, when the run itself does not any more.
    pub(super) fn retire(&mut self, run: &Run) {
        self.retired.add(run);
    }

    /// As of the last look at the node's counters, which comes before any report.
    fn unattributed(&self, run: &Run) -> u64 {
        let now = run.active.as_ref().map_or(0, |active| {
            let total = self.pulse.unattributed;
            total.saturating_sub(active.unattributed_before)
        });
        run.unattributed + now
    }

    fn send(&mut self, which: Which, mut order: Order) {
        let Some(member) = self.members.get_mut(&which) else {
            return;
        };
        member.report.under_way = true;
        member.report.written = Some(Instant::now());
        order.status.updated_at = Some(MicroTime(Timestamp::now()));
        let (uid, status) = (member.seen.uid.clone(), order.status.clone());
        let client = self.client.clone();
        let writing = async move {
            Written {
                which,
                uid,
                status,
                outcome: write(client, order).await,
            }
        };
        self.writes.push(writing.boxed());
    }

    /// Takes in what came of a write.
    pub(super) fn written(&mut self, written: Written) {
        self.numbers
            .wrote(matches!(written.outcome, Outcome::Written));
        let Some(member) = self.members.get_mut(&written.which) else {
            return;
        };
        if member.seen.uid != written.uid {
            return;
        }
        let report = &mut member.report;
        report.under_way = false;
        let why = match written.outcome {
            Outcome::Written => {
                if report.pause.is_failing() {
                    tracing::info!("the report about {} is written again", written.which);
                }
                report.pause.reset();
                report.not_before = None;
                report.object = Object::Present;
                report.told = Some(written.status);
                return;
            }
            Outcome::Found(found) => {
                let status = found.status.unwrap_or_default();
                return member.adopt(status, &self.settings, Timestamp::now());
            }
            // An earlier trace's report goes by itself, and one that somebody deleted is made again.
            Outcome::InTheWay => {
                report.not_before = Some(Instant::now() + IN_THE_WAY);
                report.due = true;
                return;
            }
            Outcome::Deleted => {
                report.object = Object::Absent;
                report.due = true;
                return;
            }
            // Its counts are in the trace's status for good.
            Outcome::SummedUp => {
                report.object = Object::Absent;
                report.told = Some(written.status);
                return;
            }
            Outcome::Failed(object, why) => {
                report.object = object;
                why
            }
            Outcome::TimedOut => {
                report.object = Object::Unknown;
                "the API server does not answer".to_owned()
            }
        };
        if !report.pause.is_failing() {
            tracing::warn!(
                error = why,
                "the report about {} is not written",
                written.which
            );
        }
        report.not_before = Some(Instant::now() + report.pause.next());
        report.due = true;
    }

    /// Tells the numbers of the herd.
    fn publish(&mut self) {
        let mut told = self.retired;
        for run in self
            .members
            .values()
            .filter_map(|member| member.run.as_ref())
        {
            told.add(run);
            told.phases.count(run.phase);
        }
        self.numbers.tell(told);
    }
}

impl Member {
    /// Whether something may have changed that its report has to tell, and it may be written.
    fn candidate(&self, beats: u64, now: Instant) -> Option<Candidate<Which>> {
        let report = &self.report;
        let run = self.run.as_ref()?;
        if report.under_way || report.not_before.is_some_and(|then| now < then) {
            return None;
        }
        let sure = report.due || report.counted != run.outlet.counts();
        let ago = |then: Instant| now.duration_since(then);
        (sure || report.pulse != beats).then(|| Candidate {
            which: self.seen.which.clone(),
            sure,
            looked: report.looked.map(ago),
            written: report.written.map(ago),
        })
    }
}

impl Told {
    /// Adds what became of a run's events since this agent began.
    fn add(&mut self, run: &Run) {
        let events = total(EventCounts::default(), run.tracer, run.outlet.counts());
        self.events = self.events.plus(events);
    }
}
