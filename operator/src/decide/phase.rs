//! When a trace began and ended, and what phase that makes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{ClusterTraceSpec, Phase};

use super::nodes::Nodes;
use super::{Seen, Wanted, later, of_run};

/// A trace's times.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// When tracing began.
    pub start: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// When it will end by itself.
    pub ends_at: Option<Timestamp>,
    /// True when a finished trace begins anew.
    pub is_new_run: bool,
}

impl Life {
    /// By the spec and the clock.
    pub fn of(seen: &Seen<'_>, refused: bool) -> Self {
        let spec = &seen.wanted.spec;
        let before = Self::before(seen);
        if before.end.is_none() || seen.status.run == spec.run {
            let start = before
                .start
                .or_else(|| (!refused && !spec.suspend).then_some(seen.now));
            return Self { start, ..before }.timed(seen);
        }
        let start = (!refused && !spec.suspend).then_some(seen.now);
        Self {
            start,
            end: None,
            ends_at: None,
            is_new_run: true,
        }
        .timed(seen)
    }

    /// The life of the run that the status is about, which may have ended unnoticed.
    fn before(seen: &Seen<'_>) -> Self {
        let time = |time: &Option<Time>| time.as_ref().map(|time| time.0);
        let life = Self {
            start: time(&seen.status.start_time),
            end: time(&seen.status.completion_time),
            ends_at: None,
            is_new_run: false,
        };
        let life = life.timed(seen);
        if life.end.is_some() || seen.status.run == seen.wanted.spec.run {
            return life;
        }
        let reports = of_run(seen.reports, seen.status.run.as_deref());
        // The edit that asks for another run must not make what was told before it old.
        let then = Wanted {
            generation: 0,
            ..seen.wanted.clone()
        };
        let nodes = Nodes::of(&then, false, &reports, seen.nodes);
        life.with_nodes(&nodes, seen.now)
    }

    /// It is over when its duration is.
    fn timed(mut self, seen: &Seen<'_>) -> Self {
        let duration = seen.wanted.spec.duration.map(std::time::Duration::from);
        if self.end.is_none()
            && let Some((start, duration)) = self.start.zip(duration)
        {
            let ends_at = later(start, duration);
            if ends_at <= seen.now {
                self.end = Some(ends_at);
            } else {
                self.ends_at = Some(ends_at);
            }
        }
        self
    }

    /// It is over, too, when it is over on every node.
    pub fn with_nodes(mut self, nodes: &Nodes, now: Timestamp) -> Self {
        if self.end.is_none() && nodes.desired > 0 && nodes.completed == nodes.desired {
            self.end = Some(now);
            self.ends_at = None;
        }
        self
    }
}

/// The phase.
pub fn phase(spec: &ClusterTraceSpec, life: &Life, nodes: &Nodes, refused: bool) -> Phase {
    let failed = nodes.failed.len();
    if life.end.is_some() {
        Phase::Completed
    } else if refused {
        Phase::Failed
    } else if spec.suspend {
        Phase::Suspended
    } else if nodes.desired > 0 && failed == nodes.desired as usize {
        Phase::Failed
    } else if !nodes.has_agents || (nodes.desired > 0 && nodes.ready == 0) {
        Phase::Pending
    } else {
        Phase::Running
    }
}
