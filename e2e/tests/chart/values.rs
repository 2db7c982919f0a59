//! The values: all of them told by the schema, and bad ones refused.

use std::collections::BTreeSet;

use serde_yaml::Value;

use crate::helm::{template, tree};

/// A value, and what the refusal names.
const REFUSED: &[(&str, &[&str])] = &[
    ("image.tagg=1", &["/image", "tagg"]),
    ("nosuch=1", &["nosuch"]),
    ("image.repository=", &["/image/repository"]),
    ("image.digest=sha256:abc", &["/image/digest", "sha256"]),
    (
        "image.pullPolicy=Sometimes",
        &["/image/pullPolicy", "IfNotPresent"],
    ),
    ("imagePullSecrets={registry}", &["/imagePullSecrets/0"]),
    ("nameOverride=Trace_herd", &["/nameOverride"]),
    ("log.format=xml", &["/log/format", "json"]),
    ("log.level=loud", &["/log/level", "debug"]),
    (
        "ceilings.maxDuration=10",
        &["/ceilings/maxDuration", "string"],
    ),
    (
        "ceilings.maxDuration=soon",
        &["/ceilings/maxDuration", "soon"],
    ),
    (
        "ceilings.maxArgsBytes=0",
        &["/ceilings/maxArgsBytes", "minimum"],
    ),
    (
        "ceilings.maxArgsBytes=65536",
        &["/ceilings/maxArgsBytes", "maximum"],
    ),
    (
        "ceilings.namespacedLog=maybe",
        &["/ceilings/namespacedLog", "boolean"],
    ),
    ("ceilings.redact=password", &["/ceilings/redact", "array"]),
    ("operator.replicas=two", &["/operator/replicas", "integer"]),
    (
        "operator.leaderElection=false",
        &["operator.replicas must be 1"],
    ),
    (
        "operator.livenessProbe.periodSeconds=0",
        &["/operator/livenessProbe/periodSeconds"],
    ),
    (
        "operator.updateStrategy.type=OnDelete",
        &["/operator/updateStrategy/type", "Recreate"],
    ),
    ("agent.cgroupRoot=kubelet", &["/agent/cgroupRoot"]),
    ("agent.logRate=500", &["/agent/logRate", "string"]),
    (
        "agent.runtime.containerdSocket=containerd.sock",
        &["/agent/runtime/containerdSocket"],
    ),
    (
        "agent.runtime.bundleDirectories={run}",
        &["/agent/runtime/bundleDirectories/0"],
    ),
    (
        "agent.extraCapabilities={CAP_SYS_ADMIN}",
        &["/agent/extraCapabilities/0"],
    ),
    (
        "agent.seccompProfile.type=None",
        &["/agent/seccompProfile/type", "Unconfined"],
    ),
    (
        "metrics.serviceMonitor.interval=30",
        &["/metrics/serviceMonitor/interval"],
    ),
    (
        "networkPolicy.apiServerPorts={0}",
        &["/networkPolicy/apiServerPorts/0"],
    ),
    ("rbac.create=yes", &["/rbac/create", "boolean"]),
];

#[test]
fn bad_values_are_refused_by_name() {
    for (value, named) in REFUSED {
        let refused = template(&["--set", value]).expect_err(value);
        for name in *named {
            assert!(refused.contains(name), "{value}: {refused}");
        }
    }
    let monitor = [
        "--set",
        "metrics.serviceMonitor.enabled=true,metrics.service.enabled=false",
    ];
    let refused = template(&monitor).unwrap_err();
    assert!(refused.contains("metrics.service.enabled"), "{refused}");
}

#[test]
fn an_old_cluster_is_told_so() {
    let refused = template(&["--kube-version", "1.30.9"]).unwrap_err();
    assert!(refused.contains(">=1.31.0-0"), "{refused}");
}

/// The paths of the schema's closed objects.
fn of_schema(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    for (name, below) in schema["properties"].as_mapping().into_iter().flatten() {
        of_schema(below, &format!("{path}/{}", name.as_str().unwrap()), found);
    }
}

fn of_values(value: &Value, path: &str, schema: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    for (name, below) in value.as_mapping().into_iter().flatten() {
        let path_below = format!("{path}/{}", name.as_str().unwrap());
        // Below a free map, anything goes.
        if schema
            .iter()
            .any(|known| known.starts_with(&format!("{path}/")))
        {
            of_values(below, &path_below, schema, found);
        }
    }
}

/// Keys that a value may have and by default has not.
const UNSET: &[&str] = &[
    "/global",
    "/agent/appArmorProfile/localhostProfile",
    "/agent/seccompProfile/localhostProfile",
    "/agent/seLinuxOptions/level",
    "/agent/seLinuxOptions/role",
    "/agent/seLinuxOptions/user",
];

#[test]
fn values_and_schema_tell_of_the_same() {
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(tree().join("charts/traceherd").join(name)).unwrap();
        serde_yaml::from_str(&text).unwrap()
    };
    let mut schema = BTreeSet::new();
    of_schema(&read("values.schema.json"), "", &mut schema);
    let mut values = BTreeSet::new();
    of_values(&read("values.yaml"), "", &schema, &mut values);
    schema.retain(|path| {
        let optional = ["successThreshold", "terminationGracePeriodSeconds"];
        !UNSET.contains(&path.as_str()) && !optional.iter().any(|name| path.ends_with(name))
    });
    assert_eq!(values, schema);
}
