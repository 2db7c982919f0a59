//! A namespace for one case, and what a case says and looks at there.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use traceherd_e2e::{Cluster, never, within};

/// Traceherd's own namespace.
pub const HOME: &str = "traceherd";

/// How long anything may take on a slow machine. What must be quick is measured by its case.
const PATIENCE: Duration = Duration::from_secs(60);

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

    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// A program in the node's namespaces.
    pub fn on_node(&self, program: &str, args: &[&str]) -> Command {
        self.cluster.command(program, args)
    }

    /// kubectl in the namespace; what it printed, or what it complained of.
    pub fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        self.cluster.kubectl_in(&self.namespace, args)
    }

    pub fn apply_in(&self, namespace: &str, manifest: &Value) {
        self.cluster
            .apply(namespace, &manifest.to_string())
            .unwrap();
    }

    /// Applies a Trace with this spec, besides its gadget.
    pub fn trace(&self, name: &str, spec: Value) {
        self.apply_in(&self.namespace, &trace("Trace", name, spec));
    }

    pub fn get(&self, resource: &str, name: &str) -> Value {
        let found = self.cluster.get(&self.namespace, resource, name);
        found.unwrap_or_default()
    }

    pub fn status(&self, trace: &str) -> Value {
        self.get("traces.traceherd.dev", trace)["status"].clone()
    }

    /// A condition's status and reason.
    pub fn condition(&self, trace: &str, name: &str) -> (String, String) {
        let status = self.status(trace);
        let mut all = status["conditions"].as_array().into_iter().flatten();
        let found = all.find(|one| one["type"] == name);
        let found = found.cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&found["status"]), text(&found["reason"]))
    }

    /// The reasons of the Events about a trace, each as often as it was told, in order of the
    /// alphabet.
    pub fn events(&self, trace: &str) -> Vec<String> {
        let about = format!("regarding.name={trace}");
        let path = "{range .items[*]}{.reason}{\"\\n\"}{end}";
        let path = format!("jsonpath={path}");
        let args = [
            "get",
            "events.events.k8s.io",
            "--field-selector",
            &about,
            "-o",
            &path,
        ];
        let text = self.kubectl(&args).unwrap();
        let mut reasons: Vec<_> = text.lines().map(str::to_owned).collect();
        reasons.sort();
        reasons
    }

    /// Has a node say this about a trace of the namespace.
    pub fn report(&self, trace: &str, node: &str, status: Value) {
        let about = self.get("traces.traceherd.dev", trace);
        let uid = about["metadata"]["uid"].as_str().unwrap();
        let name = format!("trace.{trace}.{node}");
        let report = report(&name, ("Trace", trace, uid), node);
        self.say(&self.namespace, &report, &about, status);
    }

    /// Writes a report; what `status` does not say is as a node would say it that follows `about`.
    pub fn say(&self, namespace: &str, report: &Value, about: &Value, status: Value) {
        let mut all = json!({"observedGeneration": about["metadata"]["generation"],
            "phase": "Running", "run": about["spec"]["run"]});
        let said = status.as_object().cloned().unwrap_or_default();
        all.as_object_mut().unwrap().extend(said);
        let name = report["metadata"]["name"].as_str().unwrap();
        self.apply_in(namespace, report);
        let patch = json!({"status": all}).to_string();
        let args = ["patch", "tracereport", name, "--namespace", namespace];
        let how = ["--subresource=status", "--type=merge", "--patch", &patch];
        self.cluster.kubectl(&[&args[..], &how].concat()).unwrap();
    }

    pub fn reports(&self) -> Vec<String> {
        let args = ["get", "tracereports", "-o", "name"];
        let names = self.kubectl(&args).unwrap();
        names.lines().map(str::to_owned).collect()
    }

    /// Waits for what must come true; says what did not, with what is there.
    pub fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        self.within(PATIENCE, what, holds);
    }

    /// Waits for what must come true in this time.
    pub fn within(&self, patience: Duration, what: &str, holds: impl FnMut() -> bool) {
        let shown = || self.kubectl(&["get", "traces,tracereports", "-o", "yaml"]);
        within(patience, what, holds, || shown().unwrap_or_default());
    }

    /// What must not come true in this time.
    pub fn never(&self, time: Duration, what: &str, holds: impl FnMut() -> bool) {
        never(time, what, holds);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self
            .cluster
            .kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// Applies the definitions, and waits until they are served.
pub fn define(cluster: &Cluster) {
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds");
    let established = ["wait", "--for=condition=Established", "crd", "--all"];
    cluster.kubectl(&["apply", "-f", crds]).unwrap();
    cluster
        .kubectl(&[&established[..], &["--timeout=30s"]].concat())
        .unwrap();
}

/// A pod that only looks like an agent's.
pub fn agent(name: &str, node: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {
        "app.kubernetes.io/name": "traceherd", "app.kubernetes.io/component": "agent"}},
        "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [{
            "name": "agent", "image": "localhost/busybox:1", "imagePullPolicy": "Never",
            "command": ["sleep", "100000"]}]}})
}

pub fn trace(kind: &str, name: &str, mut spec: Value) -> Value {
    spec["gadget"] = json!("exec");
    json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": kind, "metadata": {"name": name},
        "spec": spec})
}

/// A report about a kind, name and uid.
pub fn report(name: &str, (kind, trace, uid): (&str, &str, &str), node: &str) -> Value {
    let owner = json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": kind, "name": trace,
        "uid": uid});
    json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "TraceReport",
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {"traceRef": {"kind": kind, "name": trace, "uid": uid}, "nodeName": node}})
}

/// Counts of events that were all delivered but for the lost ones.
pub fn counts(delivered: u64, lost: u64) -> Value {
    json!({"observed": delivered + lost, "delivered": delivered, "filtered": 0, "suppressed": 0,
        "lost": lost})
}
