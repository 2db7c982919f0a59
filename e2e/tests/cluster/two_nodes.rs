//! What only two real nodes can show.

use std::time::Duration;

use serde_json::json;

use crate::manifests::{pod, saying};
use crate::scene::Scene;

const NODES: [&str; 2] = ["node-1", "node-2"];

fn pod_on(scene: &Scene, node: &str, script: &str) {
    let mut manifest: serde_json::Value = serde_json::from_str(&pod(node, "web", script)).unwrap();
    manifest["spec"]["nodeName"] = node.into();
    scene.apply(&manifest.to_string()).unwrap();
    scene.wait_for_pod(node, "Running");
}

fn delivered(scene: &Scene) -> u64 {
    scene.status("t")["events"]["delivered"]
        .as_u64()
        .unwrap_or(0)
}

/// Both nodes are on one kernel, and each agent tells of its own node's containers only.
pub fn both_report(scene: &Scene) {
    for node in NODES {
        pod_on(scene, node, "sleep 1000");
    }
    scene.accepted("t", "");
    scene
        .apply(&crate::manifests::cluster_trace(
            "hosts",
            "  selector: {host: true}\n",
        ))
        .unwrap();
    scene.until("both are ready", || {
        scene.status("t")["nodes"] == json!({"desired": 2, "ready": 2, "stale": 0, "failed": 0})
    });
    scene.until("each has its container", || {
        NODES.iter().all(|node| {
            let report = scene.report("t", node).unwrap_or_default();
            report["status"]["containers"] == 1
        })
    });
    for (node, times) in [("node-1", 3), ("node-2", 5)] {
        for _ in 0..times {
            scene.exec(node, &["/bin/echo", node]);
        }
    }
    for (node, times) in [("node-1", 3), ("node-2", 5)] {
        scene.until(&format!("{node}'s are logged"), || {
            scene.echoed("t", node).len() >= times
        });
        let events = scene.echoed("t", node);
        assert_eq!(events.len(), times);
        for event in events {
            assert_eq!(
                (&event["node"], &event["pod"]),
                (&json!(node), &json!(node))
            );
        }
        scene.until(&format!("{node} counts its own"), || {
            let report = scene.report("t", node).unwrap_or_default();
            report["status"]["events"]["delivered"].as_u64() >= Some(times as u64)
        });
    }
    scene.until("they are summed up", || {
        delivered(scene) == scene.logged("t").len() as u64
    });
    let status = scene.status("t");
    let latest = status["latest"].as_array().unwrap();
    for node in NODES {
        assert!(
            latest.iter().any(|event| event["node"] == node),
            "{latest:#?}"
        );
    }
    // The host's processes are whose agent's node they are on; a container's are its node's.
    let hosts = scene.logged_as("ClusterTrace", "hosts");
    for event in &hosts {
        let (pod, node) = (event["pod"].as_str().unwrap_or_default(), &event["node"]);
        assert!(!NODES.contains(&pod) || *node == *pod, "{event:#}");
    }
    scene.kubectl(&["delete", "clustertrace", "hosts"]).unwrap();
}

/// A node's kubelet and agent end: it is stale. It is removed: what it told stays.
pub fn a_node_is_lost(scene: &Scene) {
    for node in NODES {
        pod_on(scene, node, &saying(node));
    }
    scene.accepted("t", "");
    let report = |node| {
        scene.report("t", node).unwrap_or_default()["status"]["events"]["delivered"]
            .as_u64()
            .unwrap_or(0)
    };
    scene.until("both count", || {
        report("node-1") > 5 && report("node-2") > 5
    });
    for daemon in ["kubelet-node-2", "containerd-node-2"] {
        scene.cluster().kill_daemon(daemon).unwrap();
    }
    let minutes = Duration::from_secs(120);
    scene.within(minutes, "it is stale", || {
        let nodes = scene.status("t")["nodes"].clone();
        nodes["stale"] == 1 && nodes["ready"] == 1
    });
    // A dead node holds up no deletion of a trace.
    // It is not ready as long as a node is missing; the others trace.
    scene.trace("short", "");
    scene.until("the other node traces", || {
        !scene.echoed("short", "node-1").is_empty()
    });
    scene
        .kubectl(&["delete", "trace", "short", "--timeout=10s"])
        .unwrap();
    scene.within(Duration::from_secs(10), "its reports go", || {
        scene
            .list("tracereports")
            .iter()
            .all(|report| report["spec"]["traceRef"]["name"] == "t")
    });
    let before = delivered(scene);
    scene.kubectl(&["delete", "node", "node-2"]).unwrap();
    scene.until("its report is gone", || {
        scene.report("t", "node-2").is_none()
    });
    scene.never(Duration::from_secs(3), "the total fell", || {
        delivered(scene) < before
    });
    scene.until("the other counts on", || delivered(scene) > before);
    assert_eq!(scene.status("t")["nodes"]["desired"], 1);
}
