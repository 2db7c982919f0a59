//! What a trace is.

use traceherd_columns::Filter;
use traceherd_containers::Selector;

use crate::exec::{ExecEvent, ExecOptions};

/// A trace: which containers, what of them, and how much.
#[derive(Clone)]
pub struct TraceSpec {
    /// Whose events.
    pub selector: Selector,
    /// The gadget's options.
    pub exec: ExecOptions,
    /// Which of these events are delivered.
    pub filter: Option<Filter<ExecEvent>>,
    /// At most so many events of each container.
    pub rate_limit: Option<RateLimit>,
    /// The trace ends with its n-th delivered event.
    pub max_events: Option<u64>,
    /// How many events may wait for whoever takes them; more are lost, and counted.
    pub queue: usize,
}

impl Default for TraceSpec {
    /// Every container's successful execs, without limits, and a queue of 8,192 events.
    fn default() -> Self {
        Self {
            selector: Selector::default(),
            exec: ExecOptions::default(),
            filter: None,
            rate_limit: None,
            max_events: None,
            queue: 8192,
        }
    }
}

/// A bound on the events of each container, held in the kernel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    /// Events a second, in the long run; at least 1.
    pub events_per_second: u32,
    /// Events at once; at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// Nanoseconds between two events.
    pub(crate) fn interval_ns(&self) -> u32 {
        1_000_000_000 / self.events_per_second.max(1)
    }

    /// How far a burst may run ahead, in nanoseconds.
    pub(crate) fn burst_ns(&self) -> u64 {
        u64::from(self.burst.saturating_sub(1)) * u64::from(self.interval_ns())
    }
}
