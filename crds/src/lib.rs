//! Traceherd's Kubernetes resources: [`Trace`], [`ClusterTrace`] and [`TraceReport`], group `traceherd.dev`,
//! version `v1alpha1`.
//!
//! The types' schema is the one source of every bound: `crds/*.yaml` is generated from it (by
//! the `crdgen` program), the API server enforces it in a cluster, and `traceherd run -f`
//! enforces the same schema, rules in CEL included, where there is no cluster.
//!
//! ```
//! use kube::CustomResourceExt;
//! assert_eq!(traceherd_crds::Trace::crd_name(), "traces.traceherd.dev");
//! ```

mod bounds;
mod ceilings;
mod duration;
mod events;
mod exec;
mod generate;
mod labels;
mod rate;
mod report;
mod selector;
mod status;
mod trace;

pub use bounds::{MAX_ARGS_BYTES, MAX_DURATION, form, label_value, namespace};
pub use ceilings::Ceilings;
pub use duration::parse_duration;
pub use events::{EventCounts, EventSummary, Losses};
pub use exec::{ArgsMode, ExecOptions};
pub use generate::{crd_files, file_of, template_of};
pub use kube::core::Duration;
pub use labels::{LabelSelector, LabelSelectorOperator, LabelSelectorRequirement};
pub use rate::{MAX_RATE, RateLimit};
pub use report::{
    NodePhase, TraceKind, TraceRef, TraceReport, TraceReportSpec, TraceReportStatus, report_name,
};
pub use selector::{ClusterTraceSelector, TraceSelector};
pub use status::{Condition, ConditionStatus, NodeCounts, Phase, TraceStatus};
pub use trace::{ClusterTrace, ClusterTraceSpec, Gadget, Output, Trace, TraceSpec};
