//! One trace as this node knows it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{EventCounts, NodePhase, TraceReportStatus};
use traceherd_tracers::Counts;

use super::super::account::{Account, Before, Past, total};
use super::super::desired::{Outputs, Tracing};
use super::super::read::Read;
use super::super::report::Object;
use super::super::sink::{Outlet, OutletCounts};
use super::super::watch::{Pause, Sighting};

/// See the module.
pub struct Member {
    /// What the watch last told of it.
    pub seen: Sighting,
    /// Whether its report has to be looked for once more: an earlier agent has had its last word.
    pub report_is_left: bool,
    /// How it is read.
    pub reading: Reading,
    /// What was read.
    pub read: Option<Read>,
    /// Why what was read cannot be understood.
    pub strange: Option<String>,
    /// The run that it is in.
    pub run: Option<Run>,
    /// Its report.
    pub report: Report,
    /// Whether it has to be decided anew.
    pub undecided: bool,
    /// When it has to be, though nothing changes.
    pub decide_at: Option<Timestamp>,
}

/// How a trace is read.
#[derive(Default)]
pub struct Reading {
    /// Whether it is being read.
    pub under_way: bool,
    /// Not to be read before.
    pub not_before: Option<Instant>,
    /// The waits after failures.
    pub pause: Pause,
    /// The version that was last read.
    pub version: String,
    /// How often the generation was read again for the operator's word.
    pub rereads: u32,
}

/// One run of a trace on this node.
pub struct Run {
    /// Which.
    pub name: Option<String>,
    /// When it was first seen unsuspended.
    pub first_seen: Timestamp,
    /// Whether this node's part of it is over for good.
    pub over: bool,
    /// What was told before this agent began.
    pub before: Before,
    /// Whether it is known what was.
    pub is_before_known: bool,
    /// The tracers' account of the times that it was active, but for now.
    pub closed: Counts,
    /// What may have been its events, in those times.
    pub unattributed: u64,
    /// Where its events go.
    pub outlet: Arc<Outlet>,
    /// What the outlet was last told.
    pub outputs: Outputs,
    /// What the tracer collection does for it now.
    pub active: Option<Active>,
    /// Since when it was active, all the time or not, under this agent.
    pub active_since: Option<Timestamp>,
    /// This agent's account as it was while an earlier agent was still there.
    pub past: Past,
    /// How it does here.
    pub phase: NodePhase,
    /// Why it cannot trace.
    pub failure: Option<String>,
    /// The tracers' account when it was last looked at.
    pub tracer: Counts,
    /// For how long nothing was heard of its trace.
    stale: Duration,
}

/// A trace that runs.
pub struct Active {
    /// Its id in the tracer collection.
    pub id: String,
    /// What it does.
    pub tracing: Tracing,
    /// What was unattributed on the node when it began.
    pub unattributed_before: u64,
}

/// A trace's report.
#[derive(Default)]
pub struct Report {
    /// What is known of the object.
    pub object: Object,
    /// What it says, as far as is known.
    pub told: Option<TraceReportStatus>,
    /// When it was last written.
    pub written: Option<Instant>,
    /// Whether it is being written.
    pub under_way: bool,
    /// Not to be written before.
    pub not_before: Option<Instant>,
    /// The waits after failures.
    pub pause: Pause,
    /// Whether it has something new to say for sure.
    pub due: bool,
    /// When it was last looked whether it has.
    pub looked: Option<Instant>,
    /// The herd's pulse then.
    pub pulse: u64,
    /// The outlet's counts then.
    pub counted: OutletCounts,
}

impl Member {
    /// A trace that was just seen.
    pub fn new(seen: Sighting) -> Self {
        Self {
            seen,
            report_is_left: false,
            reading: Reading::default(),
            read: None,
            strange: None,
            run: None,
            report: Report::default(),
            undecided: false,
            decide_at: None,
        }
    }

    /// Whether it is known what is to be done about it, and that is done as far as it can be.
    pub fn is_decided(&self) -> bool {
        (self.read.is_some() || self.strange.is_some()) && !self.undecided
    }

    /// The trace's generation that this node follows, or cannot.
    pub fn generation(&self) -> i64 {
        let read = self.read.as_ref().filter(|_| self.strange.is_none());
        read.map_or(self.seen.generation, |read| read.generation)
    }
}

impl Run {
    /// A run that begins here now.
    pub fn new(name: Option<String>, now: Timestamp, outlet: Arc<Outlet>) -> Self {
        Self {
            name,
            first_seen: now,
            over: false,
            before: Before::default(),
            is_before_known: false,
            closed: Counts::default(),
            unattributed: 0,
            outlet,
            outputs: Outputs::default(),
            active: None,
            active_since: None,
            past: Past::default(),
            phase: NodePhase::Suspended,
            failure: None,
            tracer: Counts::default(),
            stale: Duration::ZERO,
        }
    }

    /// Nothing was heard of its trace for so long, if it goes on.
    pub fn was_stale(&mut self, by: Duration) {
        if !self.over {
            self.stale += by;
        }
    }

    /// For how many seconds nothing was heard of its trace, in all.
    pub fn stale_seconds(&self) -> u64 {
        self.before.stale_seconds + self.stale.as_secs()
    }

    /// What this agent alone has counted, `unattributed` being what may have been the run's.
    pub fn account(&self, unattributed: u64) -> Account {
        Account {
            events: total(EventCounts::default(), self.tracer, self.outlet.counts()),
            unattributed,
        }
    }

