//! Whether the agent does its work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use traceherd_crds::TraceKind;

/// How long the ring may be left unread, and how long the herd may be busy with one thing.
const RING: Duration = Duration::from_secs(10);
const HERD: Duration = Duration::from_secs(30);

/// What the agent's parts say of themselves.
#[derive(Debug)]
pub struct Health {
    begun: Instant,
    tracers: AtomicBool,
    pods: AtomicBool,
    traces: AtomicBool,
    cluster_traces: AtomicBool,
    begun_with: AtomicBool,
    /// When the herd last had nothing to do, in milliseconds since the beginning.
    beat: AtomicU64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            tracers: AtomicBool::new(false),
            pods: AtomicBool::new(false),
            traces: AtomicBool::new(false),
            cluster_traces: AtomicBool::new(false),
            begun_with: AtomicBool::new(false),
            beat: AtomicU64::new(0),
        }
    }
}

impl Health {
    /// The programs are loaded, and containers are followed.
    pub fn loaded(&self) {
        self.tracers.store(true, Ordering::Relaxed);
        self.beat();
    }

    /// The first list of pods has come.
    pub fn pods_listed(&self) {
        self.pods.store(true, Ordering::Relaxed);
    }

    /// The first list of a kind of traces has come, or the API server has no such kind.
    pub fn listed(&self, kind: TraceKind) {
        let list = match kind {
            TraceKind::Trace => &self.traces,
            TraceKind::ClusterTrace => &self.cluster_traces,
        };
        list.store(true, Ordering::Relaxed);
    }

    /// What was listed runs, where it should, if everything has been listed by now.
    pub fn begun(&self) {
        let listed = [&self.traces, &self.cluster_traces];
        if listed.iter().all(|list| list.load(Ordering::Relaxed)) {
            self.begun_with.store(true, Ordering::Relaxed);
        }
    }

    /// The herd has nothing to do for now.
    pub fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis());
        self.beat.store(now.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What is awaited before the agent is ready; `None` when it is.
    pub fn awaited(&self) -> Option<&'static str> {
        let parts = [
            (&self.tracers, "the eBPF programs and the containers"),
            (&self.pods, "this node's pods"),
            (&self.traces, "the list of Traces"),
            (&self.cluster_traces, "the list of ClusterTraces"),
            (&self.begun_with, "the traces to begin"),
        ];
        let missing = |(part, _): &(&AtomicBool, _)| !part.load(Ordering::Relaxed);
        parts.into_iter().find(missing).map(|(_, name)| name)
    }

    /// What is stuck, if anything. `ring`: how long ago the ring was last read.
    pub fn stuck(&self, ring: Option<Duration>) -> Option<&'static str> {
        let now = self.begun.elapsed();
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed));
        stuck(
            ring,
            self.tracers
                .load(Ordering::Relaxed)
                .then(|| now.saturating_sub(beat)),
        )
    }
}

/// `ring` and `herd`: how long ago each was last seen at work; `None` before it began.
fn stuck(ring: Option<Duration>, herd: Option<Duration>) -> Option<&'static str> {
    if ring.is_some_and(|ago| ago > RING) {
        Some("the ring is not read")
    } else if herd.is_some_and(|ago| ago > HERD) {
        Some("the traces are not minded")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_nothing_is_awaited_any_more() {
        let health = Health::default();
        let mut awaited = vec![health.awaited()];
        health.loaded();
        awaited.push(health.awaited());
        health.pods_listed();
        awaited.push(health.awaited());
        health.listed(TraceKind::Trace);
        awaited.push(health.awaited());
        // Of those that are there; more may come.
        health.begun();
        health.listed(TraceKind::ClusterTrace);
        awaited.push(health.awaited());
        health.begun();
        assert_eq!(health.awaited(), None);
        awaited.dedup();
        assert!(
            awaited.len() == 5 && awaited.iter().all(Option::is_some),
            "{awaited:?}"
        );
    }

    #[test]
    fn it_is_stuck_when_the_ring_or_the_herd_is() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (ring, herd, is_stuck) in [
            (None, None, false),
            (seconds(10), seconds(30), false),
            (seconds(11), seconds(0), true),
            (seconds(0), seconds(31), true),
            (None, seconds(31), true),
        ] {
            assert_eq!(stuck(ring, herd).is_some(), is_stuck, "{ring:?} {herd:?}");
        }
    }
}
