//! One running trace.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc::{self, error::TrySendError};
use traceherd_containers::CgroupId;

use super::{
    counts::Counts,
    spec::{RateLimit, TraceSpec},
};
use crate::exec::{Clock, ExecEvent};

/// A trace, its account, and where its events go.
pub struct Trace {
    pub spec: TraceSpec,
    pub counts: Counts,
    /// None once the trace has had its last event.
    sender: Option<mpsc::Sender<Arc<ExecEvent>>>,
    /// Since when it only takes what happened before, in nanoseconds since boot.
    ended: Option<u64>,
    /// The rate limit's theoretical arrival time in each container (GCRA, as in the kernel).
    arrivals: HashMap<CgroupId, u64>,
}

impl Trace {
    /// A new trace, and the receiver of its events.
    pub fn new(spec: TraceSpec) -> (Self, mpsc::Receiver<Arc<ExecEvent>>) {
        let (sender, receiver) = mpsc::channel(spec.queue.max(1));
        let trace = Self {
            spec,
            counts: Counts::default(),
            sender: Some(sender),
            ended: None,
            arrivals: HashMap::new(),
        };
        (trace, receiver)
    }

    /// Whether it still takes events.
    pub fn is_live(&self) -> bool {
        self.sender
            .as_ref()
            .is_some_and(|sender| !sender.is_closed())
    }

    /// What happens from now on is not the trace's.
    pub fn end(&mut self) {
        self.ended = Some(Clock::since_boot());
    }

    /// An event of one of the trace's containers, whose verdict stands at `cgroup`.
    pub fn offer(&mut self, event: &Arc<ExecEvent>, cgroup: CgroupId) {
        if self.ended.is_some_and(|ended| event.boottime > ended) {
            return;
        }
        let Some(sender) = self.sender.as_ref().filter(|sender| !sender.is_closed()) else {
            return;
        };
        if event.ret != 0 && !self.spec.exec.include_failed {
            return;
        }
        self.counts.observed += 1;
        if let Some(limit) = self.spec.rate_limit
            && over_rate(
                limit,
                self.arrivals.entry(cgroup).or_default(),
                event.boottime,
            )
        {
            self.counts.suppressed += 1;
            return;
        }
        let event = projected(event, &self.spec);
        if self
            .spec
            .filter
            .as_ref()
            .is_some_and(|filter| !filter.matches(&event))
        {
            self.counts.filtered += 1;
            return;
        }
        match sender.try_send(event) {
            Ok(()) => self.counts.delivered += 1,
            Err(TrySendError::Full(_)) => self.counts.lost_queue += 1,
            // Nobody takes them any more, so it was not this trace's.
            Err(TrySendError::Closed(_)) => self.counts.observed -= 1,
        }
        if self
            .spec
            .max_events
            .is_some_and(|most| self.counts.delivered >= most)
        {
            self.sender = None;
        }
    }

    /// The account of what never reached [`Trace::offer`].
    pub fn settle(&mut self, suppressed: [u64; 2], lost: [u64; 2]) {
        if !self.is_live() || self.ended.is_some() {
            return;
        }
        let failed = u64::from(self.spec.exec.include_failed);
        let suppressed = suppressed[0] + failed * suppressed[1];
        let lost = lost[0] + failed * lost[1];
        self.counts.observed += suppressed + lost;
        self.counts.suppressed += suppressed;
        self.counts.lost_ring += lost;
    }

    /// The cgroup is gone.
    pub fn forget(&mut self, cgroup: CgroupId) {
        self.arrivals.remove(&cgroup);
    }
}

/// The event as this trace asked for it. Others may have asked for more.
fn projected(event: &Arc<ExecEvent>, spec: &TraceSpec) -> Arc<ExecEvent> {
    let Some(args) = event.args.as_asked(&spec.exec) else {
        return Arc::clone(event);
    };
    Arc::new(ExecEvent {
        args,
        ..ExecEvent::clone(event)
    })
}

/// The same decision as in the kernel, by the same clock.
fn over_rate(limit: RateLimit, arrival: &mut u64, now: u64) -> bool {
    let base = (*arrival).max(now);
    if base - now > limit.burst_ns() {
        let furthest = now + limit.burst_ns() + u64::from(limit.interval_ns());
        *arrival = base.min(furthest);
        return true;
    }
    *arrival = base + u64::from(limit.interval_ns());
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_was_changed_holds_at_once_and_not_for_what_the_old_one_let_through() {
        let limit = |events_per_second, burst| RateLimit {
            events_per_second,
            burst,
        };
        let (mut arrival, now, second) = (0, 1_000_000_000_000, 1_000_000_000);
        let mut passed = |limit, at, tries| {
            let held = (0..tries).filter(|_| over_rate(limit, &mut arrival, at));
            tries - held.count()
        };
        assert_eq!(passed(limit(1, 1000), now, 2000), 1000);
        // It would be 1,000 s until this had let so many through.
        assert_eq!(passed(limit(10, 5), now, 100), 0);
        assert_eq!(passed(limit(10, 5), now + second, 100), 5);
        assert_eq!(passed(limit(10, 5), now + 2 * second, 100), 5);
    }
}