    /// No earlier agent has told anything of the run.
    pub fn begins_here(&mut self) {
        self.is_before_known = true;
        self.past = Past::default();
    }

    /// Takes over what an earlier agent that is still there has told of the run until now, as far
    /// as it decides how the run goes on. What there is to count comes with its last word.
    pub fn foresee(&mut self, report: &TraceReportStatus) {
        if !self.is_before_known && report.run == self.name {
            self.over |= report.phase == Some(NodePhase::Completed);
            self.outlet
                .resume(report.events.delivered, report.latest.clone());
        }
    }

    /// Goes on where an earlier agent's report of the run ends. `epoch` is this agent's.
    pub fn resume(&mut self, report: &TraceReportStatus, epoch: &str, now: Timestamp) {
        // What this very agent told is nothing that was before it.
        if std::mem::replace(&mut self.is_before_known, true)
            || report.run != self.name
            || report.epoch == epoch
        {
            return;
        }
        let last = report.updated_at.as_ref().map(|last| last.0);
        let both = last.map(|last| self.past.at(last)).unwrap_or_default();
        self.before = Before::of(report, self.active_since.unwrap_or(now), both);
        self.past = Past::default();
        self.over |= report.phase == Some(NodePhase::Completed);
        self.outlet
            .resume(self.before.events.delivered, report.latest.clone());
    }
}

#[cfg(test)]
mod tests {
    use traceherd_crds::{EventCounts, RateLimit, TraceKind};

    use super::super::super::redact::Redactor;
    use super::super::super::sink::{Log, Printing};
    use super::super::super::which::Which;
    use super::*;

    fn run(name: &str, max_events: u64) -> Run {
        let (log, _) = Log::start(|_| Ok(())).unwrap();
        let limit = RateLimit {
            events_per_second: 1,
            burst: 1,
        };
        let printing = Printing::new(Redactor::default(), log, limit);
        let which = Which {
            kind: TraceKind::ClusterTrace,
            namespace: String::new(),
            name: "shells".into(),
        };
        let outputs = Outputs {
            max_events: Some(max_events),
            ..Outputs::default()
        };
        let outlet = Arc::new(Outlet::new(&which, outputs, &printing));
        Run::new(Some(name.into()), Timestamp::UNIX_EPOCH, outlet)
    }

    fn report(run: &str, epoch: &str, phase: NodePhase) -> TraceReportStatus {
        TraceReportStatus {
            run: Some(run.into()),
            epoch: epoch.into(),
            phase: Some(phase),
            events: EventCounts {
                observed: 5,
                delivered: 5,
                ..EventCounts::default()
            },
            ..TraceReportStatus::default()
        }
    }

    #[test]
    fn a_run_goes_on_where_an_earlier_agent_left_it() {
        use NodePhase::{Completed, Running};
        for (what, left, delivered, gaps, over, enough) in [
            ("it ran", report("1", "old", Running), 5, 1, false, true),
            (
                "it was over",
                report("1", "old", Completed),
                5,
                0,
                true,
                true,
            ),
            (
                "another run",
                report("0", "old", Completed),
                0,
                0,
                false,
                false,
            ),
            (
                "its own report",
                report("1", "this", Running),
                0,
                0,
                false,
                false,
            ),
        ] {
            let mut run = run("1", 5);
            run.resume(&left, "this", Timestamp::UNIX_EPOCH);
            let found = (run.before.events.delivered, run.before.gaps, run.over);
            assert_eq!(found, (delivered, gaps, over), "{what}");
            assert_eq!(run.outlet.had_enough(), enough, "{what}");
        }
    }

    #[test]
    fn what_was_before_is_taken_over_once() {
        let mut known = run("1", 100);
        for _ in 0..2 {
            let left = report("1", "old", NodePhase::Running);
            known.resume(&left, "this", Timestamp::UNIX_EPOCH);
        }
        assert_eq!((known.before.events.delivered, known.before.gaps), (5, 1));
        let mut new = run("2", 100);
        new.is_before_known = true;
        new.resume(
            &report("2", "other", NodePhase::Running),
            "this",
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(new.before, Before::default());
    }

    #[test]
    fn what_an_earlier_agent_counts_is_taken_over_with_its_last_word() {
        let mut run = run("1", 9);
        run.foresee(&report("1", "old", NodePhase::Running));
        assert_eq!(run.before, Before::default());
        assert!(!run.outlet.had_enough());
        let mut last = report("1", "old", NodePhase::Running);
        last.events.delivered = 9;
        run.resume(&last, "this", Timestamp::UNIX_EPOCH);
        assert_eq!(run.before.events.delivered, 9);
        assert!(run.outlet.had_enough(), "in place of what was foreseen");
        run.foresee(&report("1", "old", NodePhase::Running));
        assert!(run.outlet.had_enough(), "and for good");
    }

    #[test]
    fn what_was_not_heard_adds_up_until_the_run_is_over() {
        let mut run = run("1", 10);
        let mut told = report("1", "earlier", NodePhase::Running);
        told.stale_seconds = 40;
        run.was_stale(Duration::from_millis(1500));
        run.resume(&told, "this", Timestamp::UNIX_EPOCH);
        run.was_stale(Duration::from_millis(1500));
        assert_eq!(run.stale_seconds(), 43);
        run.over = true;
        run.was_stale(Duration::from_secs(100));
        assert_eq!(run.stale_seconds(), 43);
    }
}
