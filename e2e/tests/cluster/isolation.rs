//! What a trace must not show.

use std::time::Duration;

use serde_json::{Value, json};
use traceherd_e2e::Runtimes;

use crate::manifests::{busybox, cluster_trace, pod, saying};
use crate::scene::{Scene, echoes};

/// Whatever a pod of another namespace is called, labelled, or says of itself.
pub fn a_trace_shows_no_other_namespace(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.kubectl(&["create", "namespace", &other]).unwrap();
    scene.accepted("all", "");
    scene.accepted("by-name", "  selector: {podName: same}\n");
    scene.accepted(
        "by-label",
        "  selector: {podSelector: {matchLabels: {app: same}}}\n",
    );
    scene.accepted("by-container", "  selector: {containerNames: [web]}\n");
    scene.accepted("by-image", "  selector: {images: [busybox]}\n");
    scene.pod("same", "web", &saying("ours"));
    scene.wait_for_pod("same", "Running");
    let ours = scene.get("pod", "same").unwrap();
    let container = ours["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .unwrap()
        .trim_start_matches("containerd://");
    let uid = ours["metadata"]["uid"].as_str().unwrap();

    // Their pod has the same name, labels and container, claims our namespace in whatever a
    // runtime might read, and moves into a cgroup that is called as ours.
    let cgroup = format!("kubepods/besteffort/pod{uid}/{container}");
    let imitate = format!(
        "for h in /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup; do \
         mkdir -p $h/{cgroup} && echo $$ > $h/{cgroup}/cgroup.procs; done; {}",
        saying("theirs")
    );
    let mut theirs = busybox("web", &imitate);
    theirs["image"] = an_image_that_claims(scene, uid).into();
    theirs["securityContext"] = json!({"privileged": true});
    let claims = json!({"io.kubernetes.cri.sandbox-namespace": scene.namespace,
        "io.kubernetes.cri.sandbox-uid": uid, "io.kubernetes.pod.namespace": scene.namespace,
        "kubernetes.io/config.hash": uid});
    let theirs = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "same", "annotations": claims, "labels": {"app": "same",
            "io.kubernetes.pod.namespace": scene.namespace, "io.kubernetes.pod.uid": uid}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [theirs]}});
    scene.apply_in(&other, &theirs.to_string()).unwrap();
    // Somebody who may see them tells when they are there.
    let watching = format!("  selector: {{namespaces: [{other}]}}\n");
    scene
        .apply(&cluster_trace("isolation-b", &watching))
        .unwrap();
    scene.until("theirs is seen by who may", || {
        let seen = scene.logged_as("ClusterTrace", "isolation-b");
        echoes(seen, "theirs").len() > 20
    });
    let traces = ["all", "by-name", "by-label", "by-container", "by-image"];
    for trace in traces {
        scene.until(&format!("{trace} sees ours"), || {
            scene.echoed(trace, "ours").len() > 3
        });
    }
    for trace in traces {
        let events = scene.logged(trace);
        let strangers: Vec<_> = events
            .iter()
            .filter(|event| event["namespace"] != *scene.namespace || event["args"][1] == "theirs")
            .collect();
        assert!(strangers.is_empty(), "{trace}: {strangers:#?}");
        let report = scene.report(trace, "node-1").unwrap_or_default();
        assert!(
            !report.to_string().contains("theirs"),
            "{trace}: {report:#}"
        );
    }
    let seen = scene.logged_as("ClusterTrace", "isolation-b");
    for event in &seen {
        assert_eq!(event["namespace"], *other, "{event:#}");
    }
    scene
        .kubectl(&["delete", "clustertrace", "isolation-b"])
        .unwrap();
    scene
        .kubectl(&["delete", "namespace", &other, "--wait=false"])
        .unwrap();
}

/// An image whose labels, which containerd puts to the container's own, name another's pod.
fn an_image_that_claims(scene: &Scene, uid: &str) -> &'static str {
    const NAME: &str = "localhost/busybox-that-claims:1";
    let file = scene.cluster().folder().join("claims.tar");
    let file = file.to_string_lossy();
    let labels = json!({"io.kubernetes.pod.namespace": scene.namespace,
        "io.kubernetes.pod.name": "same", "io.kubernetes.pod.uid": uid,
        "io.kubernetes.container.name": "web"});
    let change = format!(r#"s|"Cmd":|"Labels":{labels},"Cmd":|"#);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/busybox-image.sh");
    let runtimes = Runtimes::get().unwrap();
    let runtimes = runtimes.folder().to_string_lossy();
    for (program, args) in [
        (script, [&runtimes, &*file, NAME, &change]),
        ("ctr", ["--namespace=k8s.io", "images", "import", &file]),
    ] {
        let output = scene.on_node(program, &args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    NAME
}

pub fn a_cluster_trace_follows_namespace_labels(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.kubectl(&["create", "namespace", &other]).unwrap();
    scene.pod("p", "web", &saying("here"));
    scene
        .apply_in(&other, &pod("p", "web", &saying("there")))
        .unwrap();
    let label = |namespace: &str, label: &str| {
        scene
            .kubectl(&["label", "namespace", namespace, label, "--overwrite"])
            .unwrap();
    };
    let name = "by-namespace-label";
    let lines = "  selector: {namespaceSelector: {matchLabels: {team: labels}}}\n";
    scene.apply(&cluster_trace(name, lines)).unwrap();
    let seen = |word: &str| echoes(scene.logged_as("ClusterTrace", name), word).len();
    // No namespace has the label: nobody is seen, the host neither.
    scene.never(Duration::from_secs(3), "somebody is seen", || {
        !scene.logged_as("ClusterTrace", name).is_empty()
    });
    label(&scene.namespace, "team=labels");
    scene.until("the one with the label is seen", || seen("here") > 3);
    assert_eq!(seen("there"), 0);
    label(&other, "team=labels");
    label(&scene.namespace, "team-");
    scene.until("the other is seen", || seen("there") > 3);
    std::thread::sleep(Duration::from_secs(2));
    let before = seen("here");
    scene.never(
        Duration::from_secs(1),
        "the one without is still seen",
        || seen("here") > before,
    );
    let strangers: Vec<Value> = scene
        .logged_as("ClusterTrace", name)
        .into_iter()
        .filter(|event| event["namespace"] != *scene.namespace && event["namespace"] != *other)
        .collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
    scene.kubectl(&["delete", "clustertrace", name]).unwrap();
    scene
        .kubectl(&["delete", "namespace", &other, "--wait=false"])
        .unwrap();
}
