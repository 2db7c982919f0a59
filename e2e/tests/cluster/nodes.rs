//! A second node that is a Node object, an agent's pod of its own, and reports that are written by
//! hand with that pod's token.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::identity::{AGENT, Identity, RELEASE};
use crate::manifests::saying;
use crate::scene::Scene;

const NODE: &str = "scripted";

/// The agent's pod that the DaemonSet's controller made for the node.
fn agent(scene: &Scene) -> Option<Value> {
    let pods = scene.list_in(RELEASE, "pods");
    pods.into_iter().find(|pod| pod["spec"]["nodeName"] == NODE)
}

/// What a kubelet would say of the agent's pod.
fn say_ready(scene: &Scene, ready: bool) {
    let name = agent(scene).unwrap()["metadata"]["name"].clone();
    let status = if ready { "True" } else { "False" };
    let patch = json!({"status": {"phase": "Running", "conditions": [
        {"type": "Ready", "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}});
    let args = [
        "patch",
        "pod",
        name.as_str().unwrap(),
        "--subresource=status",
        "--type=strategic",
        "-p",
        &patch.to_string(),
    ];
    scene.kubectl_in(RELEASE, &args).unwrap();
}

/// What a kubelet would say of the node, so that nobody takes it for lost.
fn heartbeat(scene: &Scene) {
    let now = scene
        .on_node("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    let now = String::from_utf8_lossy(&now.stdout).trim().to_owned();
    let room = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    let patch = json!({"status": {"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True",
        "reason": "KubeletReady", "lastHeartbeatTime": now, "lastTransitionTime": now}]}});
    let patch = patch.to_string();
    scene
        .kubectl(&["patch", "node", NODE, "--subresource=status", "-p", &patch])
        .unwrap();
}

pub fn a_second_node_counts(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "  outputs: [Status]\n");
    scene.until("it traces", || {
        scene.status("t")["events"]["delivered"].as_u64() > Some(3)
    });
    let nodes = || scene.status("t")["nodes"].clone();
    assert_eq!(
        nodes(),
        json!({"desired": 1, "ready": 1, "stale": 0, "failed": 0})
    );

    // A node is added. It is desired as soon as it has an agent's pod.
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE,
        "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}}});
    scene.apply(&node.to_string()).unwrap();
    heartbeat(scene);
    scene.until("it has an agent's pod", || agent(scene).is_some());
    scene.until("it is desired", || nodes()["desired"] == 2);
    assert_eq!(nodes()["ready"], 1);
    say_ready(scene, true);

    // Its agent's token is bound to the pod, and by that to the node.
    let pod = agent(scene).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (pod_name, pod_uid) = (
        text(&pod["metadata"]["name"]),
        text(&pod["metadata"]["uid"]),
    );
    let bound = [
        "--bound-object-kind",
        "Pod",
        "--bound-object-name",
        &pod_name,
        "--bound-object-uid",
        &pod_uid,
    ];
    let agent_there = Identity::of(scene, RELEASE, AGENT, &bound);
    let as_agent = |args: &[&str], manifest: &Value| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(manifest.to_string().as_bytes()).unwrap();
        let file = file.path().to_string_lossy();
        agent_there.kubectl(scene, &[args, &["-f", &file]].concat())
    };
    let trace = scene.get("trace", "t").unwrap();
    let generation = trace["metadata"]["generation"].clone();
    let report = |node: &str| {
        json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "TraceReport",
            "metadata": {"name": format!("trace.t.{node}"), "ownerReferences": [{
                "apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace", "name": "t",
                "uid": trace["metadata"]["uid"], "controller": false}]},
            "spec": {"nodeName": node, "traceRef": {"kind": "Trace", "name": "t",
                "uid": trace["metadata"]["uid"]}}})
    };
    let forged = as_agent(&["create"], &report("node-1")).unwrap_err();
    assert!(forged.contains("node"), "{forged}");
    as_agent(&["create"], &report(NODE)).unwrap();
    let tell = |delivered: u64, lost: u64, epoch: &str| {
        let mut told = report(NODE);
        told["metadata"] = json!({"name": format!("trace.t.{NODE}")});
        told["status"] = json!({"observedGeneration": generation, "epoch": epoch,
            "phase": "Running", "containers": 2, "unattributed": 0, "gaps": 0, "gapSeconds": 0,
            "events": {"observed": delivered + lost, "delivered": delivered, "filtered": 0,
                "suppressed": 0, "lost": lost}});
        as_agent(
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager=traceherd-agent",
                "--subresource=status",
            ],
            &told,
        )
        .unwrap();
    };
    tell(1_000_000, 0, "boot/1");
    let delivered = || {
        scene.status("t")["events"]["delivered"]
            .as_u64()
            .unwrap_or(0)
    };
    scene.until("both nodes are summed up", || {
        delivered() > 1_000_000
            && nodes() == json!({"desired": 2, "ready": 2, "stale": 0, "failed": 0})
    });
    assert!(delivered() < 1_100_000, "{}", delivered());
    assert_eq!(scene.condition("t", "Lossless")["status"], "True");
    tell(1_000_010, 7, "boot/1");
    scene.until("its loss is told", || {
        scene.status("t")["events"]["lost"] == 7
            && scene.condition("t", "Lossless")["status"] == "False"
    });

    // Its agent is not ready any more: what it said is stale.
    heartbeat(scene);
    say_ready(scene, false);
    scene.until("it is stale", || {
        let nodes = nodes();
        nodes["stale"] == 1 && nodes["desired"] == 2 && nodes["ready"] == 1
    });
    say_ready(scene, true);
    scene.until("it is ready again", || {
        nodes()["ready"] == 2 && nodes()["stale"] == 0
    });

    // It is removed while tracing: its report goes, what it told stays told, once.
    let before = delivered();
    say_ready(scene, false);
    scene.kubectl(&["delete", "node", NODE]).unwrap();
    scene.until("it is no longer desired", || nodes()["desired"] == 1);
    scene.until("its report is deleted", || {
        scene.report("t", NODE).is_none()
    });
    scene.never(Duration::from_secs(3), "the total fell or doubled", || {
        !(before..1_100_000).contains(&delivered())
    });
    scene.until("the other goes on", || delivered() > before);
    // Not a pod of it is left that would hold up a rollout.
    scene.until("its agent's pod is gone", || agent(scene).is_none());
}
