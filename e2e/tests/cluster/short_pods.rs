//! Pods that end as soon as they have started.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scene::Scene;

const JOBS: usize = 100;
const AT_ONCE: usize = 20;

/// A hundred Jobs of one echo each: every exec arrives, under its names, and is counted.
pub fn every_job_is_seen(scene: &Scene) {
    scene.accepted(
        "both",
        "  selector: {podSelector: {matchLabels: {kind: short}}}\n",
    );
    scene.accepted(
        "logged",
        "  outputs: [Log]\n  selector: {podSelector: {matchLabels: {kind: short}}}\n",
    );
    scene.accepted(
        "told",
        "  outputs: [Status]\n  selector: {podSelector: {matchLabels: {kind: short}}}\n",
    );
    let name = |n: usize| format!("job-{n}");
    let job = |n: usize| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name(n)},
            "spec": {"backoffLimit": 0, "template": {
                "metadata": {"labels": {"kind": "short", "number": n.to_string()}},
                "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": format!("c-{n}"), "image": "localhost/busybox:1",
                        "imagePullPolicy": "Never", "command": ["/bin/echo", name(n)]}]}}}})
        .to_string()
    };
    // So many at once as the machine can start.
    for first in (0..JOBS).step_by(AT_ONCE) {
        let jobs: Vec<_> = (first..first + AT_ONCE).map(job).collect();
        scene.apply(&jobs.join("\n---\n")).unwrap();
        scene.until("they have run", || {
            let jobs = scene.list("jobs");
            let done = jobs.iter().filter(|job| job["status"]["succeeded"] == 1);
            done.count() == first + AT_ONCE
        });
    }
    let pods: BTreeMap<String, Value> = scene
        .list("pods")
        .into_iter()
        .map(|pod| (pod["metadata"]["name"].as_str().unwrap().to_owned(), pod))
        .collect();
    for trace in ["both", "logged"] {
        scene.until(&format!("{trace}: every exec is logged"), || {
            let events = scene.logged(trace);
            events
                .iter()
                .filter(|event| event["comm"] == "echo")
                .count()
                >= JOBS
        });
        // runc executes itself again, at times when it is in the container's cgroup already.
        let others: Vec<_> = scene
            .logged(trace)
            .into_iter()
            .filter(|event| event["comm"] != "echo" && event["comm"] != "runc")
            .collect();
        assert!(others.is_empty(), "{trace}: {others:#?}");
        for n in 0..JOBS {
            let own = scene.echoed(trace, &name(n));
            assert_eq!(own.len(), 1, "{trace} {n}: {own:#?}");
            let event = &own[0];
            let pod = &pods[event["pod"].as_str().unwrap()];
            assert_eq!(event["namespace"], *scene.namespace);
            assert_eq!(event["container"], format!("c-{n}"));
            assert_eq!(event["poduid"], pod["metadata"]["uid"]);
            assert_eq!(event["podlabels"], pod["metadata"]["labels"]);
            assert_eq!(event["podlabels"]["number"], n.to_string());
            assert_eq!(event["podowner"], format!("Job/{}", name(n)));
        }
    }
    let logged = scene.logged("both").len() as u64;
    for trace in ["both", "logged", "told"] {
        scene.until(&format!("{trace}: every exec is counted"), || {
            scene.status(trace)["events"]["observed"].as_u64() >= Some(logged)
        });
        let all = json!({"observed": logged, "delivered": logged, "filtered": 0, "suppressed": 0, "lost": 0});
        assert_eq!(scene.status(trace)["events"], all, "{trace}");
        assert_eq!(
            scene.condition(trace, "Lossless")["status"],
            "True",
            "{trace}"
        );
    }
}
