//! Which containers a trace is about.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{LabelSelector, bounds};

/// Containers of the trace's own namespace. All that is given must match; an empty selector
/// matches every container of the namespace.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new(
    "!has(self.containerNames) || !has(self.excludeContainerNames) || !self.containerNames.exists(name, name in self.excludeContainerNames)"
).message("a name is both in containerNames and in excludeContainerNames: remove it from one of them"))]
pub struct TraceSelector {
    /// The pod of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::pod_name")]
    pub pod_name: Option<String>,
    /// Pods with these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    pub pod_selector: Option<LabelSelector>,
    /// Containers with one of these names; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::container_names")]
    pub container_names: Vec<String>,
    /// Not the containers with one of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::container_names")]
    pub exclude_container_names: Vec<String>,
    /// Containers made from one of these images: a repository, repository:tag or a digest.
    /// nginx matches docker.io/library/nginx:1.25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::images")]
    pub images: Vec<String>,
}

/// Containers of any namespace, and with host the node's own processes. All that is given must
/// match; an empty selector matches every container.
#[derive(Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new(
    "!has(self.containerNames) || !has(self.excludeContainerNames) || !self.containerNames.exists(name, name in self.excludeContainerNames)"
).message("a name is both in containerNames and in excludeContainerNames: remove it from one of them"))]
pub struct ClusterTraceSelector {
    /// Pods in one of these namespaces; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::namespaces")]
    pub namespaces: Vec<String>,
    /// Pods in namespaces with these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    pub namespace_selector: Option<LabelSelector>,
    /// The pod of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::pod_name")]
    pub pod_name: Option<String>,
    /// Pods with these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "LabelSelector")]
    pub pod_selector: Option<LabelSelector>,
    /// Containers with one of these names; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::container_names")]
    pub container_names: Vec<String>,
    /// Not the containers with one of these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::container_names")]
    pub exclude_container_names: Vec<String>,
    /// Containers made from one of these images: a repository, repository:tag or a digest.
    /// nginx matches docker.io/library/nginx:1.25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "bounds::images")]
    pub images: Vec<String>,
    /// Also the node's own processes, those in no container. What else is given narrows the
    /// containers only.
    #[serde(default)]
    pub host: bool,
}

impl TraceSelector {
    /// The same containers as a [`ClusterTraceSelector`] sees them: those of `namespace`.
    pub fn in_namespace(self, namespace: &str) -> ClusterTraceSelector {
        ClusterTraceSelector {
            namespaces: vec![namespace.to_owned()],
            namespace_selector: None,
            pod_name: self.pod_name,
            pod_selector: self.pod_selector,
            container_names: self.container_names,
            exclude_container_names: self.exclude_container_names,
            images: self.images,
            host: false,
        }
    }
}
