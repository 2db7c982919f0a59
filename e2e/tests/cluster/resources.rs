//! The resources, as the API server takes them.

use serde_json::{Value, json};

use crate::manifests::trace;
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

/// Lines of a spec that are refused, and the field that the message names.
const REFUSED: &[(&str, &str)] = &[
    ("  frequency: 1\n", "frequency"),
    ("  statusEvents: 51\n", "statusEvents"),
    ("  statusEvents: '10'\n", "statusEvents"),
    ("  duration: 10\n", "duration"),
    ("  duration: soon\n", "duration"),
    ("  duration: 0s\n", "duration"),
    ("  duration: 721h\n", "duration"),
    ("  exec: {args: full}\n", "args"),
    ("  exec: {maxArgsBytes: 0}\n", "maxArgsBytes"),
    ("  exec: {maxArgsBytes: 32769}\n", "maxArgsBytes"),
    ("  outputs: []\n", "outputs"),
    ("  outputs: [File]\n", "outputs"),
    ("  outputs: [Log, Log]\n", "outputs"),
    ("  selector: {containerNames: []}\n", "containerNames"),
    ("  selector: {host: true}\n", "host"),
    ("  selector: {namespaces: [a]}\n", "namespaces"),
    ("  selector: {podName: Cart_0}\n", "podName"),
    ("  selector: {images: ['a b']}\n", "images"),
    (
        "  selector: {containerNames: [a], excludeContainerNames: [a]}\n",
        "excludeContainerNames",
    ),
    (
        "  selector:\n    excludeContainerNames:\n    - !sidecar\n",
        "excludeContainerNames",
    ),
    (
        "  selector: {podSelector: {matchLabels: {'a b': c}}}\n",
        "label key",
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a, operator: in}]}}\n",
        "operator",
    ),
    (
        "  selector: {podSelector: {matchExpressions: [{key: a, operator: In}]}}\n",
        "values",
    ),
    ("  nodeName: a\n  nodeSelector: {a: b}\n", "nodeSelector"),
    ("  nodeName: Node_1\n", "nodeName"),
    ("  nodeSelector: {a: 'c d!'}\n", "nodeSelector"),
    ("  rateLimit: {eventsPerSecond: 5}\n", "burst"),
    (
        "  rateLimit: {eventsPerSecond: 0, burst: 1}\n",
        "eventsPerSecond",
    ),
    ("  filter: ['']\n", "filter"),
    ("  filter: uid:0\n", "filter"),
    ("  run: 'a b'\n", "run"),
    ("  reportRetention: 1000h\n", "reportRetention"),
    ("  maxEventsPerNode: 0\n", "maxEventsPerNode"),
    ("  suspend: maybe\n", "suspend"),
];

pub fn bad_manifests_are_refused(scene: &Scene) {
    for (lines, named) in REFUSED {
        let refused = scene.apply(&trace("bad", lines)).expect_err(lines);
        assert!(refused.contains(named), "{lines}: {refused}");
    }
    let long = scene.apply(&trace(&"a".repeat(64), "")).unwrap_err();
    assert!(long.contains("DNS label"), "{long}");
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
