//! What the nodes say, summed up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Operator;
use crate::scene::{HOME, Scene, agent, counts, report, trace};

const SOON: Duration = Duration::from_secs(5);
const WHILE: Duration = Duration::from_secs(2);

fn delivered(status: &Value) -> u64 {
    status["events"]["delivered"].as_u64().unwrap_or_default()
}

pub fn what_nodes_say_is_summed_up(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({}));
    scene.until("it runs", || scene.status("t")["phase"] == "Running");
    let event = json!({"timestamp": "2026-01-01T00:00:00.000001Z", "node": "node-1", "pid": 7,
        "uid": 0, "comm": "sh", "args": ["sh", "-c"], "ret": 0});
    let said = json!({"events": counts(3, 0), "latest": [event]});
    scene.report("t", "node-1", said);
    scene.within(SOON, "it is seen", || delivered(&scene.status("t")) == 3);
    assert_eq!(scene.status("t")["latest"], json!([event]));
    assert_eq!(scene.condition("t", "Lossless").0, "True");
    scene.report("t", "node-1", json!({"events": counts(4, 2)}));
    scene.within(SOON, "a loss is told", || {
        scene.condition("t", "Lossless").1 == "EventsLost"
    });
    scene.until("it is noticed", || {
        scene.events("t") == ["EventsLost", "Started"]
    });

    // Somebody deletes the report: nothing is forgotten, and nothing counted twice.
    scene.kubectl(&["delete", "tracereports", "--all"]).unwrap();
    scene.never(WHILE, "the total fell", || {
        delivered(&scene.status("t")) != 4
    });
    scene.report("t", "node-1", json!({"events": counts(5, 2)}));
    scene.within(SOON, "it goes on", || delivered(&scene.status("t")) == 5);

    // A node that cannot.
    let failed = json!({"phase": "Failed", "message": "no BTF", "events": counts(5, 2)});
    scene.report("t", "node-1", failed);
    scene.within(SOON, "it stalls", || {
        scene.condition("t", "Stalled") == ("True".to_owned(), "NodesFailed".to_owned())
    });
    assert_eq!(scene.status("t")["phase"], "Failed");
    assert_eq!(scene.status("t")["nodes"]["failed"], 1);
    scene.report("t", "node-1", json!({"events": counts(6, 2)}));
    scene.within(SOON, "it heals", || scene.status("t")["phase"] == "Running");
}

pub fn a_cluster_trace_is_told_of_at_home(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    scene.apply_in(HOME, &trace("ClusterTrace", "t", json!({})));
    let about = scene.get("clustertrace", "t");
    let uid = about["metadata"]["uid"].as_str().unwrap();
    let report = report(
        "clustertrace.t.node-1",
        ("ClusterTrace", "t", uid),
        "node-1",
    );
    scene.say(HOME, &report, &about, json!({"events": counts(3, 0)}));
    scene.within(SOON, "it is seen", || {
        delivered(&scene.get("clustertrace", "t")["status"]) == 3
    });
    // The same, written where anybody may write.
    let said = json!({"events": counts(1_000, 0)});
    scene.say(&scene.namespace, &report, &about, said);
    scene.never(WHILE, "another namespace was believed", || {
        delivered(&scene.get("clustertrace", "t")["status"]) != 3
    });
    scene.kubectl(&["delete", "clustertrace", "t"]).unwrap();
}

pub fn what_no_agent_would_write_is_ignored(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({}));
    scene.until("it runs", || scene.status("t")["phase"] == "Running");
    let about = scene.get("trace", "t");
    let uid = about["metadata"]["uid"].as_str().unwrap();
    let said = json!({"events": counts(1_000, 0)});
    for (name, uid, node) in [
        ("trace.t.node-1", "of-another-life", "node-1"),
        ("trace.other.node-1", uid, "node-1"),
        ("whatever", uid, "node-1"),
    ] {
        let strange = report(name, ("Trace", "t", uid), node);
        // Without an owner: garbage collection would take what has one that is not there.
        let mut strange = strange;
        strange["metadata"]["ownerReferences"] = json!([]);
        scene.say(&scene.namespace, &strange, &about, said.clone());
    }
    // And a status that somebody else wrote.
    let strange = json!({"status": {"observedGeneration": 1, "startTime": "9999-12-31T23:59:59Z",
        "events": counts((1 << 53) - 1, 0), "conditions": [{"type": "Weird", "status": "Unknown",
        "observedGeneration": -1, "lastTransitionTime": "0001-01-01T00:00:00Z", "reason": "Odd",
        "message": ""}]}});
    scene.trace("other", json!({"duration": "1h"}));
    let how = [
        "--subresource=status",
        "--type=merge",
        "--patch",
        &strange.to_string(),
    ];
    let args = [&["patch", "trace", "other"], &how[..]].concat();
    scene.kubectl(&args).unwrap();
    scene.never(SOON, "it was believed", || {
        delivered(&scene.status("t")) != 0
    });
    assert!(operator.is_running());
    let writes = operator.metric("status_writes_total");
    scene.never(SOON, "it is written again and again", || {
        operator.metric("status_writes_total") > writes
    });
    assert_eq!(scene.status("other")["phase"], "Running");
}

pub fn a_node_comes_and_goes(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({}));
    scene.report("t", "node-1", json!({"events": counts(10, 0)}));
    let nodes = || scene.status("t")["nodes"].clone();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "second"}});
    scene.apply_in(HOME, &node);
    scene.apply_in(HOME, &agent("agent-2", "second"));
    let says = |ready: &str| {
        let patch = json!({"status": {"conditions": [{"type": "Ready", "status": ready}]}});
        let how = ["--subresource=status", "--patch", &patch.to_string()];
        let args = ["patch", "pod", "agent-2", "--namespace", HOME];
        scene
            .cluster()
            .kubectl(&[&args[..], &how].concat())
            .unwrap();
    };
    scene.within(SOON, "it is desired", || nodes()["desired"] == 2);
    assert_eq!(nodes()["ready"], 1);
    says("True");
    scene.report("t", "second", json!({"events": counts(5, 0)}));
    scene.within(SOON, "both are ready and counted", || {
        nodes()["ready"] == 2 && delivered(&scene.status("t")) == 15
    });
    says("False");
    scene.within(SOON, "it is stale", || {
        nodes()["stale"] == 1 && nodes()["ready"] == 1
    });

    scene.kubectl(&["delete", "node", "second"]).unwrap();
    scene.until("its report is gone", || {
        scene.reports() == ["tracereport.traceherd.dev/trace.t.node-1"]
    });
    scene.until("it is not spoken of", || {
        nodes() == json!({"desired": 1, "ready": 1, "stale": 0, "failed": 0})
    });
    assert_eq!(delivered(&scene.status("t")), 15);
    scene.report("t", "node-1", json!({"events": counts(11, 0)}));
    scene.within(SOON, "what it told is counted once", || {
        delivered(&scene.status("t")) == 16
    });
    let gone = ["delete", "pod", "agent-2", "--namespace", HOME, "--force"];
    scene.cluster().kubectl(&gone).unwrap();
}
