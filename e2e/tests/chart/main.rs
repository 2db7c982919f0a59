//! The chart without a cluster: what it renders, what it refuses, that docs/security.md tells
//! everything that it asks for, and what its image is built from. `UPDATE_GOLDENS=1` writes the
//! goldens.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod health;
mod helm;
mod image;
mod security;
mod values;

use std::collections::BTreeMap;

use serde_yaml::Value;

use helm::{helm, manifests, template, tree};

#[test]
fn lint_finds_nothing() {
    let chart = helm::chart();
    helm(&["lint", "--strict", &chart]).unwrap();
    for set in helm::VALUE_SETS {
        helm(&["lint", "--strict", &chart, "-f", &helm::value_set(set)]).unwrap();
    }
}

#[test]
fn every_set_of_values_renders_as_its_golden() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    for set in helm::VALUE_SETS {
        // The definitions have a test of their own.
        let rendered = template(&["-f", &helm::value_set(set), "--set", "crds.install=false"]);
        let rendered = rendered.unwrap();
        let golden = tree().join(format!("e2e/tests/chart/{set}.golden.yaml"));
        if update {
            std::fs::write(&golden, &rendered).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        let differs = rendered
            .lines()
            .zip(wanted.lines().chain(std::iter::repeat("")))
            .find(|(found, wanted)| found != wanted);
        assert!(
            rendered == wanted,
            "{}: {differs:?}; UPDATE_GOLDENS=1 writes it",
            golden.display()
        );
    }
}

/// One version for the programs, the chart and the image that it asks for.
#[test]
fn the_chart_is_of_this_version() {
    let chart = tree().join("charts/traceherd/Chart.yaml");
    let chart: Value = serde_yaml::from_str(&std::fs::read_to_string(chart).unwrap()).unwrap();
    for version in ["version", "appVersion"] {
        assert_eq!(chart[version], env!("CARGO_PKG_VERSION"), "{version}");
    }
}

/// Installed, kept, and otherwise what `crds/` has.
#[test]
fn the_definitions_are_those_of_the_crate() {
    let of_kind = |arguments: &[&str]| {
        let mut found = manifests(&template(arguments).unwrap());
        found.retain(|manifest| manifest["kind"] == "CustomResourceDefinition");
        found
    };
    let rendered = of_kind(&[]);
    assert_eq!(rendered.len(), 3);
    for mut crd in rendered {
        let name = crd["metadata"]["name"].as_str().unwrap();
        let (plural, group) = name.split_once('.').unwrap();
        let file = tree().join(format!("crds/{group}_{plural}.yaml"));
        let file: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let metadata = crd["metadata"].as_mapping_mut().unwrap();
        assert!(metadata.remove("labels").is_some());
        let annotations = metadata.remove("annotations").unwrap();
        assert_eq!(annotations["helm.sh/resource-policy"], "keep");
        assert_eq!(crd, file);
    }
    for crd in of_kind(&["--set", "crds.keep=false"]) {
        assert_eq!(crd["metadata"].get("annotations"), None);
    }
    assert!(of_kind(&["--set", "crds.install=false"]).is_empty());
}

/// What a selector selects, and nothing else of the release, is the component's own.
#[test]
fn every_selector_finds_its_own_pods_only() {
    for set in helm::VALUE_SETS {
        let rendered = template(&["-f", &helm::value_set(set)]).unwrap();
        let all = manifests(&rendered);
        let labels = |pod: &Value| -> BTreeMap<String, String> {
            serde_yaml::from_value(pod["metadata"]["labels"].clone()).unwrap()
        };
        let mut pods = Vec::new();
        let mut selectors = Vec::new();
        for manifest in &all {
            let kind = manifest["kind"].as_str().unwrap();
            let spec = &manifest["spec"];
            let component = manifest["metadata"]["labels"]["app.kubernetes.io/component"].clone();
            match kind {
                "Deployment" | "DaemonSet" => {
                    pods.push((component.clone(), labels(&spec["template"])));
                    selectors.push((component, spec["selector"]["matchLabels"].clone()));
                }
                "Pod" => pods.push((component, labels(manifest))),
                "Service" => selectors.push((component, spec["selector"].clone())),
                "PodDisruptionBudget" => {
                    selectors.push((component, spec["selector"]["matchLabels"].clone()));
                }
                _ => {}
            }
        }
        assert_eq!(pods.len(), 3, "{set}");
        for (component, selector) in selectors {
            let selector: BTreeMap<String, String> = serde_yaml::from_value(selector).unwrap();
            let found: Vec<_> = pods
                .iter()
                .filter(|(_, labels)| {
                    selector
                        .iter()
                        .all(|(key, value)| labels.get(key) == Some(value))
                })
                .map(|(component, _)| component)
                .collect();
            assert_eq!(found, [&component], "{set}: {selector:?}");
        }
    }
}
