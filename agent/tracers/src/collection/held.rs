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

    /// Drops all that waits. Returns how many.
    pub fn abandon(&mut self) -> u64 {
        self.by_cgroup.clear();
        self.bytes = 0;
        std::mem::take(&mut self.events) as u64
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }
}

fn size(event: &ExecEvent) -> usize {
    size_of::<ExecEvent>() + event.recorded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: CgroupId = CgroupId(1);
    const THERE: CgroupId = CgroupId(2);

    fn exec(pid: u32, file_bytes: usize) -> ExecEvent {
        ExecEvent {
            pid,
            file: vec![b'x'; file_bytes],
            cgroupid: HERE,
            ..ExecEvent::default()
        }
    }

    fn holding(events: usize, bytes: usize) -> Held {
        Held::new(Bounds {
            events,
            bytes,
            age: Duration::from_secs(10),
        })
    }

    fn pids(events: &[ExecEvent]) -> Vec<u32> {
        events.iter().map(|event| event.pid).collect()
    }

    #[test]
    fn each_cgroup_gets_its_own_in_their_order_and_once() {
        let (mut held, now) = (holding(10, 1 << 20), Instant::now());
        for (cgroup, pid) in [(HERE, 1), (THERE, 2), (HERE, 3), (THERE, 4), (HERE, 5)] {
            assert!(held.push(cgroup, now, exec(pid, 10)));
        }
        assert_eq!(pids(&held.take(HERE)), [1, 3, 5]);
        assert!(held.take(HERE).is_empty() && !held.is_empty());
        assert_eq!(pids(&held.take(THERE)), [2, 4]);
        assert!(held.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_events_and_bytes_and_again_when_some_are_taken() {
        let one = size(&exec(1, 1000));
        for (events, bytes, room) in [
            (3, usize::MAX, 3),
            (usize::MAX, 4 * one, 4),
            (usize::MAX, 5 * one - 1, 4),
            (2, 4 * one, 2),
            (0, usize::MAX, 0),
            (usize::MAX, one - 1, 0),
        ] {
            let (mut held, now) = (holding(events, bytes), Instant::now());
            // Of whatever cgroup they are.
            let mut push_all = || {
                let pushes = (0..8).map(|n| held.push(CgroupId(n), now, exec(1, 1000)));
                pushes.filter(|pushed| *pushed).count()
            };
            assert_eq!(push_all(), room, "{events} {bytes}");
            assert_eq!(push_all(), 0, "{events} {bytes}");
            if room > 0 {
                assert_eq!(held.take(CgroupId(0)).len(), 1);
                assert!(held.push(HERE, now, exec(1, 1000)));
                assert!(!held.push(HERE, now, exec(1, 1000)));
            }
        }
    }

    #[test]
    fn what_has_waited_too_long_is_dropped_counted_and_makes_room() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut held = holding(4, 1 << 20);
        for (cgroup, pid, second) in [(HERE, 1, 0), (THERE, 2, 1), (HERE, 3, 5), (HERE, 4, 20)] {
            assert!(held.push(cgroup, at(second), exec(pid, 10)));
        }
        for (second, expired) in [(0, 0), (10, 0), (12, 2), (12, 0), (15, 0), (16, 1)] {
            assert_eq!(held.expire(at(second)), expired, "after {second} s");
        }
        for pid in 5..8 {
            assert!(held.push(THERE, at(16), exec(pid, 10)));
        }
        assert!(!held.push(THERE, at(16), exec(8, 10)));
        assert_eq!(pids(&held.take(HERE)), [4]);
        assert_eq!(held.expire(at(100)), 3);
        assert!(held.is_empty() && held.bytes == 0);
        assert!(held.push(THERE, at(100), exec(9, 10)));
        assert_eq!(held.abandon(), 1);
        assert!(held.is_empty() && held.bytes == 0 && held.take(THERE).is_empty());
    }
}
