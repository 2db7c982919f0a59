//! What an agent's pod has of its node, it needs: without any one thing it sees less.

use serde_json::{Value, json};

use crate::identity::{AGENT, RELEASE};

use crate::scene::Scene;

/// What is taken away from a pod's spec, and whether it then still names containers, and sees
/// execs that fail.
type Loss = (&'static str, fn(&mut Value), (bool, bool));

const LOSSES: &[Loss] = &[
    ("nothing", |_| {}, (true, true)),
    (
        "bpf",
        |pod| take(pod, "/containers/0/securityContext/capabilities/add", "BPF"),
        (false, false),
    ),
    (
        "perfmon",
        |pod| {
            take(
                pod,
                "/containers/0/securityContext/capabilities/add",
                "PERFMON",
            )
        },
        (false, false),
    ),
    (
        "root",
        |pod| pod["securityContext"]["runAsUser"] = json!(65532),
        (false, false),
    ),
    (
        "cgroup",
        |pod| unmount(pod, "/sys/fs/cgroup"),
        (false, false),
    ),
    (
        "tracing",
        |pod| unmount(pod, "/sys/kernel/tracing"),
        (false, false),
    ),
    (
        "bundles",
        |pod| unmount(pod, "/run/containerd/io.containerd.runtime.v2.task"),
        (false, true),
    ),
];

fn take(pod: &mut Value, list: &str, item: &str) {
    let list = pod.pointer_mut(list).and_then(Value::as_array_mut).unwrap();
    let before = list.len();
    list.retain(|each| each != item);
    assert_eq!(list.len() + 1, before, "{item}");
}

fn unmount(pod: &mut Value, path: &str) {
    let mounts = &mut pod["containers"][0]["volumeMounts"];
    let mounts = mounts.as_array_mut().unwrap();
    let before = mounts.len();
    mounts.retain(|mount| mount["mountPath"] != path);
    assert_eq!(mounts.len() + 1, before, "{path}");
}

/// A pod like an agent's that runs the command line instead, and ends.
fn like_an_agent(spec: &Value, name: &str, lose: fn(&mut Value)) -> Value {
    let mut spec = spec.clone();
    lose(&mut spec);
    spec["restartPolicy"] = json!("Never");
    spec["automountServiceAccountToken"] = json!(false);
    spec.as_object_mut().unwrap().remove("serviceAccountName");
    spec.as_object_mut().unwrap().remove("serviceAccount");
    let container = spec["containers"][0].as_object_mut().unwrap();
    container.retain(|key, _| {
        !["livenessProbe", "readinessProbe", "ports", "env"].contains(&key.as_str())
    });
    container.insert(
        "args".into(),
        json!([
            "exec",
            "--failed",
            "--filter",
            "args:~traceherd-needs",
            "--duration",
            "10s",
            "--output",
            "json"
        ]),
    );
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

pub fn each_is_needed(scene: &Scene) {
    let agents = scene.kubectl_in(RELEASE, &["get", "daemonset", AGENT, "-o", "json"]);
    let agents: Value = serde_json::from_str(&agents.unwrap()).unwrap();
    let spec = &agents["spec"]["template"]["spec"];
    let pods = LOSSES
        .iter()
        .map(|&(what, lose, _)| like_an_agent(spec, what, lose).to_string());
    // It is there before them and executes as long as they look.
    let script = "while true; do /bin/echo traceherd-needs; /bin/false-name traceherd-needs; sleep 0.2; done";
    scene.pod("target", "web", script);
    scene.wait_for_pod("target", "Running");
    scene
        .apply(&pods.collect::<Vec<_>>().join("\n---\n"))
        .unwrap();
    let ended = |name: &str| {
        let phase = scene.get("pod", name).unwrap_or_default()["status"]["phase"].clone();
        phase == "Succeeded" || phase == "Failed"
    };
    scene.until("all have ended", || {
        LOSSES.iter().all(|(what, _, _)| ended(what))
    });
    for (what, _, expected) in LOSSES {
        let log = scene.kubectl(&["logs", what]).unwrap();
        let events = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (mut names, mut fails) = (false, false);
        for event in events {
            names |= event["pod"] == "target" && event["container"] == "web";
            fails |= event["ret"].as_i64().is_some_and(|ret| ret < 0);
        }
        assert_eq!((names, fails), *expected, "without {what}: {log}");
    }
}
