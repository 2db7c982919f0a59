//! The two kinds of trace, which are treated alike.

use kube::api::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use traceherd_crds::{ClusterTrace, ClusterTraceSpec, Trace, TraceKind, TraceStatus};

/// A Trace or a ClusterTrace.
pub trait AnyTrace:
    Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Send + Sync + 'static
{
    /// Which.
    const KIND: TraceKind;

    /// The spec, as a ClusterTrace would say it.
    fn wanted(&self) -> ClusterTraceSpec;

    /// The status as it was last written.
    fn status(&self) -> Option<&TraceStatus>;

    /// Where objects of the kind are: those of `namespace`, which is empty for a ClusterTrace.
    fn within(client: Client, namespace: &str) -> Api<Self>;
}

/// A trace as the API server has it, of which not everything may be as these types say: another
/// version of Traceherd may have written it.
pub type Guarded<K> = DeserializeGuard<K>;

impl AnyTrace for Trace {
    const KIND: TraceKind = TraceKind::Trace;

    fn wanted(&self) -> ClusterTraceSpec {
        self.spec.clone().in_namespace(namespace(&self.metadata))
    }

    fn status(&self) -> Option<&TraceStatus> {
        self.status.as_ref()
    }

    fn within(client: Client, namespace: &str) -> Api<Self> {
        Api::namespaced(client, namespace)
    }
}

impl AnyTrace for ClusterTrace {
    const KIND: TraceKind = TraceKind::ClusterTrace;

    fn wanted(&self) -> ClusterTraceSpec {
        self.spec.clone()
    }

    fn status(&self) -> Option<&TraceStatus> {
        self.status.as_ref()
    }

    fn within(client: Client, _: &str) -> Api<Self> {
        Api::all(client)
    }
}

/// The namespace; empty without one.
pub fn namespace(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().unwrap_or_default()
}
