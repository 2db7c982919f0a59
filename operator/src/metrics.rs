//! What the operator tells Prometheus. The labels' values are few, and known beforehand.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use traceherd_crds::{Phase, TraceKind};

/// Seconds of a reconciliation.
const SECONDS: [f64; 8] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// The metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Statuses that were written.
    pub writes: Counter,
    /// Statuses that somebody else wrote first.
    pub conflicts: Counter,
    /// Statuses, deletions and Events that the API server did not take.
    pub errors: Counter,
    /// Reports that were deleted.
    pub deletions: Counter,
    /// How long it took to look at a trace.
    pub reconcile: Histogram,
    traces: Family<Traces, Gauge>,
    reports: Gauge,
    agents: Gauge,
    leader: Gauge,
    memory: Gauge,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Traces {
    kind: Word,
    phase: Word,
}

/// A word of the API's.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Word(String);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> fmt::Result {
        self.0.as_str().encode(encoder)
    }
}

/// What is there at the moment.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// The kind of each trace, and its phase.
    pub traces: Vec<(TraceKind, Option<Phase>)>,
    /// How many reports.
    pub reports: usize,
    /// How many agents.
    pub agents: usize,
    /// Whether this operator acts.
    pub leads: bool,
}

impl Metrics {
    /// Nothing yet.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("traceherd_operator"),
            writes: Counter::default(),
            conflicts: Counter::default(),
            errors: Counter::default(),
            deletions: Counter::default(),
            reconcile: Histogram::new(SECONDS),
            traces: Family::default(),
            reports: Gauge::default(),
            agents: Gauge::default(),
            leader: Gauge::default(),
            memory: Gauge::default(),
        };
        let of = &mut metrics.registry;
        of.register("traces", "Traces by kind and phase", metrics.traces.clone());
        of.register("reports", "Reports of nodes", metrics.reports.clone());
        of.register("agents", "Pods of agents", metrics.agents.clone());
        of.register(
            "leader",
            "1 when this operator acts",
            metrics.leader.clone(),
        );
        let help = "Statuses that were written";
        of.register("status_writes", help, metrics.writes.clone());
        let help = "Statuses that somebody else wrote first, which were looked at again";
        of.register("status_conflicts", help, metrics.conflicts.clone());
        let help = "Writes and deletions that the API server did not take";
        of.register("write_errors", help, metrics.errors.clone());
        let help = "Reports that were deleted";
        of.register("report_deletions", help, metrics.deletions.clone());
        let help = "Time to look at one trace and write what is to be written";
        of.register_with_unit("reconcile", help, Unit::Seconds, metrics.reconcile.clone());
        let help = "Resident memory of the process";
        of.register_with_unit("resident_memory", help, Unit::Bytes, metrics.memory.clone());
        metrics
    }

    /// All of them as OpenMetrics text.
    pub fn text(&self, present: &Present) -> String {
        self.traces.clear();
        for (kind, phase) in &present.traces {
            let phase = phase.map_or_else(|| "Unseen".to_owned(), |phase| format!("{phase:?}"));
            let labels = Traces {
                kind: Word(format!("{kind:?}")),
                phase: Word(phase),
            };
            self.traces.get_or_create(&labels).inc();
        }
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.reports.set(number(present.reports));
        self.agents.set(number(present.agents));
        self.leader.set(i64::from(present.leads));
        self.memory.set(resident_bytes().unwrap_or_default());
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// The process's resident memory.
fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_counted_by_kind_and_phase() {
        let metrics = Metrics::new();
        let present = Present {
            traces: vec![
                (TraceKind::Trace, Some(Phase::Running)),
                (TraceKind::Trace, Some(Phase::Running)),
                (TraceKind::ClusterTrace, None),
            ],
            reports: 7,
            agents: 2,
            leads: true,
        };
        metrics.writes.inc();
        let text = metrics.text(&present);
        for line in [
            "traceherd_operator_traces{kind=\"Trace\",phase=\"Running\"} 2",
            "traceherd_operator_traces{kind=\"ClusterTrace\",phase=\"Unseen\"} 1",
            "traceherd_operator_reports 7",
            "traceherd_operator_agents 2",
            "traceherd_operator_leader 1",
            "traceherd_operator_status_writes_total 1",
            "traceherd_operator_reconcile_seconds_count 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
        }
        assert!(!text.contains("resident_memory_bytes 0"), "{text}");
        // A phase that no trace is in any more is not told for ever.
        let text = metrics.text(&Present::default());
        assert!(!text.contains("Running"), "{text}");
    }
}
