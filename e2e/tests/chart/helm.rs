//! helm, on this tree's chart.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_yaml::Value;

/// Files `<name>.values.yaml` beside this one.
pub const VALUE_SETS: &[&str] = &["default", "everything", "nothing", "names", "cri-o"];

pub fn tree() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub fn chart() -> String {
    tree()
        .join("charts/traceherd")
        .to_string_lossy()
        .into_owned()
}

pub fn value_set(name: &str) -> String {
    let file = tree().join(format!("e2e/tests/chart/{name}.values.yaml"));
    file.to_string_lossy().into_owned()
}

/// What helm printed, or what it complained of.
pub fn helm(arguments: &[&str]) -> Result<String, String> {
    static HELM: OnceLock<PathBuf> = OnceLock::new();
    let program = HELM.get_or_init(|| {
        let install = Command::new(tree().join("e2e/cluster/install.sh")).output();
        let folder = install.expect("e2e/cluster/install.sh").stdout;
        PathBuf::from(String::from_utf8_lossy(&folder).trim()).join("bin/helm")
    });
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// What the release `traceherd` in the namespace `traceherd` is made of.
pub fn template(arguments: &[&str]) -> Result<String, String> {
    let chart = chart();
    let release = ["template", "traceherd", &chart, "--namespace", "traceherd"];
    helm(&[&release[..], &["--kube-version", "1.34.4"], arguments].concat())
}

/// The documents of a rendered chart.
pub fn manifests(rendered: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(rendered)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|document| !document.is_null())
        .collect()
}
