//! Traces that come and go.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::identity::RELEASE;
use crate::manifests::{cluster_trace, pod, saying, trace};
use crate::scene::{Scene, echoes};

/// The very first exec of a pod that ends at once.
pub fn a_trace_before_its_pod(scene: &Scene) {
    scene.accepted("t", "");
    scene.pod("short", "once", "exec /bin/echo first");
    scene.until("it is logged", || !scene.echoed("t", "first").is_empty());
    let seen = scene.echoed("t", "first");
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let who = ["namespace", "pod", "container", "node"].map(|key| seen[0][key].clone());
    assert_eq!(
        who,
        [&scene.namespace, "short", "once", "node-1"].map(Value::from)
    );
    scene.until("it is in the status", || {
        let latest = scene.status("t")["latest"].clone();
        let latest = latest.as_array().cloned().unwrap_or_default();
        latest
            .iter()
            .any(|event| event.to_string().contains("/bin/echo"))
    });
    let status = scene.status("t");
    assert_eq!(status["phase"], "Running");
    assert_eq!(status["events"]["lost"], 0);
    assert_eq!(scene.condition("t", "Lossless")["status"], "True");
    assert!(status["startTime"].is_string());
}

pub fn a_trace_after_its_pod(scene: &Scene) {
    scene.pod("there", "web", &saying("there"));
    scene.wait_for_pod("there", "Running");
    scene.accepted("t", "  selector: {podName: there}\n");
    scene.until("it is logged", || scene.echoed("t", "there").len() > 3);
    scene.until("a container matches", || {
        let report = scene.report("t", "node-1").unwrap_or_default();
        report["status"]["containers"] == 1 && report["status"]["phase"] == "Running"
    });
    // What it says of itself: kstatus, as `kubectl wait` reads it.
    scene
        .kubectl(&["wait", "--for=condition=Ready", "trace/t", "--timeout=10s"])
        .unwrap();
    let status = scene.status("t");
    assert_eq!(
        status["nodes"],
        json!({"desired": 1, "ready": 1, "stale": 0, "failed": 0})
    );
}

pub fn events_go_where_they_are_wanted(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("logged", "  outputs: [Log]\n");
    scene.accepted("told", "  outputs: [Status]\n  statusEvents: 3\n");
    scene.until("one is logged", || scene.echoed("logged", "on").len() > 5);
    let latest = |report: &str| {
        let report = scene.report(report, "node-1").unwrap_or_default();
        report["status"]["latest"].as_array().map_or(0, Vec::len)
    };
    scene.until("the other is told", || latest("told") == 3);
    scene.until("both are counted", || {
        ["logged", "told"].iter().all(|name| {
            scene.status(name)["events"]["delivered"]
                .as_u64()
                .is_some_and(|count| count > 5)
        })
    });
    assert_eq!(scene.logged("told"), Vec::<Value>::new());
    assert_eq!(latest("logged"), 0);
    assert_eq!(scene.status("logged")["latest"], Value::Null);
}

/// Stopped on the node in 2 s, and its reports gone in 10 s.
pub fn a_deleted_trace_stops(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    scene.until("it reports", || scene.report("t", "node-1").is_some());
    let deleted = Instant::now();
    scene.kubectl(&["delete", "trace", "t"]).unwrap();
    std::thread::sleep(Duration::from_secs(2).saturating_sub(deleted.elapsed()));
    let after = scene.logged("t").len();
    scene.within(Duration::from_secs(8), "its reports are gone", || {
        scene.list("tracereports").is_empty()
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(scene.logged("t").len(), after, "it goes on after 2 s");
}

pub fn a_trace_created_again_starts_anew(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it has seen something", || {
        scene.status("t")["events"]["delivered"].as_u64() > Some(10)
    });
    let old = scene.get("trace", "t").unwrap();
    scene.kubectl(&["delete", "trace", "t"]).unwrap();
    scene.trace("t", "  filter: ['comm:echo']\n");
    scene.until("the new one reports", || {
        let new = scene.get("trace", "t").unwrap_or_default();
        let report = scene.report("t", "node-1").unwrap_or_default();
        report["spec"]["traceRef"]["uid"] == new["metadata"]["uid"]
            && report["status"]["events"]["delivered"].as_u64() > Some(0)
    });
    scene.until("and is accounted for", || scene.is_ready("t"));
    let new = scene.get("trace", "t").unwrap();
    assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);
    let started = |trace: &Value| trace["status"]["startTime"].as_str().map(str::to_owned);
    assert!(started(&new) >= started(&old));
    // What the old one saw and did not filter is not in the new one's account.
    scene.until("only its own events count", || {
        let events = scene.status("t")["events"].clone();
        events["filtered"].as_u64() > Some(0) && events["delivered"].as_u64() > Some(0)
    });
}

