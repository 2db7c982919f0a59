//! What bounds a trace, and what comes after its end.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::manifests::{saying, trace};
use crate::scene::Scene;

/// Seconds since 1970 of an RFC 3339 time, by the node's own date.
fn seconds(scene: &Scene, time: &Value) -> f64 {
    let time = time.as_str().expect("a time");
    let output = scene
        .on_node("date", &["-d", time, "+%s.%N"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}

pub fn a_duration_ends_it(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.wait_for_pod("p", "Running");
    let lines = "  duration: 5s\n  run: '1'\n";
    scene.trace("t", lines);
    scene.until("it has begun", || scene.echoed("t", "on").len() > 3);
    scene.until("it is over", || scene.status("t")["phase"] == "Completed");
    let status = scene.status("t");
    let took = seconds(scene, &status["completionTime"]) - seconds(scene, &status["startTime"]);
    assert!((4.9..8.0).contains(&took), "{took} s: {status:#}");
    assert_eq!(
        scene.condition("t", "Ready")["status"],
        "True",
        "{status:#}"
    );
    let seen = scene.logged("t").len();
    sleep(Duration::from_secs(2));
    assert_eq!(scene.logged("t").len(), seen);
    // What it saw stays told.
    let counted = scene.status("t")["events"]["delivered"].as_u64();
    assert!(counted >= Some(seen as u64), "{counted:?} of {seen}");

    // A re-apply starts nothing, another run does.
    scene.apply(&trace("t", lines)).unwrap();
    scene
        .kubectl(&["annotate", "trace", "t", "touched=yes"])
        .unwrap();
    scene.never(Duration::from_secs(3), "it starts again by itself", || {
        scene.status("t")["phase"] != "Completed" || scene.logged("t").len() > seen
    });
    scene.trace("t", "  duration: 5s\n  run: '2'\n");
    scene.until("it runs again", || scene.logged("t").len() > seen);
    scene.until("the status is of the new run", || {
        let now = scene.status("t");
        now["run"] == "2" && now["startTime"] != status["startTime"]
    });
    scene.until("it is over again", || {
        scene.status("t")["phase"] == "Completed"
    });
}

pub fn the_number_of_events_is_exact(scene: &Scene) {
    scene.pod("p", "web", "while true; do /bin/echo on; done");
    scene.wait_for_pod("p", "Running");
    scene.trace("t", "  maxEventsPerNode: 100\n");
    scene.until("it is over", || scene.status("t")["phase"] == "Completed");
    scene.until("all are logged", || scene.logged("t").len() >= 100);
    sleep(Duration::from_secs(1));
    assert_eq!(scene.logged("t").len(), 100);
    scene.until("they are counted", || {
        scene.status("t")["events"]["delivered"] == 100
    });
    let report = scene.report("t", "node-1").unwrap();
    assert_eq!(report["status"]["phase"], "Completed");
    assert!(scene.status("t")["completionTime"].is_string());
}

pub fn reports_go_and_the_trace_stays(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.wait_for_pod("p", "Running");
    scene.trace("t", "  maxEventsPerNode: 5\n  reportRetention: 5s\n");
    scene.until("it is over", || scene.status("t")["phase"] == "Completed");
    assert!(
        scene.report("t", "node-1").is_some(),
        "the report went at once"
    );
    scene.within(Duration::from_secs(30), "its report goes", || {
        scene.report("t", "node-1").is_none()
    });
    scene.never(Duration::from_secs(3), "the report comes back", || {
        scene.report("t", "node-1").is_some()
    });
    let status = scene.status("t");
    assert_eq!(status["phase"], "Completed");
    assert_eq!(status["events"]["delivered"], 5, "{status:#}");
}
