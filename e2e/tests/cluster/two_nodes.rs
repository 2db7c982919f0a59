//! What only two real nodes can show.

use std::time::{Duration, Instant};

use serde_json::json;
use traceherd_e2e::Lateness;

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

/// Pods on both nodes, and a trace that counts what they do.
fn both_count(scene: &Scene) {
    for node in NODES {
        pod_on(scene, node, &saying(node));
    }
    scene.accepted("t", "");
    scene.until("both count", || {
        NODES.iter().all(|node| {
            let report = scene.report("t", node).unwrap_or_default();
            report["status"]["events"]["delivered"].as_u64() > Some(5)
        })
    });
}

/// How long the cluster takes to see that a kubelet is gone.
const UNSEEN: Duration = Duration::from_secs(120);

/// The kubelet ends, and the node is removed: its agent, which lives, does not tell again what is
/// summed up. The kubelet comes back, and with it the node and an agent.
pub fn a_node_is_removed(scene: &Scene) {
    both_count(scene);
    scene.cluster().kill_daemon("kubelet-node-2").unwrap();
    scene.within(UNSEEN, "it is stale", || {
        scene.status("t")["nodes"]["stale"] == 1
    });
    let before = scene.echoed("t", "node-2").len();
    scene.until("its agent lives", || {
        scene.echoed("t", "node-2").len() > before
    });
    scene.kubectl(&["delete", "node", "node-2"]).unwrap();
    scene.until("its report is gone", || {
        scene.report("t", "node-2").is_none()
    });
    scene.never(Duration::from_secs(15), "it is counted twice", || {
        let counted = delivered(scene);
        let logged = scene.logged("t").len() as u64;
        scene.report("t", "node-2").is_some() || counted > logged
    });
    // What the agent wrote last counts too.
    let of_node = |node: &str| {
        let logged = scene.logged("t");
        logged.iter().filter(|event| event["node"] == node).count() as u64
    };
    let report = scene.report("t", "node-1").unwrap();
    let first = report["status"]["events"]["delivered"].as_u64().unwrap();
    scene.until("all of it counts", || {
        delivered(scene) >= first + of_node("node-2")
    });

    scene.cluster().start_daemon("kubelet-node-2").unwrap();
    scene.within(2 * UNSEEN, "the node is back", || {
        scene.status("t")["nodes"] == json!({"desired": 2, "ready": 2, "stale": 0, "failed": 0})
    });
}

/// Everything on a node ends at once. It holds up no deletion, and it is stale. It is removed:
/// what it told stays.
pub fn a_node_is_lost(scene: &Scene) {
    both_count(scene);
    scene.accepted("short", "");
    let reports_of = |trace: &str| {
        let mut reports = scene.list("tracereports");
        reports.retain(|report| report["spec"]["traceRef"]["name"] == *trace);
        reports.len()
    };
    scene.until("both report on it", || reports_of("short") == 2);
    scene.cluster().kill_node("node-2").unwrap();

    let lateness = Lateness::watch();
    let deleted = Instant::now();
    scene.kubectl(&["delete", "trace", "short"]).unwrap();
    let allowed = |seconds| Duration::from_secs(seconds) + lateness.allowance();
    std::thread::sleep(allowed(2).saturating_sub(deleted.elapsed()));
    let stopped = scene.logged("short").len();
    scene.until("its reports go", || reports_of("short") == 0);
    let took = deleted.elapsed();
    assert!(took < allowed(10), "its reports went after {took:?}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(scene.logged("short").len(), stopped, "it goes on after 2 s");

    scene.within(UNSEEN, "it is stale", || {
        let nodes = scene.status("t")["nodes"].clone();
        nodes["stale"] == 1 && nodes["ready"] == 1
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
