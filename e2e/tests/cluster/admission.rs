//! Who writes reports and statuses. In these namespaces every account in question is permitted
//! everything by RBAC: what is refused is refused by the admission policies.

use serde_json::{Value, json};

use crate::identity::{AGENT, Identity, OPERATOR, RELEASE};
use crate::scene::Scene;

/// A node that no agent runs on. Its name is long: with a long trace's, too long for a report's.
const OTHER: &str = concat!(
    "admission-other",
    ".a-part-of-a-name-may-be-as-long-as-this-which-is-sixty-three-b",
    ".a-part-of-a-name-may-be-as-long-as-this-which-is-sixty-three-b",
    ".a-part-of-a-name-may-be-as-long-as-this-which-is-sixty-three-b"
);

/// Lets the account do all it likes with Traceherd's resources in the scene's namespace.
fn permit(scene: &Scene, namespace: &str, account: &str) {
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": account},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "all"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "all"},
        "rules": [{"apiGroups": ["traceherd.dev"], "resources": ["*"], "verbs": ["*"]}]});
    scene.apply(&format!("{role}\n---\n{binding}")).unwrap();
}

/// The only node that is real.
fn node(scene: &Scene) -> String {
    let name = "jsonpath={.items[0].spec.nodeName}";
    let of_agents = "app.kubernetes.io/component=agent";
    scene
        .kubectl(&["get", "pods", "-n", RELEASE, "-l", of_agents, "-o", name])
        .unwrap()
}

/// A trace that no agent has anything to say about; its uid.
fn suspended_trace(scene: &Scene, name: &str) -> String {
    let trace = json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace",
        "metadata": {"name": name}, "spec": {"gadget": "exec", "suspend": true}});
    scene.apply(&trace.to_string()).unwrap();
    let trace = scene.get("traces", name).unwrap();
    trace["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// A node for the time being, which the agents' DaemonSet leaves alone.
struct OtherNode<'s>(&'s Scene);

impl<'s> OtherNode<'s> {
    fn made(scene: &'s Scene) -> Self {
        let labels = json!({"kubernetes.io/os": "windows"});
        let node = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": OTHER, "labels": labels}, "spec": {"unschedulable": true}});
        scene.apply(&node.to_string()).unwrap();
        Self(scene)
    }
}

impl Drop for OtherNode<'_> {
    fn drop(&mut self) {
        let _ = self.0.kubectl(&["delete", "node", OTHER, "--wait=false"]);
    }
}

fn report(name: &str, trace: &str, uid: &str, node: &str) -> Value {
    json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "TraceReport",
        "metadata": {"name": name,
            "ownerReferences": [{"apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace", "name": trace, "uid": uid}]},
        "spec": {"traceRef": {"kind": "Trace", "name": trace, "uid": uid}, "nodeName": node}})
}

fn refused(attempt: &str, outcome: Result<String, String>, because: &str) {
    let said = outcome.expect_err(attempt);
    assert!(
        said.contains("ValidatingAdmissionPolicy") && said.contains(because),
        "{attempt}: {said}"
    );
}

fn allowed(attempt: &str, outcome: Result<String, String>) {
    outcome.unwrap_or_else(|said| panic!("{attempt}: {said}"));
}

