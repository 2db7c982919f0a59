//! The two resources. They differ in their selector and their scope, and in nothing else.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ClusterTraceSelector, Duration, ExecOptions, RateLimit, TraceSelector, TraceStatus, bounds,
};

/// One spec, written once: a flattened part would lose `deny_unknown_fields`, and with it the
/// error for a misspelt field.
macro_rules! spec {
    ($(#[$attribute:meta])* $name:ident selects $selector:ty) => {
        #[derive(Clone, Debug, PartialEq, CustomResource, Deserialize, Serialize, KubeSchema)]
        $(#[$attribute])*
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[kube(
            group = "traceherd.dev",
            version = "v1alpha1",
            derive = "PartialEq",
            category = "traceherd",
            status = "TraceStatus",
            printcolumn(name = "Gadget", type_ = "string", json_path = ".spec.gadget",
                description = "What is traced"),
            printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase",
                description = "Pending, Running, Suspended, Completed or Failed"),
            printcolumn(name = "Ready", type_ = "integer", json_path = ".status.nodes.ready",
                description = "Nodes that do as the spec says"),
            printcolumn(name = "Desired", type_ = "integer", json_path = ".status.nodes.desired",
                description = "Nodes that the trace selects and that have an agent"),
            printcolumn(name = "Events", type_ = "integer", json_path = ".status.events.delivered",
                description = "Events that went to the outputs"),
            printcolumn(name = "Lost", type_ = "integer", json_path = ".status.events.lost",
                description = "Events that were lost"),
            printcolumn(name = "Duration", type_ = "string", json_path = ".spec.duration",
                description = "How long it runs; empty: until it is deleted or suspended", priority = 1),
            printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
            validation = Rule::new(
                "size(self.metadata.name) <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')"
            ).message("metadata.name must be a DNS label: at most 63 of a-z, 0-9 and -, with neither end a -"),
        )]
        #[x_kube(validation = Rule::new(
            "!has(self.nodeName) || size(self.nodeName) == 0 || !has(self.nodeSelector) || size(self.nodeSelector) == 0"
        ).message("nodeName and nodeSelector exclude each other: remove one"))]
        pub struct $name {
            /// What is traced: exec, the programs that are executed.
            pub gadget: Gadget,
            /// Options of the exec gadget.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "ExecOptions")]
            pub exec: Option<ExecOptions>,
            /// Which containers.
            #[serde(default)]
            pub selector: $selector,
            /// Only the node of this name; all nodes when empty or left out.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "bounds::node_name")]
            pub node_name: Option<String>,
            /// Only nodes with these labels.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            #[schemars(schema_with = "bounds::labels")]
            pub node_selector: BTreeMap<String, String>,
            /// Column filters that an event must all pass, in the command line's syntax:
            /// "uid:0", "comm:~^(ba)?sh$", "comm:!cat", "pid:>100".
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            #[schemars(schema_with = "bounds::filters")]
            pub filter: Vec<String>,
            /// Where events go: Log, the agent's output; Status, the newest few into the status.
            #[serde(default = "both_outputs")]
            #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
            pub outputs: Vec<Output>,
            /// How many of the newest events each node keeps for the status.
            #[serde(default = "ten")]
            #[schemars(with = "i32", range(min = 0, max = 50))]
            pub status_events: u32,
            /// How long the trace runs, as in 90s, 10m or 1h30m; until it is deleted or suspended
            /// when left out.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "bounds::duration")]
            pub duration: Option<Duration>,
            /// How many events a node delivers before the trace ends there.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "i64", range(min = 1, max = 1_000_000_000))]
            pub max_events_per_node: Option<u64>,
            /// How many events a second one container may add.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(with = "RateLimit")]
            pub rate_limit: Option<RateLimit>,
            /// Whether the trace is held: nothing is traced until this is false again.
            #[serde(default)]
            pub suspend: bool,
            /// Any text. A finished trace runs again when it changes, and only then.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(schema_with = "bounds::run")]
            pub run: Option<String>,
            /// How long the nodes' reports are kept after the trace has ended, at least 10s.
            #[serde(default = "one_hour")]
            #[schemars(schema_with = "bounds::retention", extend("default" = "1h"))]
            pub report_retention: Duration,
        }
    };
}

spec! {
    /// What a Trace wants.
    #[kube(
        kind = "Trace", plural = "traces", namespaced, shortname = "trc",
        doc = "A Trace records what the containers of its own namespace do, on every node where they run.",
    )]
    TraceSpec selects TraceSelector
}

spec! {
    /// What a ClusterTrace wants.
    #[kube(
        kind = "ClusterTrace", plural = "clustertraces", shortname = "ctrc",
        doc = "A ClusterTrace records what containers of any namespace do, and with host: true the nodes' own processes.",
    )]
    ClusterTraceSpec selects ClusterTraceSelector
}

impl TraceSpec {
    /// The same trace as a [`ClusterTraceSpec`] would say it: about the containers of `namespace`.
    pub fn in_namespace(self, namespace: &str) -> ClusterTraceSpec {
        ClusterTraceSpec {
            gadget: self.gadget,
            exec: self.exec,
            selector: self.selector.in_namespace(namespace),
            node_name: self.node_name,
            node_selector: self.node_selector,
            filter: self.filter,
            outputs: self.outputs,
            status_events: self.status_events,
            duration: self.duration,
            max_events_per_node: self.max_events_per_node,
            rate_limit: self.rate_limit,
            suspend: self.suspend,
            run: self.run,
            report_retention: self.report_retention,
        }
    }
}

/// What is traced.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Gadget {
    Exec,
}

/// Where a trace's events go.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Output {
    Log,
    Status,
}

fn both_outputs() -> Vec<Output> {
    vec![Output::Log, Output::Status]
}

fn ten() -> u32 {
    10
}

fn one_hour() -> Duration {
    std::time::Duration::from_secs(60 * 60).into()
}
