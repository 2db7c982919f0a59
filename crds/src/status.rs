//! What became of a trace: written by the operator alone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EventCounts, EventSummary, bounds};

/// What became of the trace, over all nodes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TraceStatus {
    /// The generation of the spec that this status is about; -1 until the operator has seen it.
    #[schemars(schema_with = "bounds::observed_generation")]
    pub observed_generation: i64,
    /// Where the trace is in its life: Pending, Running, Suspended, Completed or Failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Phase")]
    pub phase: Option<Phase>,
    /// The spec's run that this status is about. A finished trace runs again when they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::run")]
    pub run: Option<String>,
    /// When tracing began. The trace's duration counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::time")]
    pub start_time: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::time")]
    pub completion_time: Option<Time>,
    /// Ready, Stalled and Lossless, as kstatus reads them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// How many nodes take part.
    pub nodes: NodeCounts,
    /// What became of the events, over all nodes. These never go down.
    pub events: EventCounts,
    /// The part of events that nodes have told which are gone now.
    pub departed: EventCounts,
    /// The uids of reports that are in departed already and still to be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::uids")]
    pub departed_reports: Vec<String>,
    /// The newest events of all nodes, newest first: at most 10, and 8 KiB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub latest: Vec<EventSummary>,
}

impl Default for TraceStatus {
    /// That of a trace which the operator has not seen.
    fn default() -> Self {
        Self {
            observed_generation: -1,
            phase: None,
            run: None,
            start_time: None,
            completion_time: None,
            conditions: Vec::new(),
            nodes: NodeCounts::default(),
            events: EventCounts::default(),
            departed: EventCounts::default(),
            departed_reports: Vec::new(),
            latest: Vec::new(),
        }
    }
}

impl TraceStatus {
    /// True when the run that `run` names (the spec's) has ended: it is not to be started again.
    #[must_use]
    pub fn has_finished(&self, run: Option<&str>) -> bool {
        self.completion_time.is_some() && self.run.as_deref() == run
    }
}

/// Where a trace is in its life.
// Plain comments on the variants: see ArgsMode.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Phase {
    // Accepted, and no node traces yet.
    Pending,
    // Nodes trace, or would if a container matched.
    Running,
    // Held by spec.suspend.
    Suspended,
    // Its duration is over, or every node has had its events.
    Completed,
    // Refused, or no node can trace.
    Failed,
}

/// One condition, in the form of Kubernetes' own (meta/v1 Condition), with bounds.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which: Ready, Stalled or Lossless.
    #[serde(rename = "type")]
    #[schemars(schema_with = "bounds::word")]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The generation of the spec that this was said of.
    #[schemars(schema_with = "bounds::observed_generation")]
    pub observed_generation: i64,
    /// When status changed last.
    #[schemars(schema_with = "bounds::time")]
    pub last_transition_time: Time,
    /// Why, in one word for programs.
    #[schemars(schema_with = "bounds::word")]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ConditionStatus {
    True,
    False,
    Unknown,
}

/// How many nodes take part in a trace.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeCounts {
    /// Nodes that the trace selects and that have an agent.
    #[schemars(with = "i32", range(min = 0, max = 100_000))]
    pub desired: u32,
    /// Of these, nodes that do as the spec says.
    #[schemars(with = "i32", range(min = 0, max = 100_000))]
    pub ready: u32,
    /// Nodes whose last report is old: their agent is not ready.
    #[schemars(with = "i32", range(min = 0, max = 100_000))]
    pub stale: u32,
    /// Nodes that cannot trace; the reports say why.
    #[schemars(with = "i32", range(min = 0, max = 100_000))]
    pub failed: u32,
}
