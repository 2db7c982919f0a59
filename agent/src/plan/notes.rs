//! What is asked for that a single host cannot do or say.

use std::time::Duration;

use traceherd_crds::{ClusterTraceSpec, Output};

use super::wants_something;
use crate::cli::Selection;
use crate::manifest::{DEFAULT_NAMESPACE, Kind, Manifest};

/// What a cluster would do with the manifest and this host does not, a line each.
pub fn of_manifest(manifest: &Manifest) -> Vec<String> {
    let spec = &manifest.spec;
    let mut notes = Vec::new();
    match (manifest.kind, &manifest.namespace) {
        (Kind::Trace, None) => notes.push(format!(
            "no metadata.namespace: taken as {DEFAULT_NAMESPACE}"
        )),
        (Kind::ClusterTrace, Some(_)) => notes.push(
            "metadata.namespace: a ClusterTrace is in none; it does not narrow the trace"
                .to_owned(),
        ),
        _ => {}
    }
    if !spec.node_selector.is_empty() {
        notes.push(
            "spec.nodeSelector: a host without a cluster has no labels; taken as matching"
                .to_owned(),
        );
    }
    if spec
        .selector
        .pod_selector
        .as_ref()
        .is_some_and(wants_something)
    {
        notes.push("spec.selector.podSelector: without a cluster the labels of pods are not known; only containers outside of pods can match, by their own labels".to_owned());
    }
    if spec.outputs == [Output::Status] {
        notes.push(
            "spec.outputs: without a cluster there is no status; events go to standard output"
                .to_owned(),
        );
    }
    let idle = meaningless(spec);
    if !idle.is_empty() {
        notes.push(format!(
            "without a cluster these mean nothing: {}",
            idle.join(", ")
        ));
    }
    notes
}

/// What options ask for that can never match without a cluster.
pub fn of_options(chosen: &Selection) -> Vec<String> {
    let in_pods = !chosen.namespaces.is_empty() || !chosen.pods.is_empty();
    if chosen.labels.is_empty() || !in_pods {
        return Vec::new();
    }
    vec![
        "without a cluster the labels of pods are not known: -l together with -n or -p matches no container"
            .to_owned(),
    ]
}

/// Fields that were given, as far as that can be told, and say nothing to a single host.
fn meaningless(spec: &ClusterTraceSpec) -> Vec<&'static str> {
    let hour = Duration::from_secs(3600);
    let fields = [
        ("spec.statusEvents", spec.status_events != 10),
        ("spec.run", spec.run.is_some()),
        ("spec.reportRetention", spec.report_retention != hour),
    ];
    fields
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| name)
        .collect()
}
