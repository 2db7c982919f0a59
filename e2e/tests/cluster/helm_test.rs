//! `helm test`, which tells who has installed the release whether it works.

use std::process::{Command, Output, Stdio};

use crate::identity::{AGENT, CHECK, RELEASE};
use crate::permissions;
use crate::scene::{Scene, restoring};

fn helm_test(scene: &Scene) -> Command {
    let mut command = scene.on_node("helm", &["test", RELEASE, "-n", RELEASE]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

pub fn it_tells_whether_the_release_works(scene: &Scene) {
    restoring(|| keep_agents_off(scene, false), || without_agents(scene));
    let output = helm_test(scene).output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Phase:          Succeeded"), "{said}");
    // Of what the test needed nothing stays.
    for object in ["pod", "serviceaccount", "role", "rolebinding"] {
        let left = scene.kubectl_in(RELEASE, &["get", object, CHECK]);
        assert!(left.is_err(), "{object}: {left:?}");
    }
    assert!(scene.list_in(RELEASE, "traces").is_empty());
}

/// It fails, and its pod's log says why.
fn without_agents(scene: &Scene) {
    keep_agents_off(scene, true);
    let test = helm_test(scene).spawn().unwrap();
    scene.wait_for_pod_in(RELEASE, CHECK, "Running");
    // The role is there as long as the test runs.
    permissions::of_the_check(scene);
    let output = test.wait_with_output().unwrap();
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("pod traceherd-check failed"), "{said}");
    let log = scene.kubectl_in(RELEASE, &["logs", CHECK]).unwrap();
    assert!(
        log.contains("no node has an agent: look at the DaemonSet"),
        "{log}"
    );
}

/// By a label that no node has.
fn keep_agents_off(scene: &Scene, off: bool) {
    let label = if off { "\"yes\"" } else { "null" };
    let patch =
        format!(r#"{{"spec":{{"template":{{"spec":{{"nodeSelector":{{"nowhere":{label}}}}}}}}}}}"#);
    let args = ["patch", "daemonset", AGENT, "-p", &patch];
    scene.kubectl_in(RELEASE, &args).unwrap();
    scene.until("the agents come and go", || {
        scene.agents().len() == usize::from(!off)
    });
    let rollout = ["rollout", "status", "daemonset", AGENT, "--timeout=90s"];
    scene.kubectl_in(RELEASE, &rollout).unwrap();
}
