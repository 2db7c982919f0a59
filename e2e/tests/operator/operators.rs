//! Several operators, and what is taken from under them.

use std::time::Duration;

use serde_json::json;

use crate::process::Operator;
use crate::scene::{self, HOME, Scene, agent, counts};

const SOON: Duration = Duration::from_secs(5);

fn runs(scene: &Scene, trace: &str) -> bool {
    scene.status(trace)["phase"] == "Running"
}

pub fn another_acts_when_one_is_gone(scene: &Scene) {
    let one = Operator::acting(scene, &[]);
    let other = Operator::start(scene, "operator-b", 18_081, &[]);
    scene.trace("t", json!({}));
    scene.within(SOON, "it runs", || runs(scene, "t"));
    assert_eq!(other.metric("leader"), 0.0);
    assert_eq!(other.metric("status_writes_total"), 0.0);
    one.kill();
    scene.trace("u", json!({}));
    scene.within(Duration::from_secs(25), "the other acts", || {
        runs(scene, "u")
    });
    assert_eq!(other.metric("leader"), 1.0);

    // One that ends as it should leaves the Lease.
    let lease = scene.namespace.clone();
    drop(other);
    let path = "jsonpath={.spec.holderIdentity}";
    let holder = ["get", "lease", &lease, "--namespace", HOME, "-o", path];
    assert_eq!(scene.cluster().kubectl(&holder).unwrap(), "");
}

pub fn two_that_act_at_once_do_no_harm(scene: &Scene) {
    let both = ["--leader-elect=false"];
    let one = Operator::acting(scene, &both);
    let other = Operator::start(scene, "operator-b", 18_081, &both);
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "short"}});
    let delivered = |trace: &str| scene.status(trace)["events"]["delivered"].clone();
    let traces: Vec<_> = (0..10).map(|number| format!("t-{number}")).collect();
    scene.apply_in(HOME, &node);
    scene.apply_in(HOME, &agent("agent-3", "short"));
    for trace in &traces {
        scene.trace(trace, json!({}));
        scene.report(trace, "node-1", json!({"events": counts(10, 0)}));
        scene.report(trace, "short", json!({"events": counts(5, 0)}));
    }
    scene.until("all are counted", || {
        traces.iter().all(|trace| delivered(trace) == 15)
    });
    scene.kubectl(&["delete", "node", "short"]).unwrap();
    let gone = ["delete", "pod", "agent-3", "--namespace", HOME, "--force"];
    scene.cluster().kubectl(&gone).unwrap();
    scene.until("the reports of the node are gone", || {
        scene.reports().len() == traces.len()
    });
    for trace in &traces {
        scene.report(trace, "node-1", json!({"events": counts(11, 0)}));
    }
    scene.until("each is counted once", || {
        traces.iter().all(|trace| delivered(trace) == 16)
    });
    for operator in [&one, &other] {
        assert_eq!(operator.metric("write_errors_total"), 0.0);
    }
    let started = traces.iter().map(|trace| scene.events(trace));
    assert!(
        started.clone().all(|events| events == ["Started"]),
        "{started:?}"
    );
}

pub fn a_lease_that_is_deleted_is_made_again(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    let lease = ["lease", &scene.namespace, "--namespace", HOME];
    scene
        .cluster()
        .kubectl(&[&["delete"], &lease[..]].concat())
        .unwrap();
    operator.until("it is there", |_| {
        scene
            .cluster()
            .kubectl(&[&["get"], &lease[..]].concat())
            .is_ok()
    });
    operator.until("it acts", |operator| operator.metric("leader") == 1.0);
    scene.trace("t", json!({}));
    scene.within(SOON, "it runs", || runs(scene, "t"));
}

pub fn definitions_may_go_and_come_back(scene: &Scene) {
    let operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({}));
    scene.until("it runs", || runs(scene, "t"));
    let names = ["traces", "clustertraces", "tracereports"];
    let names = names.map(|name| format!("{name}.traceherd.dev"));
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    scene
        .kubectl(&[&["delete", "crd"], &names[..]].concat())
        .unwrap();
    std::thread::sleep(Duration::from_secs(8));
    // Once for each watch, after the two lines of its start.
    let log = operator.log();
    assert!(log.len() <= 5, "{log:#?}");
    assert!(operator.is_running());
    scene::define(scene.cluster());
    scene.trace("t", json!({}));
    scene.within(Duration::from_secs(15), "it runs again", || {
        runs(scene, "t")
    });
}
