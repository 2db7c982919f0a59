//! The CustomResourceDefinitions as YAML.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::{ClusterTrace, Trace};

/// Every definition with the name of its file, `<group>_<plural>.yaml`.
pub fn crd_files() -> Vec<(String, CustomResourceDefinition)> {
    [Trace::crd(), ClusterTrace::crd()]
        .into_iter()
        .map(|crd| {
            (
                format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural),
                crd,
            )
        })
        .collect()
}

/// The text of a definition's file.
///
/// # Errors
/// None that a definition made by this crate can cause.
pub fn file_of(crd: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    let yaml = serde_yaml::to_string(crd)?;
    Ok(format!(
        "# Generated from crds/src by `cargo run -p traceherd-crds --bin crdgen`; do not edit.\n{yaml}"
    ))
}
