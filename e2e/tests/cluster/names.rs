//! Whose an event is: the pod's metadata, up to the workload that made it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::manifests::{busybox, saying};
use crate::scene::Scene;

pub fn workloads_have_their_names(scene: &Scene) {
    scene.accepted("t", "");
    let template = |kind: &str, word: &str| {
        json!({"metadata": {"labels": {"made-by": kind}},
            "spec": {"terminationGracePeriodSeconds": 0,
                "containers": [busybox("web", &saying(word))]}})
    };
    let job = |word: &str| {
        let mut template = template("batch", word);
        template["spec"]["restartPolicy"] = "Never".into();
        json!({"template": template})
    };
    let apps = |kind: &str, name: &str| {
        let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"made-by": kind}}, "template": template(kind, name)}});
        if kind == "StatefulSet" {
            object["spec"]["serviceName"] = name.into();
        }
        object
    };
    let workloads = [
        apps("Deployment", "web"),
        apps("StatefulSet", "db"),
        apps("DaemonSet", "each"),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"}, "spec": job("work")}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"},
            "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job("nightly")}}}),
    ];
    let manifests: Vec<_> = workloads.iter().map(Value::to_string).collect();
    scene.apply(&manifests.join("\n---\n")).unwrap();
    scene
        .kubectl(&["create", "job", "--from=cronjob/nightly", "nightly-now"])
        .unwrap();
    scene.pod("alone", "web", &saying("alone"));

    let owners = [
        ("web", "Deployment/web", "Deployment"),
        ("db", "StatefulSet/db", "StatefulSet"),
        ("each", "DaemonSet/each", "DaemonSet"),
        ("work", "Job/work", "batch"),
        ("nightly", "CronJob/nightly", "batch"),
    ];
    let mut pods = BTreeSet::new();
    for (word, owner, made_by) in owners {
        scene.until(&format!("{owner} is seen"), || {
            !scene.echoed("t", word).is_empty()
        });
        for event in scene.echoed("t", word) {
            assert_eq!(event["podowner"], owner, "{event:#}");
            assert_eq!(event["podlabels"]["made-by"], made_by, "{event:#}");
            pods.insert((
                event["pod"].as_str().unwrap().to_owned(),
                event["poduid"].as_str().unwrap().to_owned(),
            ));
        }
    }
    assert_eq!(pods.len(), owners.len(), "{pods:?}");
    for (name, uid) in pods {
        let pod = scene.get("pod", &name).unwrap();
        assert_eq!(pod["metadata"]["uid"], uid, "{name}");
    }
    scene.until("a bare pod is seen", || {
        !scene.echoed("t", "alone").is_empty()
    });
    let bare = &scene.echoed("t", "alone")[0];
    assert_eq!(bare["podlabels"], json!({"app": "alone"}), "{bare:#}");
    assert!(
        bare["podowner"].as_str().unwrap_or_default().is_empty(),
        "{bare:#}"
    );
    assert_eq!(bare["podsource"], "kubernetes", "{bare:#}");
}
