//! The resources, as the API server takes them.

use serde_json::{Value, json};

use crate::manifests::{cluster_trace, trace};
use crate::scene::Scene;

pub fn every_example_is_accepted(scene: &Scene) {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/examples");
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        // The namespace that an example names is not there: this one is.
        let kept = text
            .lines()
            .filter(|line| !line.trim().starts_with("namespace:"));
        let manifest: Vec<_> = kept.collect();
        std::fs::write(folder.path().join(entry.file_name()), manifest.join("\n")).unwrap();
        written += 1;
    }
    assert!(written >= 9, "{written} examples");
    let folder = folder.path().to_string_lossy().into_owned();
    scene.kubectl(&["apply", "-f", &folder]).unwrap();
    // GitOps tools would apply for ever what differs from what was applied.
    scene.kubectl(&["diff", "-f", &folder]).unwrap();
    scene.kubectl(&["delete", "-f", &folder]).unwrap();
}

/// Lines of a spec that are refused, and what the message names: the field, and what it may be.
type Refused = (&'static str, &'static [&'static str]);

/// Of either kind. Of a field that is not there the API server says no more than that.
const REFUSED: &[Refused] = &[
    ("  frequency: 1\n", &["unknown field", "spec.frequency"]),
    (
        "  statusEvents: 51\n",
        &["spec.statusEvents", "less than or equal to 50"],
    ),
    (
        "  statusEvents: '10'\n",
        &["spec.statusEvents", "type integer"],
    ),
    ("  duration: 10\n", &["spec.duration", "type string"]),
    ("  duration: soon\n", &["spec.duration", DURATION]),
    ("  duration: 0s\n", &["spec.duration", DURATION]),
    ("  duration: 721h\n", &["spec.duration", DURATION]),
    (
        "  exec: {args: full}\n",
        &["spec.exec.args", r#""Full", "Count", "None""#],
    ),
    (
        "  exec: {maxArgsBytes: 0}\n",
        &["spec.exec.maxArgsBytes", "greater than or equal to 1"],
    ),
    (
        "  exec: {maxArgsBytes: 32769}\n",
        &["spec.exec.maxArgsBytes", "less than or equal to 32768"],
    ),
    ("  outputs: []\n", &["spec.outputs", "at least 1 items"]),
    (
        "  outputs: [File]\n",
        &["spec.outputs[0]", r#""Log", "Status""#],
    ),
    (
        "  outputs: [Log, Log]\n",
        &["spec.outputs[1]", "Duplicate value"],
    ),
    (
        "  selector: {containerNames: []}\n",
        &["spec.selector.containerNames", "at least 1 items"],
    ),
    (
        "  selector: {podName: Cart_0}\n",
        &["spec.selector.podName", DNS_NAME],
    ),
    (
        "  selector: {containerNames: [a/b]}\n",
        &[
            "spec.selector.containerNames[0]",
            "must be a container's name",
        ],
    ),
    (
        "  selector: {images: ['a b']}\n",
        &["spec.selector.images[0]", "as in nginx:1.25"],
    ),
    (
        "  selector: {containerNames: [a], excludeContainerNames: [a]}\n",
        &["spec.selector", "remove it from one of them"],
    ),
    (
        "  selector:\n    excludeContainerNames:\n    - !sidecar\n",
        &[
            "spec.selector.excludeContainerNames[0]",
            "must be a container's name",
        ],
    ),
    (
        "  selector: {podSelector: {matchLabels: {'a b': c}}}\n",
        &[
            "spec.selector.podSelector.matchLabels",
            "write [prefix/]name",
        ],
    ),
    (
        "  selector: {podSelector: {matchLabels: {a: b c}}}\n",
        &["spec.selector.podSelector.matchLabels.a", LABEL_VALUE],
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a b, operator: Exists}]}}\n",
        &[
            "matchExpressions[0].key",
            "must be a label's key: [prefix/]name",
        ],
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a, operator: in}]}}\n",
        &[
            "matchExpressions[0].operator",
            r#""In", "NotIn", "Exists", "DoesNotExist""#,
        ],
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a, operator: In}]}}\n",
        &[
            "matchExpressions[0]",
            "values must be given with operator In or NotIn",
        ],
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a, operator: In, values: [b c]}]}}\n",
        &["matchExpressions[0].values[0]", LABEL_VALUE],
    ),
    (
        "  nodeName: a\n  nodeSelector: {a: b}\n",
        &[
            "spec",
            "nodeName and nodeSelector exclude each other: remove one",
        ],
    ),
    ("  nodeName: Node_1\n", &["spec.nodeName", DNS_NAME]),
    (
        "  nodeSelector: {a: 'c d!'}\n",
        &["spec.nodeSelector.a", LABEL_VALUE],
    ),
    (
        "  rateLimit: {eventsPerSecond: 5}\n",
        &["spec.rateLimit.burst", "Required"],
    ),
    (
        "  rateLimit: {eventsPerSecond: 0, burst: 1}\n",
        &[
            "spec.rateLimit.eventsPerSecond",
            "greater than or equal to 1",
        ],
    ),
    ("  filter: ['']\n", &["spec.filter[0]", "at least 1 chars"]),
    ("  filter: uid:0\n", &["spec.filter", "type array"]),
    ("  run: 'a b'\n", &["spec.run", LABEL_VALUE]),
    (
        "  reportRetention: 1000h\n",
        &["spec.reportRetention", "must be from 0s to 720h, as in 90s"],
    ),
    (
        "  maxEventsPerNode: 0\n",
        &["spec.maxEventsPerNode", "greater than or equal to 1"],
    ),
    ("  suspend: maybe\n", &["spec.suspend", "type boolean"]),
];

