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
    // Of earlier cases: an Event in a namespace that is being deleted is refused.
    let metrics = ["status_writes_total", "write_errors_total"];
    let told = metrics.map(|metric| operator.metric(metric));
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(all(), before);
    assert_eq!(metrics.map(|metric| operator.metric(metric)), told);
    let memory = operator.memory();
    assert!(memory > 0.0 && memory < MEMORY, "{memory} bytes");
    eprintln!("with {TRACES} traces: {:.1} MiB", memory / 1024.0 / 1024.0);
}

fn versions(scene: &Scene, path: &str) -> Vec<Value> {
    let path = format!("jsonpath={{range .items[*]}}{{{path}}}{{\"\\n\"}}{{end}}");
    let text = scene.kubectl(&["get", "traces", "-o", &path]).unwrap();
    text.lines().map(|line| json!(line)).collect()
}
