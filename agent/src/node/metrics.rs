//! What the agent counts, for Prometheus. No label of any of it has more values than are listed
//! here: what each trace and container does is in events and reports.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;
use traceherd_containers::ContainerCollection;
use traceherd_crds::{EventCounts, NodePhase};
use traceherd_tracers::{RingState, TracerCollection};

/// What the herd counts.
#[derive(Debug, Default)]
pub struct Numbers {
    told: Mutex<Told>,
    written: AtomicU64,
    unwritten: AtomicU64,
}

/// What the herd tells from time to time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// What became of events, all traces together.
    pub events: EventCounts,
    /// Traces by phase.
    pub phases: Phases,
}

/// Traces by phase.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    running: u64,
    suspended: u64,
    completed: u64,
    failed: u64,
}

impl Phases {
    /// One more trace of that phase.
    pub fn count(&mut self, phase: NodePhase) {
        *match phase {
            NodePhase::Running => &mut self.running,
            NodePhase::Suspended => &mut self.suspended,
            NodePhase::Completed => &mut self.completed,
            NodePhase::Failed => &mut self.failed,
        } += 1;
    }
}

impl Numbers {
    /// A report was written, or was not.
    pub fn wrote(&self, well: bool) {
        let count = if well { &self.written } else { &self.unwritten };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The herd's newest.
    pub fn tell(&self, told: Told) {
        *self.told() = told;
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // It is replaced whole.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts that are asked when somebody looks. They come when the agent has started.
#[derive(Default)]
pub struct Probe {
    parts: OnceLock<(TracerCollection, ContainerCollection)>,
}

impl Probe {
    /// The parts are there.
    pub fn set(&self, tracers: TracerCollection, containers: ContainerCollection) {
        // Only the start calls this.
        let _ = self.parts.set((tracers, containers));
    }

    /// How long ago the ring was read.
    pub fn ring_age(&self) -> Option<Duration> {
        let (tracers, _) = self.parts.get()?;
        Some(tracers.ring().last_read)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

/// The registry with everything in it.
pub fn registry(numbers: Arc<Numbers>, probe: Arc<Probe>) -> Registry {
    let mut registry = Registry::with_prefix("traceherd");
    registry.register_collector(Box::new(Metrics { numbers, probe }));
    registry
}

#[derive(Debug)]
struct Metrics {
    numbers: Arc<Numbers>,
    probe: Arc<Probe>,
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.herd(&mut page)?;
        if let Some((tracers, containers)) = self.probe.parts.get() {
            kernel(&mut page, tracers)?;
            ring(&mut page, &tracers.ring())?;
            page.gauge("map_bytes", "Memory of the eBPF maps", tracers.map_bytes())?;
            let there = containers.containers().len() as u64;
            page.gauge(
                "containers",
                "Containers on this node, sandboxes included",
                there,
            )?;
        }
        if let Some(bytes) = resident_bytes() {
            let help = "Memory of this process that is resident";
            page.gauge("resident_memory_bytes", help, bytes)?;
        }
        Ok(())
    }
}

impl Metrics {
    fn herd(&self, page: &mut Page<'_>) -> fmt::Result {
        let told = *self.numbers.told();
        let events = told.events;
        page.counters(
            "events",
            "What became of the events of all traces",
            "outcome",
            &[
                ("delivered", events.delivered),
                ("filtered", events.filtered),
                ("suppressed", events.suppressed),
                ("lost", events.lost),
            ],
        )?;
        page.counters(
            "lost_events",
            "Events that were lost: the ring, a trace's queue or the log had no room",
            "reason",
            &events.losses.by_reason(),
        )?;
        page.gauges(
            "traces",
            "Traces that this node knows",
            "phase",
            &[
                ("running", told.phases.running),
                ("suspended", told.phases.suspended),
                ("completed", told.phases.completed),
                ("failed", told.phases.failed),
            ],
        )?;
        page.counters(
            "report_writes",
            "Attempts to write a report",
            "result",
            &[
                ("written", self.numbers.written.load(Ordering::Relaxed)),
                ("failed", self.numbers.unwritten.load(Ordering::Relaxed)),
            ],
        )
    }
}

fn kernel(page: &mut Page<'_>, tracers: &TracerCollection) -> fmt::Result {
    let counts = tracers.kernel_counts();
    page.counters(
        "kernel_events",
        "What the kernel side did with events: nobody wanted them, a rate limit held them back, the ring was full, sent",
        "outcome",
        &[
            ("ignored", counts.ignored),
            ("suppressed", counts.suppressed),
            ("lost", counts.lost),
            ("sent", counts.sent),
        ],
    )?;
    page.counters(
        "unattributed_events",
        "Events lost before it was known whose they were",
        "reason",
        &tracers.unattributed().by_reason(),
    )
}

fn ring(page: &mut Page<'_>, state: &RingState) -> fmt::Result {
    let used = "Bytes in the ring that are not read yet";
    page.gauge("ring_used_bytes", used, state.used_bytes)?;
    page.gauge("ring_size_bytes", "Bytes of the ring", state.size_bytes)?;
    let deadline = "1 where the kernel has promised the ring's reader to run it in time";
    page.gauge("ring_reader_deadline", deadline, state.has_deadline.into())
}

/// What is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let metric = self.0.encode_descriptor(name, help, None, kind)?;
        ConstGauge::new(value).encode(metric)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        all: &[(&str, u64)],
    ) -> fmt::Result {
        self.family(name, help, label, all, ConstCounter::<u64>::new)
    }

    fn gauges(&mut self, name: &str, help: &str, label: &str, all: &[(&str, u64)]) -> fmt::Result {
        self.family(name, help, label, all, ConstGauge::<u64>::new)
    }

    fn family<M: EncodeMetric + TypedMetric>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        all: &[(&str, u64)],
        metric: fn(u64) -> M,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, M::TYPE)?;
        for (value, count) in all {
            let labels = [(label, *value)];
            metric(*count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// From the kernel's count of this process's pages.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use traceherd_crds::Losses;

    use super::*;

    #[test]
    fn the_page_has_every_number_under_the_prefix() {
        let numbers = Arc::new(Numbers::default());
        numbers.wrote(true);
        numbers.wrote(false);
        numbers.wrote(false);
        let mut phases = Phases::default();
        phases.count(NodePhase::Running);
        numbers.tell(Told {
            events: EventCounts {
                observed: 10,
                delivered: 7,
                filtered: 3,
                losses: Losses {
                    log: 5,
                    ..Losses::default()
                },
                ..EventCounts::default()
            },
            phases,
        });
        let registry = registry(numbers, Arc::default());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "traceherd_events_total{outcome=\"delivered\"} 7",
            "traceherd_events_total{outcome=\"filtered\"} 3",
            "traceherd_lost_events_total{reason=\"log\"} 5",
            "traceherd_traces{phase=\"running\"} 1",
            "traceherd_report_writes_total{result=\"written\"} 1",
            "traceherd_report_writes_total{result=\"failed\"} 2",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|one| one == line),
                "{line} is not in\n{text}"
            );
        }
        let bytes = text
            .lines()
            .find_map(|line| line.strip_prefix("traceherd_resident_memory_bytes "))
            .unwrap();
        assert!(bytes.parse::<u64>().unwrap() > 1 << 20);
        let named = |line: &&str| !line.starts_with('#') && !line.starts_with("traceherd_");
        assert_eq!(text.lines().find(named), None);
    }
}
