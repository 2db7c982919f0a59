//! An OCI bundle's `config.json`, which may come from anybody.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::annotations::{self, Words};
use crate::container::Runtime;
use crate::facts::{Facts, Source};

/// The part of the OCI runtime spec that tells who a container is. Go writes an empty map as null.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Spec {
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
struct Linux {
    #[serde(default, rename = "cgroupsPath")]
    cgroups_path: Option<String>,
}

impl Spec {
    /// From the bytes of a `config.json`, or of the spec that containerd keeps.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// `linux.cgroupsPath`; empty where the spec has none.
    pub(crate) fn cgroups_path(&self) -> String {
        self.linux
            .as_ref()
            .and_then(|linux| linux.cgroups_path.clone())
            .unwrap_or_default()
    }

    /// The spec's annotations.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.clone().unwrap_or_default()
    }

    /// What a bundle at `bundle` says of the container `id`.
    pub(crate) fn facts(&self, origin: Source, id: &str, bundle: &str) -> Facts {
        let mut facts = annotated(origin, id, self.annotations(), bundle);
        facts.cgroup_path = Some(self.cgroups_path());
        facts
    }
}

/// What annotations and the bundle's place say of the container `id`.
pub(crate) fn annotated(
    origin: Source,
    id: &str,
    labels: BTreeMap<String, String>,
    bundle: &str,
) -> Facts {
    let (runtime, namespace) = annotations::runtime(&labels, bundle);
    let words = Words::of(runtime);
    let sandbox = annotations::annotated_sandbox(&labels, words);
    let mut facts = Facts::new(origin, id);
    facts.name = match runtime {
        // These know a name that stands in no annotation.
        Runtime::Docker | Runtime::Podman => None,
        Runtime::Crio => annotations::container_name(&labels, words),
        Runtime::Containerd | Runtime::Runc => annotations::container_name(&labels, words)
            .or_else(|| annotations::nerdctl_name(&labels))
            .or_else(|| Some(id.to_owned())),
    };
    facts.runtime = Some(runtime);
    facts.runtime_namespace = namespace;
    facts.image = annotations::image(&labels, words);
    facts.pod = annotations::pod(&labels, words, sandbox);
    facts.sandbox = sandbox;
    facts.labels = labels;
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_bundle_tells_pod_name_and_image() {
        let spec = Spec::parse(
            br#"{"ociVersion":"1.0.2","linux":{"cgroupsPath":"/kubepods/besteffort/podu1/abc"},
            "annotations":{"io.kubernetes.cri.container-name":"web","io.kubernetes.cri.container-type":"container",
            "io.kubernetes.cri.sandbox-name":"cart-0","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-uid":"u1","io.kubernetes.cri.image-name":"docker.io/library/nginx:1.25"}}"#,
        )
        .unwrap();
        let bundle = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/abc";
        let facts = spec.facts(Source::Oci, "abc", bundle);
        assert_eq!(facts.name.as_deref(), Some("web"));
        assert_eq!(facts.runtime, Some(Runtime::Containerd));
        assert_eq!(facts.runtime_namespace.as_deref(), Some("k8s.io"));
        assert_eq!(
            facts.cgroup_path.as_deref(),
            Some("/kubepods/besteffort/podu1/abc")
        );
        assert_eq!(facts.image.unwrap().name, "docker.io/library/nginx:1.25");
        let pod = facts.pod.unwrap();
        assert_eq!(
            (pod.namespace.as_str(), pod.name.as_str()),
            ("shop", "cart-0")
        );
        assert!(!facts.sandbox);
    }

    #[test]
    fn a_name_is_told_only_where_the_bundle_knows_it() {
        let task = "/run/containerd/io.containerd.runtime.v2.task";
        let cases = [
            (r#"{}"#, "/tmp/b".to_owned(), Some("abc")),
            (
                r#"{"annotations":null,"linux":null}"#,
                "/tmp/b".to_owned(),
                Some("abc"),
            ),
            (r#"{}"#, format!("{task}/default/abc"), Some("abc")),
            (
                r#"{"annotations":{"nerdctl/name":"hi"}}"#,
                format!("{task}/default/abc"),
                Some("hi"),
            ),
            (r#"{}"#, format!("{task}/moby/abc"), None),
            (
                r#"{"annotations":{"io.container.manager":"libpod"}}"#,
                "/b".to_owned(),
                None,
            ),
        ];
        for (json, bundle, name) in cases {
            let spec = Spec::parse(json.as_bytes()).unwrap();
            let facts = spec.facts(Source::Oci, "abc", &bundle);
            assert_eq!(facts.name.as_deref(), name, "{json} {bundle}");
        }
    }

    #[test]
    fn a_sandbox_is_known_by_its_annotation() {
        for key in [
            "io.kubernetes.cri.container-type",
            "io.kubernetes.cri-o.ContainerType",
        ] {
            let json = format!(r#"{{"annotations":{{"{key}":"sandbox"}}}}"#);
            let facts = Spec::parse(json.as_bytes())
                .unwrap()
                .facts(Source::Oci, "a", "/b");
            assert!(facts.sandbox, "{key}");
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        let deep = format!(r#"{{"annotations":{}"#, "[".repeat(100_000));
        let cases: &[&[u8]] = &[
            b"",
            b"null",
            b"\xff\xfe",
            br#"{"annotations":{"a":1}}"#,
            br#"{"annotations":[]}"#,
            br#"{"linux":{"cgroupsPath":["/a"]}}"#,
            br#"{"annotations":{"a":"\ud800"}}"#,
            deep.as_bytes(),
        ];
        for json in cases {
            assert!(
                Spec::parse(json).is_err(),
                "{}",
                String::from_utf8_lossy(json)
            );
        }
    }
}
