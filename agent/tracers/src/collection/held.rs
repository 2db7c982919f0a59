//! Events of cgroups that are pending: held, bounded in number and age, until it is known whose
//! they are.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use traceherd_containers::CgroupId;

use crate::exec::ExecEvent;

/// How much may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Events.
    pub events: usize,
    /// Bytes of arguments.
    pub bytes: usize,
    /// Since the event was read.
    pub age: Duration,
}

/// The events that wait.
#[derive(Debug)]
pub struct Held {
    bounds: Bounds,
    by_cgroup: HashMap<CgroupId, VecDeque<(Instant, ExecEvent)>>,
    events: usize,
    bytes: usize,
}

impl Held {
    /// Nothing waits.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            by_cgroup: HashMap::new(),
            events: 0,
            bytes: 0,
        }
    }

    /// Lets an event wait. Returns whether there was room.
    pub fn push(&mut self, cgroup: CgroupId, now: Instant, event: ExecEvent) -> bool {
        let bytes = size(&event);
        if self.events >= self.bounds.events || self.bytes + bytes > self.bounds.bytes {
            return false;
        }
        self.events += 1;
        self.bytes += bytes;
        self.by_cgroup
            .entry(cgroup)
            .or_default()
            .push_back((now, event));
        true
    }

    /// Takes what waits for a cgroup, in its order.
    pub fn take(&mut self, cgroup: CgroupId) -> Vec<ExecEvent> {
        let taken = self.by_cgroup.remove(&cgroup).unwrap_or_default();
        self.events -= taken.len();
        self.bytes -= taken.iter().map(|(_, event)| size(event)).sum::<usize>();
        taken.into_iter().map(|(_, event)| event).collect()
    }

    /// Drops what has waited too long. Returns how many.
    pub fn expire(&mut self, now: Instant) -> u64 {
        let mut expired = 0;
        let (age, events, bytes) = (self.bounds.age, &mut self.events, &mut self.bytes);
        self.by_cgroup.retain(|_, queue| {
            while let Some((since, event)) = queue.front()
                && now.duration_since(*since) > age
            {
                *events -= 1;
                *bytes -= size(event);
                expired += 1;
                queue.pop_front();
            }
            !queue.is_empty()
        });
        expired
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }
}

fn size(event: &ExecEvent) -> usize {
    size_of::<ExecEvent>() + event.file.len() + event.args.recorded_bytes()
}
