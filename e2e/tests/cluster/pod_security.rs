//! Which level of Pod Security the release's pods need.

use serde_json::{Value, json};

use crate::identity::{AGENT, OPERATOR, RELEASE};
use crate::scene::Scene;

/// A pod as this workload makes them, but nobody's.
fn pod_of(scene: &Scene, kind: &str, name: &str) -> String {
    let workload = scene.kubectl_in(RELEASE, &["get", kind, name, "-o", "json"]);
    let workload: Value = serde_json::from_str(&workload.unwrap()).unwrap();
    let mut spec = workload["spec"]["template"]["spec"].clone();
    let members = spec.as_object_mut().unwrap();
    // The account is the release's namespace's.
    members.retain(|key, _| !key.starts_with("serviceAccount"));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// The operator's fit the strictest level; agents need the one that forbids nothing.
pub fn only_agents_need_a_privileged_namespace(scene: &Scene) {
    let enforce = |level: &str| {
        let label = format!("pod-security.kubernetes.io/enforce={level}");
        let namespace = &scene.namespace;
        let set = ["label", "namespace", namespace, "--overwrite", &label];
        scene.kubectl(&set).unwrap();
    };
    let agents = pod_of(scene, "daemonset", AGENT);
    enforce("restricted");
    scene.apply(&pod_of(scene, "deployment", OPERATOR)).unwrap();
    enforce("baseline");
    let refused = scene.apply(&agents).unwrap_err();
    assert!(refused.contains("PodSecurity \"baseline"), "{refused}");
    for named in ["BPF", "PERFMON", "hostPath"] {
        assert!(refused.contains(named), "{named}: {refused}");
    }
    for not_asked_for in ["hostPID", "host namespaces", "privileged container"] {
        assert!(!refused.contains(not_asked_for), "{refused}");
    }
    enforce("privileged");
    scene.apply(&agents).unwrap();
}
