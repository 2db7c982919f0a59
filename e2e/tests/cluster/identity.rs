//! Somebody else than the administrator, known to the API server by a token.

use std::io::Write;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::scene::Scene;

/// The namespace and the name of the release.
pub const RELEASE: &str = "traceherd";

pub const AGENT: &str = "traceherd-agent";
pub const OPERATOR: &str = "traceherd-operator";
/// Of `helm test`.
pub const CHECK: &str = "traceherd-check";

/// A kubeconfig with a service account's token.
pub struct Identity {
    kubeconfig: NamedTempFile,
}

impl Identity {
    /// The account `name` of `namespace`; `bound` are further arguments of `kubectl create token`.
    pub fn of(scene: &Scene, namespace: &str, name: &str, bound: &[&str]) -> Self {
        let token = ["create", "token", name, "--namespace", namespace];
        let token = scene.kubectl(&[&token, bound].concat()).unwrap();
        let config = scene
            .kubectl(&["config", "view", "--raw", "-o", "json"])
            .unwrap();
        let mut config: Value = serde_json::from_str(&config).unwrap();
        config["users"][0]["user"] = json!({"token": token.trim()});
        let mut kubeconfig = NamedTempFile::new().unwrap();
        kubeconfig.write_all(config.to_string().as_bytes()).unwrap();
        Self { kubeconfig }
    }

    /// The agents' account, with a token that says a node.
    pub fn agent_on(scene: &Scene, node: &str) -> Self {
        let bound = ["--bound-object-kind", "Node", "--bound-object-name", node];
        Self::of(scene, RELEASE, AGENT, &bound)
    }

    /// kubectl as this one, in the scene's namespace.
    pub fn kubectl(&self, scene: &Scene, args: &[&str]) -> Result<String, String> {
        let kubeconfig = self.kubeconfig.path().to_string_lossy();
        scene.kubectl(&[&["--kubeconfig", &kubeconfig], args].concat())
    }

    /// Whether it may create this; nothing is created.
    pub fn would_create(&self, scene: &Scene, manifest: &Value) -> Result<String, String> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(manifest.to_string().as_bytes()).unwrap();
        let file = file.path().to_string_lossy();
        self.kubectl(scene, &["create", "--dry-run=server", "-f", &file])
    }

    /// Whether it may change this object's status; nothing is changed.
    pub fn would_write_status(
        &self,
        scene: &Scene,
        object: &str,
        status: &Value,
    ) -> Result<String, String> {
        let patch = json!({ "status": status }).to_string();
        let arguments = ["--subresource=status", "--type=merge", "--dry-run=server"];
        self.kubectl(
            scene,
            &[&["patch", object, "-p", &patch], &arguments[..]].concat(),
        )
    }

    /// Whether it may delete this object; nothing is deleted.
    pub fn would_delete(&self, scene: &Scene, object: &str) -> Result<String, String> {
        self.kubectl(scene, &["delete", object, "--dry-run=server"])
    }
}