pub fn traces_of_the_same_name(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.kubectl(&["create", "namespace", &other]).unwrap();
    let name = "same-name";
    scene.trace(name, "");
    scene.apply_in(&other, &trace(name, "")).unwrap();
    let namespaces = format!(
        "  selector: {{namespaces: [{}, {other}]}}\n",
        scene.namespace
    );
    scene.apply(&cluster_trace(name, &namespaces)).unwrap();
    scene.pod("p", "web", &saying("here"));
    scene
        .apply_in(&other, &pod("p", "web", &saying("there")))
        .unwrap();
    let of_other = |word| echoes(scene.logged_as("Trace", &format!("{other}/{name}")), word).len();
    let of_cluster = |word| echoes(scene.logged_as("ClusterTrace", name), word).len();
    scene.until("each sees its own", || {
        !scene.echoed(name, "here").is_empty()
            && of_other("there") > 0
            && of_cluster("here") > 0
            && of_cluster("there") > 0
    });
    scene.until("each has its report", || {
        let of_cluster = scene.list_in(RELEASE, "tracereports");
        let of_cluster = of_cluster
            .iter()
            .any(|report| report["metadata"]["name"] == "clustertrace.same-name.node-1");
        let own = scene.report(name, "node-1").is_some();
        own && of_cluster && scene.list_in(&other, "tracereports").len() == 1
    });
    assert!(scene.echoed(name, "there").is_empty());
    assert_eq!(of_other("here"), 0);
    scene.kubectl(&["delete", "trace", name]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let stopped = scene.logged(name).len();
    let before = (of_other("there"), of_cluster("here"));
    scene.until("the others go on", || {
        of_other("there") > before.0 && of_cluster("here") > before.1
    });
    assert_eq!(scene.logged(name).len(), stopped);
    scene.kubectl(&["delete", "clustertrace", name]).unwrap();
    scene
        .kubectl(&["delete", "namespace", &other, "--wait=false"])
        .unwrap();
}

pub fn two_hundred_traces(scene: &Scene) {
    const TRACES: usize = 200;
    scene.pod("p", "web", "sleep 1000");
    scene.wait_for_pod("p", "Running");
    let name = |n: usize| format!("t-{n}");
    // Every second one matches.
    let manifests: Vec<_> = (0..TRACES)
        .map(|n| {
            let pod = if n % 2 == 0 { "p" } else { "nobody" };
            trace(&name(n), &format!("  selector: {{podName: {pod}}}\n"))
        })
        .collect();
    scene.apply(&manifests.join("---\n")).unwrap();
    scene.until("all are ready", || {
        let traces = scene.list("traces");
        traces
            .iter()
            .all(|trace| crate::scene::condition(&trace["status"], "Ready")["status"] == "True")
    });
    scene.until("those that match say so", || {
        scene.list("tracereports").len() == TRACES / 2
    });
    scene.exec("p", &["/bin/echo", "one"]);
    scene.until("each that matches sees the one exec", || {
        (0..TRACES).all(|n| scene.echoed(&name(n), "one").len() == usize::from(n % 2 == 0))
    });
    scene.until("each counts it", || {
        scene.list("tracereports").iter().all(|report| {
            report["status"]["events"]["delivered"].as_u64() >= Some(1)
                && report["status"]["events"]["lost"] == 0
        })
    });
    scene.kubectl(&["delete", "traces", "--all"]).unwrap();
    scene.until("their reports go", || scene.list("tracereports").is_empty());
}
