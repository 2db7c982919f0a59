//! Traceherd's Kubernetes resources: [`Trace`] and [`ClusterTrace`], group `traceherd.dev`,
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
mod exec;
mod generate;
mod labels;
mod rate;
mod selector;
mod trace;

pub use bounds::{GO_DURATION, MAX_ARGS_BYTES, MAX_DURATION, form, namespace};
pub use exec::{ArgsMode, ExecOptions};
pub use generate::{crd_files, file_of};
pub use kube::core::Duration;
pub use labels::{LabelSelector, LabelSelectorOperator, LabelSelectorRequirement};
pub use rate::RateLimit;
pub use selector::{ClusterTraceSelector, TraceSelector};
pub use trace::{ClusterTrace, ClusterTraceSpec, Gadget, Output, Trace, TraceSpec};
