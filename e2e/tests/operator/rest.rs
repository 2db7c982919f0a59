//! What it costs when nothing happens.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Operator;
use crate::scene::{Scene, counts, trace};

const TRACES: usize = 100;
const MEMORY: f64 = 40.0 * 1024.0 * 1024.0;

pub fn at_rest_nothing_is_written(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    let traces: Vec<_> = (0..TRACES)
        .map(|number| trace("Trace", &format!("t-{number}"), json!({})))
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": traces});
    scene.apply_in(&scene.namespace, &list);
    for number in [1, 2, 3] {
        scene.report(
            &format!("t-{number}"),
            "node-1",
            json!({"events": counts(7, 0)}),
        );
    }
    scene.until("all run", || {
        let phases = versions(scene, ".status.phase");
        phases.len() == TRACES && phases.iter().all(|phase| phase == "Running")
    });
    // What was on its way arrives.
    std::thread::sleep(Duration::from_secs(6));
    let all = || versions(scene, ".metadata.resourceVersion");
    let before = all();
    let writes = operator.metric("status_writes_total");
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(all(), before);
    assert_eq!(operator.metric("status_writes_total"), writes);
    // In all its life: earlier cases' namespaces went meanwhile.
    let log = operator.log().join("\n");
    assert_eq!(operator.metric("write_errors_total"), 0.0, "{log}");
    let memory = operator.memory();
    assert!(memory > 0.0 && memory < MEMORY, "{memory} bytes");
    eprintln!("with {TRACES} traces: {:.1} MiB", memory / 1024.0 / 1024.0);
}

/// No Event can be made where everything is being deleted; a trace may be there a moment longer.
pub fn a_namespace_that_goes_is_no_error(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    let cluster = scene.cluster();
    let (place, filter) = ("that-goes", json!({"filter": ["comm:~("]}));
    let phase = || cluster.get(place, "trace", "t").unwrap_or_default()["status"]["phase"].clone();
    cluster.kubectl(&["create", "namespace", place]).unwrap();
    scene.apply_in(place, &trace("Trace", "t", json!({})));
    scene.until("it runs", || phase() == "Running");
    // Nobody deletes what is in it, for now.
    cluster.kill_daemon("controller-manager").unwrap();
    let delete = ["delete", "namespace", place, "--wait=false"];
    cluster.kubectl(&delete).unwrap();
    scene.apply_in(place, &trace("Trace", "t", filter));
    scene.until("it is judged", || phase() == "Failed");
    scene.never(Duration::from_secs(2), "an error is counted", || {
        operator.metric("write_errors_total") > 0.0
    });
    cluster.start_daemon("controller-manager").unwrap();
    scene.until("it is gone", || {
        cluster.get("default", "namespace", place).is_none()
    });
    assert_eq!(operator.metric("write_errors_total"), 0.0);
}

fn versions(scene: &Scene, path: &str) -> Vec<Value> {
    let path = format!("jsonpath={{range .items[*]}}{{{path}}}{{\"\\n\"}}{{end}}");
    let text = scene.kubectl(&["get", "traces", "-o", &path]).unwrap();
    text.lines().map(|line| json!(line)).collect()
}
