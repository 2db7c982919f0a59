//! The CustomResourceDefinitions as YAML.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};
use kube::CustomResourceExt;

use crate::{ClusterTrace, Trace, TraceReport};

/// Every definition with the name of its file, `<group>_<plural>.yaml`.
pub fn crd_files() -> Vec<(String, CustomResourceDefinition)> {
    [
        unseen(Trace::crd()),
        unseen(ClusterTrace::crd()),
        TraceReport::crd(),
    ]
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

/// The text of a definition's file among the chart's templates: installed and kept as the values
/// say.
///
/// # Errors
/// None that a definition made by this crate can cause.
pub fn template_of(crd: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    let yaml = file_of(crd)?.replace("{{", r#"{{ "{{" }}"#);
    // Metadata has only a name, which stands right below it.
    let yaml = yaml.replacen(
        "\nmetadata:\n",
        &format!("\nmetadata:\n{TEMPLATE_METADATA}"),
        1,
    );
    Ok(format!(
        "{{{{- if .Values.crds.install }}}}\n{yaml}{{{{- end }}}}\n"
    ))
}

const TEMPLATE_METADATA: &str = r#"  labels:
    {{- include "traceherd.releaseLabels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"#;

/// A new trace's status says that nobody has seen it: without a status, kstatus would take it
/// for done.
fn unseen(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut();
        let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_mut());
        let properties = schema.and_then(|schema| schema.properties.as_mut());
        if let Some(status) = properties.and_then(|properties| properties.get_mut("status")) {
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    crd
}
