//! A namespace for one case, and what a case looks at.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use traceherd_e2e::{Cluster, never, within};

use crate::identity::RELEASE;
use crate::manifests::{pod, trace};
use crate::stage::Stage;

/// How long anything may take on a slow machine. What must be quick is measured by its case.
const PATIENCE: Duration = Duration::from_secs(120);

/// The namespace of one case. It is deleted at the end, without waiting.
pub struct Scene {
    pub stage: Arc<Stage>,
    pub namespace: String,
}

impl Scene {
    pub fn new(stage: Arc<Stage>, name: &str) -> Self {
        let scene = Self {
            stage,
            namespace: name.to_owned(),
        };
        scene.make_namespace(name);
        scene
    }

    /// A namespace in which pods can be made.
    pub fn make_namespace(&self, name: &str) {
        self.kubectl(&["create", "namespace", name]).unwrap();
        let account = ["get", "serviceaccount", "default"];
        self.until(&format!("{name} has its service account"), || {
            self.kubectl_in(name, &account).is_ok()
        });
    }

    pub fn cluster(&self) -> &Cluster {
        &self.stage.cluster
    }

    /// kubectl in the namespace; what it printed, or what it complained of.
    pub fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        self.kubectl_in(&self.namespace, args)
    }

    pub fn kubectl_in(&self, namespace: &str, args: &[&str]) -> Result<String, String> {
        self.cluster().kubectl_in(namespace, args)
    }

    /// Applies manifests, in the namespace where they say none.
    pub fn apply(&self, manifests: &str) -> Result<String, String> {
        self.apply_in(&self.namespace, manifests)
    }

    /// Applies manifests in another namespace.
    pub fn apply_in(&self, namespace: &str, manifests: &str) -> Result<String, String> {
        let applied = self.cluster().apply(namespace, manifests);
        applied.map_err(|error| error.to_string())
    }

    /// A pod whose only container runs `script` in busybox.
    pub fn pod(&self, name: &str, container: &str, script: &str) {
        self.apply(&pod(name, container, script)).unwrap();
    }

    /// Executes a program in a pod of the namespace, once.
    pub fn exec(&self, pod: &str, program: &[&str]) {
        self.kubectl(&[&["exec", pod, "--"], program].concat())
            .unwrap();
    }

    /// Applies a Trace with these further lines in its spec.
    pub fn trace(&self, name: &str, lines: &str) {
        self.apply(&trace(name, lines)).unwrap();
    }

    /// Applies a Trace and waits until the operator has taken this very spec.
    pub fn accepted(&self, name: &str, lines: &str) {
        self.trace(name, lines);
        self.until(&format!("{name} is accepted"), || self.is_ready(name));
    }

    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.cluster().get(&self.namespace, resource, name)
    }

    /// All of a kind, in the namespace.
    pub fn list(&self, resource: &str) -> Vec<Value> {
        self.list_in(&self.namespace, resource)
    }

    pub fn list_in(&self, namespace: &str, resource: &str) -> Vec<Value> {
        self.cluster().list(namespace, resource)
    }

    pub fn status(&self, trace: &str) -> Value {
        let trace = self.get("traces.traceherd.dev", trace).unwrap_or_default();
        trace["status"].clone()
    }

    /// A condition of a Trace, null when it is not there.
    pub fn condition(&self, trace: &str, name: &str) -> Value {
        condition(&self.status(trace), name)
    }

    /// Whether the status says Ready of the spec as it is now.
    pub fn is_ready(&self, name: &str) -> bool {
        let trace = self.get("traces.traceherd.dev", name).unwrap_or_default();
        trace["status"]["observedGeneration"] == trace["metadata"]["generation"]
            && condition(&trace["status"], "Ready")["status"] == "True"
    }

    /// The report of a node about a Trace of the namespace.
    pub fn report(&self, trace: &str, node: &str) -> Option<Value> {
        self.get("tracereports", &format!("trace.{trace}.{node}"))
    }

    /// What the agents' logs have of a Trace of the namespace.
    pub fn logged(&self, trace: &str) -> Vec<Value> {
        self.logged_as("Trace", &format!("{}/{trace}", self.namespace))
    }

    /// What the agents' logs have of a trace of either kind.
    pub fn logged_as(&self, kind: &str, name: &str) -> Vec<Value> {
        let mut log = self.stage.log.lock().unwrap();
        let lines = log.events(kind, name);
        lines.iter().map(|line| line.value.clone()).collect()
    }

    /// Of these events, those that executed `echo WORD`.
    pub fn echoed(&self, trace: &str, word: &str) -> Vec<Value> {
        echoes(self.logged(trace), word)
    }

    pub fn wait_for_pod(&self, name: &str, phase: &str) {
        self.wait_for_pod_in(&self.namespace, name, phase);
    }

    pub fn wait_for_pod_in(&self, namespace: &str, name: &str, phase: &str) {
        self.until(&format!("pod {name} is {phase}"), || {
            let pod = self.cluster().get(namespace, "pod", name);
            pod.is_some_and(|pod| pod["status"]["phase"] == phase)
        });
    }

    /// The agents' pods, those too that are about to end.
    pub fn agents(&self) -> Vec<Value> {
        let mut pods = self.list_in(RELEASE, "pods");
        pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "agent");
        pods
    }

    /// Waits for what must come true; says what did not, with what is there.
    pub fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        self.within(PATIENCE, what, holds);
    }

    /// Waits for what must come true in this time.
    pub fn within(&self, patience: Duration, what: &str, holds: impl FnMut() -> bool) {
        within(patience, what, holds, || {
            let shown = self.kubectl(&["get", "traces,tracereports", "-o", "yaml"]);
            shown.unwrap_or_default() + &self.stage.told()
        });
    }

    /// Looks for a while at what must not come true.
    pub fn never(&self, during: Duration, what: &str, holds: impl FnMut() -> bool) {
        never(during, what, holds);
    }

    /// A program in the node's namespaces.
    pub fn on_node(&self, program: &str, args: &[&str]) -> Command {
        self.cluster().command(program, args)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// Runs a case that leaves the release otherwise than others expect it, and what puts that right,
/// whatever happened.
pub fn restoring(restore: impl FnOnce(), case: impl FnOnce()) {
    let ran = catch_unwind(AssertUnwindSafe(case));
    restore();
    if let Err(panic) = ran {
        resume_unwind(panic);
    }
}

/// A condition in a status, null when it is not there.
pub fn condition(status: &Value, name: &str) -> Value {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let mut named = conditions.filter(|condition| condition["type"] == name);
    named.next().cloned().unwrap_or_default()
}

/// Of these events, those that executed `echo WORD`.
pub fn echoes(events: Vec<Value>, word: &str) -> Vec<Value> {
    let wanted = json!(["/bin/echo", word]);
    let mut events = events;
    events.retain(|event| event["args"] == wanted);
    events
}
