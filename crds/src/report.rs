//! What one node says about one trace.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{EventCounts, EventSummary, bounds};

/// Which trace, on which node.
// Columns share their types, which the lint takes for attributes given twice.
#[allow(clippy::duplicated_attributes)]
#[derive(Clone, Debug, Eq, PartialEq, CustomResource, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[kube(
    group = "traceherd.dev",
    version = "v1alpha1",
    kind = "TraceReport",
    plural = "tracereports",
    shortname = "trr",
    namespaced,
    category = "traceherd",
    status = "TraceReportStatus",
    selectable = ".spec.nodeName",
    doc = "A TraceReport is what one node's agent says about one trace. The agent makes it when there is something to say; it goes with the trace.",
    printcolumn(name = "Trace", type_ = "string", json_path = ".spec.traceRef.name"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.nodeName"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Containers",
        type_ = "integer",
        json_path = ".status.containers",
        description = "Containers that match"
    ),
    printcolumn(
        name = "Events",
        type_ = "integer",
        json_path = ".status.events.delivered"
    ),
    printcolumn(name = "Lost", type_ = "integer", json_path = ".status.events.lost"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[x_kube(validation = Rule::new("self == oldSelf")
    .message("a report's spec cannot be changed: its agent makes another report for another trace or node"))]
pub struct TraceReportSpec {
    /// The trace.
    pub trace_ref: TraceRef,
    /// The node.
    #[schemars(schema_with = "bounds::present_node_name")]
    pub node_name: String,
}

/// A trace, and no other of the same name.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TraceRef {
    /// Trace, of the report's own namespace, or ClusterTrace.
    pub kind: TraceKind,
    /// Its name.
    #[schemars(schema_with = "bounds::dns_label")]
    pub name: String,
    /// Its uid.
    #[schemars(schema_with = "bounds::uid")]
    pub uid: String,
}

/// The two kinds of trace.
#[derive(
    Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Deserialize, Serialize, JsonSchema,
)]
#[allow(missing_docs)]
pub enum TraceKind {
    Trace,
    ClusterTrace,
}

/// What the node's agent says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TraceReportStatus {
    /// The generation of the trace that the node follows.
    #[schemars(schema_with = "bounds::observed_generation")]
    pub observed_generation: i64,
    /// The spec's run that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::run")]
    pub run: Option<String>,
    /// The node's boot and the agent's start, as `BOOT-ID/SECONDS-SINCE-1970`: when it
    /// changes, the agent was away for a while.
    #[schemars(length(max = 128))]
    pub epoch: String,
    /// How the trace does on this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodePhase")]
    pub phase: Option<NodePhase>,
    /// Why, when it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// How many containers match now.
    #[schemars(with = "i32", range(min = 0, max = 100_000))]
    pub containers: u32,
    /// What became of the events on this node, over all epochs. These never go down.
    pub events: EventCounts,
    /// Events on this node, in all, that were lost before anyone could say whose they were: they
    /// may have been this trace's.
    #[schemars(schema_with = "bounds::count")]
    pub unattributed: u64,
    /// How often the agent was away while the trace ran.
    #[schemars(schema_with = "bounds::count")]
    pub gaps: u64,
    /// For how long, in seconds, all times together.
    #[schemars(schema_with = "bounds::count")]
    pub gap_seconds: u64,
    /// For how long, in seconds, all times together, the node's watch of traces failed: it went on by
    /// the spec that it knew, and edits took effect late.
    #[schemars(schema_with = "bounds::count")]
    pub stale_seconds: u64,
    /// When this was last true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::time")]
    pub updated_at: Option<MicroTime>,
    /// The newest events of this node, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "atomic"))]
    pub latest: Vec<EventSummary>,
}

/// How a trace does on one node.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum NodePhase {
    // It traces, or would if a container matched.
    Running,
    // Held by spec.suspend.
    Suspended,
    // Its duration is over, or maxEventsPerNode is reached.
    Completed,
    // It cannot trace; the message says why.
    Failed,
}

/// The longest name of an object, in bytes.
const NAME_BYTES: usize = 253;

/// The name of the report of `node` about a trace: `<kind>.<trace>.<node>`. A name that would be
/// too long has the end of the node's name replaced by a hash of the whole.
#[must_use]
pub fn report_name(kind: TraceKind, trace: &str, node: &str) -> String {
    let kind = match kind {
        TraceKind::Trace => "trace",
        TraceKind::ClusterTrace => "clustertrace",
    };
    let name = format!("{kind}.{trace}.{node}");
    if name.len() <= NAME_BYTES {
        return name;
    }
    // FNV-1a: short, the same in every version, and nothing secret hangs on it.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let kept: String = name.chars().take(NAME_BYTES - 18).collect();
    format!("{}-{hash:016x}", kept.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reports_name_is_readable_and_never_too_long() {
        assert_eq!(
            report_name(TraceKind::ClusterTrace, "shells", "node-1.example"),
            "clustertrace.shells.node-1.example"
        );
        let one = report_name(TraceKind::Trace, "shells", &"a.".repeat(126));
        let other = report_name(
            TraceKind::Trace,
            "shells",
            &format!("{}b", "a.".repeat(125)),
        );
        assert!(one.len() <= NAME_BYTES && other.len() <= NAME_BYTES);
        assert_ne!(one, other);
    }
}
