//! When a trace began and ended, and what phase that makes.

use k8s_openapi::jiff::Timestamp;
use traceherd_crds::{Phase, TraceStatus};

use super::nodes::Nodes;
use super::{Wanted, later};

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
    /// By the spec and the clock alone.
    pub fn of(wanted: &Wanted, status: &TraceStatus, refused: bool, now: Timestamp) -> Self {
        let is_new_run = status.completion_time.is_some() && status.run != wanted.run;
        let before = (!is_new_run).then_some(status);
        let start = before.and_then(|status| status.start_time.as_ref());
        let start = start.map(|time| time.0);
        let start = start.or_else(|| (!refused && !wanted.suspend).then_some(now));
        let end = before.and_then(|status| status.completion_time.as_ref());
        let end = end.map(|time| time.0);
        let mut life = Self {
            start,
            end,
            ends_at: None,
            is_new_run,
        };
        if life.end.is_none()
            && let Some((start, duration)) = start.zip(wanted.duration)
        {
            let ends_at = later(start, duration);
            if ends_at <= now {
                life.end = Some(ends_at);
            } else {
                life.ends_at = Some(ends_at);
            }
        }
        life
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
pub fn phase(wanted: &Wanted, life: &Life, nodes: &Nodes, refused: bool) -> Phase {
    let failed = nodes.failed.len();
    if life.end.is_some() {
        Phase::Completed
    } else if refused {
        Phase::Failed
    } else if wanted.suspend {
        Phase::Suspended
    } else if nodes.desired > 0 && failed == nodes.desired as usize {
        Phase::Failed
    } else if nodes.desired > 0 && nodes.ready == 0 {
        Phase::Pending
    } else {
        Phase::Running
    }
}