/// Every forgery, and beside each what is rightly done.
pub fn reports_are_of_the_agents_own_node(scene: &Scene) {
    let node = &node(scene);
    let _other = OtherNode::made(scene);
    let uid = &suspended_trace(scene, "t");
    permit(scene, RELEASE, AGENT);
    permit(scene, RELEASE, OPERATOR);
    scene.kubectl(&["create", "serviceaccount", "ada"]).unwrap();
    permit(scene, &scene.namespace, "ada");
    let agent = Identity::agent_on(scene, node);
    let elsewhere = Identity::agent_on(scene, OTHER);
    let nowhere = Identity::of(scene, RELEASE, AGENT, &[]);
    let operator = Identity::of(scene, RELEASE, OPERATOR, &[]);
    let ada = Identity::of(scene, &scene.namespace, "ada", &[]);

    let own_name = format!("trace.t.{node}");
    let other_name = format!("trace.t.{OTHER}");
    let own = report(&own_name, "t", uid, node);
    let others = report(&other_name, "t", uid, OTHER);
    let create = |who: &Identity, report: &Value| who.would_create(scene, report);
    allowed("its own", create(&agent, &own));
    allowed("the other's own", create(&elsewhere, &others));
    refused(
        "another node's",
        create(&agent, &others),
        "is of node admission-other",
    );
    let squatted = report(&other_name, "t", uid, node);
    refused(
        "a squatted name",
        create(&agent, &squatted),
        "must be called",
    );
    let squatted = report(&own_name, "u", uid, node);
    refused(
        "another trace's name",
        create(&agent, &squatted),
        "must be called",
    );
    let mut kept = own.clone();
    kept["metadata"]["finalizers"] = json!(["example.org/kept"]);
    refused("a finalizer", create(&agent, &kept), "no finalizers");
    // `report_name` replaces the end of a name that is too long by a hash.
    let long = "t".repeat(63);
    let whole = format!("trace.{long}.{OTHER}");
    let cut = |name: &str| format!("{}-0123456789abcdef", &name[..235]);
    let shortened = report(&cut(&whole), &long, uid, OTHER);
    allowed("a long name, cut", create(&elsewhere, &shortened));
    let squatted = report(&cut(&whole.replace("ttt.", "uuu.")), &long, uid, OTHER);
    refused(
        "another's long name",
        create(&elsewhere, &squatted),
        "must be called",
    );
    refused("no node claim", create(&nowhere, &own), "must say its node");
    refused("by the operator", create(&operator, &own), "nobody else");
    refused("by a namespace's admin", create(&ada, &own), "nobody else");

    // Made by the administrator, who may do everything to everything.
    scene.apply(&format!("{own}\n---\n{others}")).unwrap();
    let own = format!("tracereport/{own_name}");
    let others = format!("tracereport/{other_name}");
    let status = json!({"epoch": "forged/1", "containers": 7});
    let write = |who: &Identity, report: &str| who.would_write_status(scene, report, &status);
    allowed("its own status", write(&agent, &own));
    refused(
        "another node's status",
        write(&agent, &others),
        "is of node admission-other",
    );
    refused(
        "a status, no node claim",
        write(&nowhere, &own),
        "must say its node",
    );
    refused(
        "a status by the operator",
        write(&operator, &own),
        "nobody else",
    );
    refused(
        "a status by a namespace's admin",
        write(&ada, &own),
        "nobody else",
    );
    let finalizer = r#"{"metadata":{"finalizers":["example.org/kept"]}}"#;
    let keep = [
        "patch",
        &own,
        "--type=merge",
        "--dry-run=server",
        "-p",
        finalizer,
    ];
    refused(
        "a finalizer, later",
        agent.kubectl(scene, &keep),
        "no finalizers",
    );

    let delete = |who: &Identity, report: &str| who.would_delete(scene, report);
    allowed("deleted by the operator", delete(&operator, &others));
    refused("its own deleted", delete(&agent, &own), "deletes no report");
    refused(
        "another node's deleted",
        delete(&agent, &others),
        "deletes no report",
    );
    refused(
        "deleted by a namespace's admin",
        delete(&ada, &own),
        "nobody else",
    );
}

/// The token of an agent's own pod says the node that the pod is on.
pub fn an_agents_pod_says_its_node(scene: &Scene) {
    let node = &node(scene);
    let uid = &suspended_trace(scene, "t");
    let of_agents = "app.kubernetes.io/component=agent";
    let name = "jsonpath={.items[0].metadata.name}";
    let pod = scene
        .kubectl(&["get", "pods", "-n", RELEASE, "-l", of_agents, "-o", name])
        .unwrap();
    let bound = ["--bound-object-kind", "Pod", "--bound-object-name", &pod];
    let agent = Identity::of(scene, RELEASE, AGENT, &bound);
    let own = report(&format!("trace.t.{node}"), "t", uid, node);
    allowed("its own", agent.would_create(scene, &own));
    let others = report("trace.t.other", "t", uid, "other");
    refused(
        "another's",
        agent.would_create(scene, &others),
        "is of node other",
    );
}

pub fn statuses_are_the_operators(scene: &Scene) {
    suspended_trace(scene, "t");
    scene.kubectl(&["create", "serviceaccount", "ada"]).unwrap();
    permit(scene, &scene.namespace, "ada");
    permit(scene, RELEASE, AGENT);
    permit(scene, RELEASE, OPERATOR);
    let node = node(scene);
    let status = json!({"phase": "Completed"});
    let write = |who: &Identity| who.would_write_status(scene, "trace/t", &status);
    allowed(
        "by the operator",
        write(&Identity::of(scene, RELEASE, OPERATOR, &[])),
    );
    refused(
        "by an agent",
        write(&Identity::agent_on(scene, &node)),
        "nobody else",
    );
    let ada = Identity::of(scene, &scene.namespace, "ada", &[]);
    refused("by a namespace's admin", write(&ada), "nobody else");
    // The spec is hers.
    let patch = r#"{"spec":{"statusEvents":3}}"#;
    let edit = [
        "patch",
        "trace/t",
        "--type=merge",
        "--dry-run=server",
        "-p",
        patch,
    ];
    allowed("the spec", ada.kubectl(scene, &edit));
}

/// Kubernetes' own controllers delete what they must.
pub fn reports_go_with_their_trace_and_their_namespace(scene: &Scene) {
    let node = &node(scene);
    let uid = &suspended_trace(scene, "t");
    let name = format!("trace.t.{node}");
    scene
        .apply(&report(&name, "t", uid, node).to_string())
        .unwrap();
    scene.kubectl(&["delete", "trace", "t"]).unwrap();
    scene.until("the report goes with the trace", || {
        scene.get("tracereports", &name).is_none()
    });

    let other = &format!("{}-b", scene.namespace);
    scene.make_namespace(other);
    let orphan = report("trace.gone.node", "gone", "u", "node");
    scene.apply_in(other, &orphan.to_string()).unwrap();
    let deleted = scene.kubectl(&["delete", "namespace", other, "--timeout=60s"]);
    allowed("the namespace goes with its reports", deleted);
}
