//! The command line beside a kubelet: pods by their names, with no operator and no agent.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::manifests::{pod, trace};
use crate::scene::Scene;

/// The command, running on the node.
struct Running {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
}

impl Running {
    fn start(scene: &Scene, args: &[&str]) -> Self {
        let binary = traceherd_e2e::programs::traceherd().unwrap();
        let mut command = scene.on_node(&binary.to_string_lossy(), args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let into = Arc::clone(&events);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                into.lock()
                    .unwrap()
                    .push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    /// The events that executed `echo` with `word`.
    fn echoed(&self, word: &str) -> Vec<Value> {
        let wanted = json!(["/bin/echo", word]);
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter(|event| event["args"] == wanted)
            .cloned()
            .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

/// Pods that execute one program and end: each is seen, once, under its pod's name.
pub fn short_pods_have_their_names(scene: &Scene) {
    const PODS: usize = 20;
    let traceherd = Running::start(scene, &["exec", "-n", &scene.namespace, "-o", "json"]);
    scene.pod(
        "first",
        "web",
        "while true; do /bin/echo there; sleep 0.2; done",
    );
    scene.until("it traces", || !traceherd.echoed("there").is_empty());

    let word = |n: usize| format!("word-{n}");
    let name = |n: usize| format!("short-{n}");
    let pods: Vec<_> = (0..PODS)
        .map(|n| {
            pod(
                &name(n),
                &format!("c-{n}"),
                &format!("exec /bin/echo {}", word(n)),
            )
        })
        .collect();
    scene.apply(&pods.join("\n---\n")).unwrap();
    for n in 0..PODS {
        scene.wait_for_pod(&name(n), "Succeeded");
    }
    scene.until("every pod's exec is seen", || {
        (0..PODS).all(|n| !traceherd.echoed(&word(n)).is_empty())
    });
    for n in 0..PODS {
        let seen = traceherd.echoed(&word(n));
        assert_eq!(seen.len(), 1, "{seen:#?}");
        let who = (
            &seen[0]["namespace"],
            &seen[0]["pod"],
            &seen[0]["container"],
        );
        assert_eq!(
            who,
            (
                &json!(scene.namespace),
                &json!(name(n)),
                &json!(format!("c-{n}"))
            )
        );
    }
}

/// A Trace without a cluster: the pods of its namespace, whatever others claim.
pub fn a_trace_shows_its_namespace(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.make_namespace(&other);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.yaml");
    let manifest = trace("t", "  selector: {podName: same}\n").replace(
        "name: t",
        &format!("name: t\n  namespace: {}", scene.namespace),
    );
    std::fs::write(&file, manifest).unwrap();
    let traceherd = Running::start(scene, &["run", "-f", &file.to_string_lossy(), "-o", "json"]);

    // Of the same name, and with labels and annotations that claim the trace's namespace.
    let claims = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "same",
            "annotations": {"io.kubernetes.cri.sandbox-namespace": scene.namespace},
            "labels": {"io.kubernetes.pod.namespace": scene.namespace}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "web",
            "image": "localhost/busybox:1", "imagePullPolicy": "Never",
            "command": ["sh", "-c", "while true; do /bin/echo theirs; sleep 0.2; done"]}]}});
    scene.apply_in(&other, &claims.to_string()).unwrap();
    scene.pod(
        "same",
        "web",
        "while true; do /bin/echo ours; sleep 0.2; done",
    );
    scene.until("our own is seen", || traceherd.echoed("ours").len() > 10);
    assert_eq!(traceherd.echoed("theirs"), Vec::<Value>::new());
    scene
        .kubectl(&["delete", "namespace", &other, "--wait=false"])
        .unwrap();
}
