//! One running trace.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc::{self, error::TrySendError};
use traceherd_containers::CgroupId;

use super::{
    counts::Counts,
    spec::{RateLimit, TraceSpec},
};
use crate::exec::{ArgsMode, Arguments, ExecEvent};

/// A trace, its account, and where its events go.
pub struct Trace {
    pub spec: TraceSpec,
    pub counts: Counts,
    /// None once the trace has had its last event.
    sender: Option<mpsc::Sender<Arc<ExecEvent>>>,
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

    /// An event of one of the trace's containers, whose verdict stands at `cgroup`.
    pub fn offer(&mut self, event: &Arc<ExecEvent>, cgroup: CgroupId) {
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
        if !self.is_live() {
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
    let args = match spec.exec.args {
        ArgsMode::Full => {
            let most = spec.exec.max_args_bytes as usize;
            if event.args.recorded_bytes() <= most {
                return Arc::clone(event);
            }
            event.args.limited(most)
        }
        ArgsMode::Count => event.args.counted(),
        ArgsMode::None => Arguments::unasked(),
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
        return true;
    }
    *arrival = base + u64::from(limit.interval_ns());
    false
}
