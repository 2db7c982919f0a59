//! The manifests that cases apply.

use serde_json::{Value, json};

/// A pod that runs `script`, with the label `app: NAME`.
pub fn pod(name: &str, container: &str, script: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
            "containers": [busybox(container, script)]}})
    .to_string()
}

/// A container that runs `script`.
pub fn busybox(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "localhost/busybox:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script]})
}

/// Executes `/bin/echo WORD` again and again.
pub fn saying(word: &str) -> String {
    format!("while true; do /bin/echo {word}; sleep 0.2; done")
}

/// A Trace with these further lines in its spec.
pub fn trace(name: &str, lines: &str) -> String {
    of_kind("Trace", name, lines)
}

/// A ClusterTrace with these further lines in its spec.
pub fn cluster_trace(name: &str, lines: &str) -> String {
    of_kind("ClusterTrace", name, lines)
}

fn of_kind(kind: &str, name: &str, lines: &str) -> String {
    format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n  gadget: exec\n{lines}"
    )
}
