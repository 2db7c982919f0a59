//! A namespace for one case, and what a case looks at.

use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use traceherd_e2e::Cluster;

/// How long anything may take on a slow machine. What must be quick is measured by its case.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// The namespace of one case. It is deleted at the end, without waiting.
pub struct Scene {
    cluster: Arc<Cluster>,
    pub namespace: String,
}

impl Scene {
    pub fn new(cluster: Arc<Cluster>, name: &str) -> Self {
        cluster.kubectl(&["create", "namespace", name]).unwrap();
        Self {
            cluster,
            namespace: name.to_owned(),
        }
    }

    /// kubectl in the namespace; what it printed, or what it complained of.
    pub fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(args);
        self.cluster
            .kubectl(&all)
            .map_err(|error| error.to_string())
    }

    /// Applies manifests, in the namespace where they say none.
    pub fn apply(&self, manifests: &str) -> Result<String, String> {
        self.apply_in(&self.namespace, manifests)
    }

    /// Applies manifests in another namespace.
    pub fn apply_in(&self, namespace: &str, manifests: &str) -> Result<String, String> {
        let applied = self.cluster.apply(namespace, manifests);
        applied.map_err(|error| error.to_string())
    }

    /// A pod whose only container runs `script` in busybox.
    pub fn pod(&self, name: &str, container: &str, script: &str) {
        self.apply(&pod(name, container, script)).unwrap();
    }

    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        let text = self.kubectl(&["get", resource, name, "-o", "json"]).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn status(&self, trace: &str) -> Value {
        let trace = self.get("traces.traceherd.dev", trace).unwrap_or_default();
        trace["status"].clone()
    }

    pub fn wait_for_pod(&self, name: &str, phase: &str) {
        self.until(&format!("pod {name} is {phase}"), || {
            self.get("pod", name)
                .is_some_and(|pod| pod["status"]["phase"] == phase)
        });
    }

    /// Waits for what must come true; says what did not, with what is there.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if start.elapsed() > PATIENCE {
                let shown = self.kubectl(&["get", "pods,traces", "-o", "wide"]);
                panic!(
                    "not within {PATIENCE:?}: {what}\n{}",
                    shown.unwrap_or_default()
                );
            }
            sleep(LOOK);
        }
    }

    /// A program in the node's namespaces.
    pub fn on_node(&self, program: &str, args: &[&str]) -> Command {
        self.cluster.command(program, args)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self
            .cluster
            .kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// The manifest of a pod that runs `script`.
pub fn pod(name: &str, container: &str, script: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, spec: {{restartPolicy: Never, \
         terminationGracePeriodSeconds: 0, containers: [{{name: {container}, image: 'localhost/busybox:1', \
         imagePullPolicy: Never, command: [sh, -c, {}]}}]}}}}",
        Value::String(script.to_owned())
    )
}

/// The manifest of a trace with these further lines in its spec.
pub fn trace(name: &str, lines: &str) -> String {
    format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: {name}\nspec:\n  gadget: exec\n{lines}"
    )
}
