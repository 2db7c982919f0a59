//! What is said of a spec.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Operator;
use crate::scene::Scene;

const SOON: Duration = Duration::from_secs(5);

pub fn a_trace_is_judged_at_once(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({}));
    scene.within(SOON, "it runs", || scene.status("t")["phase"] == "Running");
    let trace = scene.get("trace", "t");
    let made = second(scene, &trace["metadata"]["creationTimestamp"]);
    let judged = second(
        scene,
        &trace["status"]["conditions"][0]["lastTransitionTime"],
    );
    assert!(judged - made <= 2, "{trace}");
    let ready = ["wait", "--for=condition=Ready", "trace/t", "--timeout=5s"];
    scene.kubectl(&ready).unwrap();
    let status = scene.status("t");
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(
        status["nodes"],
        json!({"desired": 1, "ready": 1, "stale": 0, "failed": 0})
    );
    scene.until("it is told", || scene.events("t") == ["Started"]);

    let edits = [
        (json!({"suspend": true}), "Suspended", "Suspended"),
        (json!({}), "Running", "Running"),
        (
            json!({"nodeName": "elsewhere"}),
            "Running",
            "NothingMatches",
        ),
        (
            json!({"nodeSelector": {"kubernetes.io/hostname": "elsewhere"}}),
            "Running",
            "NothingMatches",
        ),
        (
            json!({"nodeSelector": {"kubernetes.io/hostname": "node-1"}}),
            "Running",
            "Running",
        ),
    ];
    for (spec, phase, reason) in edits {
        scene.trace("t", spec.clone());
        scene.within(SOON, &format!("{spec} is followed"), || {
            let trace = scene.get("trace", "t");
            trace["status"]["observedGeneration"] == trace["metadata"]["generation"]
                && trace["status"]["phase"] == phase
                && scene.condition("t", "Ready") == ("True".to_owned(), reason.to_owned())
        });
    }
    assert_eq!(scene.events("t"), ["Started"]);
    assert_eq!(operator.metric("write_errors_total"), 0.0);
    assert_eq!(operator.log().len(), 2, "{:?}", operator.log());
}

/// A time of the API's in seconds.
fn second(scene: &Scene, time: &Value) -> i64 {
    let date = ["-d", time.as_str().unwrap(), "+%s"];
    let second = scene.on_node("date", &date).output().unwrap().stdout;
    String::from_utf8(second).unwrap().trim().parse().unwrap()
}

pub fn what_is_refused_says_why_and_heals(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({"filter": ["comm:~("]}));
    let stalled = |reason: &str| scene.condition("t", "Stalled").1 == reason;
    scene.within(SOON, "it is refused", || stalled("Refused"));
    let status = scene.status("t");
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["startTime"], json!(null));
    let message = status["conditions"].to_string();
    assert!(message.contains("spec.filter[0]"), "{message}");
    scene.trace("t", json!({"filter": ["comm:~sh"]}));
    scene.within(SOON, "it heals", || stalled("Accepted"));
    assert_eq!(scene.status("t")["phase"], "Running");
    scene.until("both are told", || {
        scene.events("t") == ["Refused", "Started"]
    });
}

pub fn ceilings_are_kept(scene: &Scene) {
    let ceilings = [
        "--max-duration=1h",
        "--max-args-bytes=1024",
        "--deny-namespaced-log",
    ];
    let _operator = Operator::acting(scene, &ceilings);
    scene.trace("t", json!({}));
    let refusal = || {
        let status = scene.status("t");
        let stalled = status["conditions"][1].clone();
        assert!(
            stalled.is_null() || stalled["type"] == "Stalled",
            "{status}"
        );
        stalled["message"].as_str().unwrap_or_default().to_owned()
    };
    scene.within(SOON, "all that is too much is named", || {
        ["spec.duration", "spec.exec.maxArgsBytes", "spec.outputs"]
            .iter()
            .all(|field| refusal().contains(field))
    });
    let small = json!({"duration": "1h", "exec": {"maxArgsBytes": 1024}, "outputs": ["Status"]});
    scene.trace("t", small);
    scene.within(SOON, "it runs", || scene.status("t")["phase"] == "Running");
}
