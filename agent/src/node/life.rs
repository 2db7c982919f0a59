//! Where a trace is in its life, as far as this node is concerned.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use traceherd_crds::TraceStatus;

/// What decides it.
#[derive(Clone, Copy, Debug)]
pub struct Life<'a> {
    /// The spec's run.
    pub run: Option<&'a str>,
    /// The spec's duration.
    pub duration: Option<Duration>,
    /// Whether the spec holds it.
    pub suspend: bool,
    /// What the operator last said of it.
    pub status: &'a TraceStatus,
    /// When this node first saw the run unsuspended: the start until the operator has told one.
    pub first_seen: Timestamp,
    /// Whether the node's part of the run is over: its events are all delivered.
    pub had_enough: bool,
}

/// See the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The operator says that the run has ended.
    Finished,
    /// Its time is over, or its events are all delivered.
    Over,
    /// Held.
    Suspended,
    /// It runs, until then if it has a duration.
    Runs(Option<Timestamp>),
}

impl Life<'_> {
    /// The stage at `now`.
    pub fn stage(&self, now: Timestamp) -> Stage {
        if self.status.has_finished(self.run) {
            return Stage::Finished;
        }
        let ends = self.ends();
        if self.had_enough || ends.is_some_and(|ends| ends <= now) {
            Stage::Over
        } else if self.suspend {
            Stage::Suspended
        } else {
            Stage::Runs(ends)
        }
    }

    /// When its time is over. It counts while the trace is held too, once it has begun.
    fn ends(&self) -> Option<Timestamp> {
        let begun = self
            .started()
            .or((!self.suspend).then_some(self.first_seen));
        let ends = begun?.checked_add(self.duration?);
        Some(ends.unwrap_or(Timestamp::MAX))
    }

    /// The start that the operator told of this run. Another run's counts only while that has
    /// not ended: the trace goes on then.
    fn started(&self) -> Option<Timestamp> {
        let status = self.status;
        let of_this = status.run.as_deref() == self.run || status.completion_time.is_none();
        status
            .start_time
            .as_ref()
            .filter(|_| of_this)
            .map(|time| time.0)
    }
}

/// Whether the operator has told all that it has to tell of a spec before its end: reading the
/// trace again would show nothing that matters here.
pub fn is_told(status: &TraceStatus, generation: i64, run: Option<&str>, suspend: bool) -> bool {
    status.observed_generation >= generation
        && status.run.as_deref() == run
        && (status.start_time.is_some() || suspend)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(run: Option<&str>, start: Option<i64>, end: Option<i64>) -> TraceStatus {
        TraceStatus {
            observed_generation: 1,
            run: run.map(str::to_owned),
            start_time: start.map(|second| Time(at(second))),
            completion_time: end.map(|second| Time(at(second))),
            ..TraceStatus::default()
        }
    }

    #[test]
    fn the_stage_follows_from_spec_status_and_clock() {
        use Stage::{Finished, Over, Runs, Suspended};
        let ten = Some(Duration::from_secs(10));
        // First seen at 100.
        for (what, run, duration, suspend, told, enough, now, expected) in [
            (
                "no status yet",
                None,
                None,
                false,
                status(None, None, None),
                false,
                100,
                Runs(None),
            ),
            (
                "its own clock until told",
                None,
                ten,
                false,
                status(None, None, None),
                false,
                105,
                Runs(Some(at(110))),
            ),
            (
                "over by its own clock",
                None,
                ten,
                false,
                status(None, None, None),
                false,
                110,
                Over,
            ),
            (
                "the operator's start counts",
                None,
                ten,
                false,
                status(None, Some(90), None),
                false,
                99,
                Runs(Some(at(100))),
            ),
            (
                "over by the operator's start",
                None,
                ten,
                false,
                status(None, Some(90), None),
                false,
                101,
                Over,
            ),
            (
                "ended by the operator",
                None,
                ten,
                false,
                status(None, Some(90), Some(95)),
                false,
                96,
                Finished,
            ),
            (
                "ended though suspended",
                None,
                None,
                true,
                status(None, Some(90), Some(95)),
                false,
                96,
                Finished,
            ),
            (
                "a new run of an ended trace",
                Some("2"),
                ten,
                false,
                status(None, Some(50), Some(60)),
                false,
                105,
                Runs(Some(at(110))),
            ),
            (
                "the same run of an ended trace",
                Some("2"),
                ten,
                false,
                status(Some("2"), Some(50), Some(60)),
                false,
                105,
                Finished,
            ),
            (
                "another run of one that goes on",
                Some("2"),
                ten,
                false,
                status(None, Some(98), None),
                false,
                105,
                Runs(Some(at(108))),
            ),
            (
                "held before it began",
                None,
                ten,
                true,
                status(None, None, None),
                false,
                500,
                Suspended,
            ),
            (
                "held after it began",
                None,
                ten,
                true,
                status(None, Some(100), None),
                false,
                105,
                Suspended,
            ),
            (
                "its time runs on while held",
                None,
                ten,
                true,
                status(None, Some(100), None),
                false,
                110,
                Over,
            ),
            (
                "its events are delivered",
                None,
                None,
                false,
                status(None, Some(100), None),
                true,
                105,
                Over,
            ),
        ] {
            let life = Life {
                run,
                duration,
                suspend,
                status: &told,
                first_seen: at(100),
                had_enough: enough,
            };
            assert_eq!(life.stage(at(now)), expected, "{what}");
        }
    }

    #[test]
    fn a_trace_is_read_again_until_the_operator_has_told_its_start() {
        for (told, generation, run, suspend, expected) in [
            (TraceStatus::default(), 1, None, false, false),
            (status(None, None, None), 1, None, false, false),
            (status(None, Some(1), None), 1, None, false, true),
            (status(None, Some(1), None), 2, None, false, false),
            (status(None, Some(1), None), 1, Some("2"), false, false),
            (status(None, None, None), 1, None, true, true),
        ] {
            assert_eq!(
                is_told(&told, generation, run, suspend),
                expected,
                "{told:?} {generation} {run:?}"
            );
        }
    }
}