const DURATION: &str = "must be from 1s to 720h, as in 90s, 10m or 1h30m";
const DNS_NAME: &str = "must be a DNS name: a-z, 0-9, - and ., as in cart-0";
const LABEL_VALUE: &str = "must be a label's value: letters, digits, -, _ and .";

/// Of a Trace, which is of its own namespace.
const REFUSED_OF_TRACES: &[Refused] = &[
    (
        "  selector: {host: true}\n",
        &["unknown field", "spec.selector.host"],
    ),
    (
        "  selector: {namespaces: [a]}\n",
        &["unknown field", "spec.selector.namespaces"],
    ),
];

const REFUSED_OF_CLUSTER_TRACES: &[Refused] = &[
    (
        "  selector: {host: maybe}\n",
        &["spec.selector.host", "type boolean"],
    ),
    (
        "  selector: {namespaces: []}\n",
        &["spec.selector.namespaces", "at least 1 items"],
    ),
    (
        "  selector: {namespaces: [a, a]}\n",
        &["spec.selector.namespaces[1]", "Duplicate value"],
    ),
    (
        "  selector: {namespaces: [kube.system]}\n",
        &[
            "spec.selector.namespaces[0]",
            "must be a DNS label: a-z, 0-9 and -",
        ],
    ),
    (
        "  selector: {namespaceSelector: {matchLabels: {a: b c}}}\n",
        &["spec.selector.namespaceSelector.matchLabels.a", LABEL_VALUE],
    ),
    (
        "  selector: {namespaceSelector: {matchExpressions: [{key: a, operator: In}]}}\n",
        &[
            "namespaceSelector.matchExpressions[0]",
            "values must be given",
        ],
    ),
];

pub fn bad_manifests_are_refused(scene: &Scene) {
    let refuse = |manifest: String, named: &[&str]| {
        let refused = scene.apply(&manifest).expect_err(&manifest);
        for name in named {
            assert!(
                refused.contains(name),
                "{manifest}: no {name:?} in {refused}"
            );
        }
    };
    for (lines, named) in REFUSED.iter().chain(REFUSED_OF_TRACES) {
        refuse(trace("bad", lines), named);
    }
    for (lines, named) in REFUSED.iter().chain(REFUSED_OF_CLUSTER_TRACES) {
        refuse(cluster_trace("bad", lines), named);
    }
    refuse(trace(&"a".repeat(64), ""), &["DNS label"]);
    refuse(cluster_trace(&"a".repeat(64), ""), &["DNS label"]);
}

/// Somebody who may edit a trace has not edited its status by that.
pub fn a_status_is_not_claimed(scene: &Scene) {
    scene.trace("t", "  suspend: true\n");
    let shown = scene.kubectl(&["get", "traces"]).unwrap();
    let header: Vec<_> = shown
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        header,
        [
            "NAME", "GADGET", "PHASE", "READY", "DESIRED", "EVENTS", "LOST", "AGE"
        ]
    );
    // kstatus takes a resource without a status for done: it has one from the start.
    assert!(scene.status("t")["observedGeneration"].is_number());
    let mut claimed: Value = scene.get("trace", "t").unwrap();
    claimed["status"] = json!({"observedGeneration": 7, "phase": "Running"});
    scene.apply(&claimed.to_string()).unwrap();
    assert_ne!(scene.status("t")["observedGeneration"], 7);
}

pub fn a_report_stays_about_its_trace(scene: &Scene) {
    let report = |node: &str| {
        json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "TraceReport",
            "metadata": {"name": "trace.t.node-1"},
            "spec": {"traceRef": {"kind": "Trace", "name": "t", "uid": "u"}, "nodeName": node}})
        .to_string()
    };
    scene.apply(&report("node-1")).unwrap();
    let refused = scene.apply(&report("node-2")).unwrap_err();
    assert!(refused.contains("spec cannot be changed"), "{refused}");
    let of_node = |node: &str| {
        let selector = format!("--field-selector=spec.nodeName={node}");
        scene
            .kubectl(&["get", "tracereports", "-o", "name", &selector])
            .unwrap()
    };
    assert_eq!(
        of_node("node-1"),
        "tracereport.traceherd.dev/trace.t.node-1\n"
    );
    assert_eq!(of_node("node-2"), "");
}
