//! What the labels and annotations that runtimes set by themselves say of a container.

use std::collections::BTreeMap;

use crate::container::{Image, Pod, Runtime};

/// Labels or annotations, by key.
pub(crate) type Labels = BTreeMap<String, String>;

// containerd's CRI (pkg/cri/annotations), CRI-O (pkg/annotations), and the labels that the
// kubelet gives to every CRI runtime and cri-dockerd to docker.
const POD_NAME: &[&str] = &[
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.pod.name",
    "io.kubernetes.cri-o.KubeName",
];
const POD_NAMESPACE: &[&str] = &[
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.pod.namespace",
    "io.kubernetes.cri-o.Namespace",
];
const POD_UID: &[&str] = &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"];
const CONTAINER: &[&str] = &[
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
];
const IMAGE: &[&str] = &[
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
];
const TYPE: &[&str] = &[
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri-o.ContainerType",
];

/// Whose words are read. Whoever builds an image adds labels, and whoever makes a pod under CRI-O
/// adds annotations: only what the one who is asked writes itself, over theirs, is to be believed.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Words {
    /// The kubelet's, as a runtime's labels.
    Kubelet,
    /// containerd's CRI plugin's annotations.
    Containerd,
    /// CRI-O's annotations, which have the kubelet's labels too.
    Crio,
    /// Some runtime's; nobody says which.
    Unknown,
}

impl Words {
    /// Of the annotations of a container of that runtime.
    pub(crate) fn of(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Containerd => Self::Containerd,
            Runtime::Crio => Self::Crio,
            Runtime::Docker | Runtime::Podman | Runtime::Runc => Self::Unknown,
        }
    }

    fn has(self, key: &str) -> bool {
        let containerds = key.starts_with("io.kubernetes.cri.");
        match self {
            Self::Kubelet => !containerds && !key.starts_with("io.kubernetes.cri-o."),
            Self::Containerd => containerds,
            Self::Crio => !containerds,
            Self::Unknown => true,
        }
    }
}

fn first<'a>(labels: &'a Labels, words: Words, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .filter(|key| words.has(key))
        .filter_map(|key| labels.get(*key))
        .map(String::as_str)
        .find(|value| !value.is_empty())
}

/// The pod, where its name and namespace are both told.
pub(crate) fn pod(labels: &Labels, words: Words, sandbox: bool) -> Option<Pod> {
    Some(Pod {
        namespace: first(labels, words, POD_NAMESPACE)?.to_owned(),
        name: first(labels, words, POD_NAME)?.to_owned(),
        uid: first(labels, words, POD_UID).unwrap_or_default().to_owned(),
        container: container_name(labels, words).filter(|_| !sandbox),
        ..Pod::default()
    })
}

/// The container's name in its pod.
pub(crate) fn container_name(labels: &Labels, words: Words) -> Option<String> {
    first(labels, words, CONTAINER).map(str::to_owned)
}

/// nerdctl keeps the name people gave in a label of its own, and repeats it as an annotation.
pub(crate) fn nerdctl_name(labels: &Labels) -> Option<String> {
    first(labels, Words::Unknown, &["nerdctl/name"]).map(str::to_owned)
}

/// The image, as the annotations of containerd's CRI and CRI-O have it.
pub(crate) fn image(annotations: &Labels, words: Words) -> Option<Image> {
    first(annotations, words, IMAGE).map(named_image)
}

/// An image by its reference; the digest is the reference's own, where it has one.
pub(crate) fn named_image(name: &str) -> Image {
    let digest = name
        .split_once('@')
        .map_or(name, |(_, digest)| digest)
        .strip_prefix("sha256:")
        .map(|hex| format!("sha256:{hex}"));
    Image {
        name: name.to_owned(),
        digest,
    }
}

/// Whether OCI annotations say "pause container".
pub(crate) fn annotated_sandbox(annotations: &Labels, words: Words) -> bool {
    first(annotations, words, TYPE) == Some("sandbox")
}

/// Which runtime OCI annotations and the bundle's place betray, and containerd's namespace.
pub(crate) fn runtime(annotations: &Labels, bundle: &str) -> (Runtime, Option<String>) {
    // /run/containerd/io.containerd.runtime.v2.task/<namespace>/<id>
    let mut parts = bundle.split('/');
    if parts.any(|part| part.starts_with("io.containerd.runtime."))
        && let Some(namespace) = parts.next()
    {
        return (containerd_runtime(namespace), Some(namespace.to_owned()));
    }
    let manager = first(annotations, Words::Unknown, &["io.container.manager"]);
    let of_crio = annotations
        .keys()
        .any(|key| key.starts_with("io.kubernetes.cri-o."));
    let runtime = match manager {
        _ if of_crio => Runtime::Crio,
        Some("cri-o") => Runtime::Crio,
        Some("libpod") => Runtime::Podman,
        _ if bundle.contains("/overlay-containers/") => Runtime::Podman,
        _ => Runtime::Runc,
    };
    (runtime, None)
}

/// containerd's namespace for what its CRI plugin runs.
pub(crate) const CRI_NAMESPACE: &str = "k8s.io";

/// docker keeps its containers in containerd's namespace "moby".
pub(crate) fn containerd_runtime(namespace: &str) -> Runtime {
    match namespace {
        "moby" => Runtime::Docker,
        _ => Runtime::Containerd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn each_runtime_tells_the_pod_in_its_own_words() {
        let containerd = [
            ("io.kubernetes.cri.sandbox-name", "cart-0"),
            ("io.kubernetes.cri.sandbox-namespace", "shop"),
            ("io.kubernetes.cri.sandbox-uid", "u1"),
            ("io.kubernetes.cri.container-name", "web"),
        ];
        let crio = [
            ("io.kubernetes.cri-o.Namespace", "shop"),
            ("io.kubernetes.cri-o.KubeName", "cart-0"),
            ("io.kubernetes.container.name", "web"),
            ("io.kubernetes.pod.uid", "u1"),
        ];
        let kubelet = [
            ("io.kubernetes.pod.name", "cart-0"),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.pod.uid", "u1"),
            ("io.kubernetes.container.name", "web"),
        ];
        // In the words of another, as an image's labels or a pod's annotations may have them.
        let others = [
            ("io.kubernetes.cri.sandbox-name", "evil"),
            ("io.kubernetes.cri.sandbox-namespace", "evil"),
            ("io.kubernetes.cri.sandbox-uid", "evil"),
            ("io.kubernetes.cri.container-name", "evil"),
            ("io.kubernetes.cri.container-type", "sandbox"),
        ];
        let crios = others.map(|(key, value)| match key {
            "io.kubernetes.cri.sandbox-name" => ("io.kubernetes.cri-o.KubeName", value),
            "io.kubernetes.cri.sandbox-namespace" => ("io.kubernetes.cri-o.Namespace", value),
            "io.kubernetes.cri.container-type" => ("io.kubernetes.cri-o.ContainerType", value),
            _ => ("io.kubernetes.pod.uid", value),
        });
        let cases = [
            (Words::Containerd, [&containerd[..], &crios].concat()),
            (Words::Crio, [&crio[..], &others].concat()),
            (Words::Kubelet, [&kubelet[..], &others].concat()),
            (Words::Unknown, containerd.to_vec()),
            (Words::Unknown, crio.to_vec()),
            (Words::Unknown, kubelet.to_vec()),
        ];
        for (words, pairs) in cases {
            let labels = labels(&pairs);
            let pod = pod(&labels, words, false).expect("a pod");
            let told = (pod.namespace.as_str(), pod.name.as_str(), pod.uid.as_str());
            assert_eq!(told, ("shop", "cart-0", "u1"), "{labels:?}");
            assert_eq!(pod.container.as_deref(), Some("web"), "{labels:?}");
            assert!(!annotated_sandbox(&labels, words), "{labels:?}");
        }
    }

    #[test]
    fn half_a_pod_is_none() {
        assert_eq!(
            pod(
                &labels(&[("io.kubernetes.pod.name", "p")]),
                Words::Kubelet,
                false
            ),
            None
        );
        let empty = labels(&[
            ("io.kubernetes.pod.name", "p"),
            ("io.kubernetes.pod.namespace", ""),
        ]);
        assert_eq!(pod(&empty, Words::Kubelet, false), None);
    }

    #[test]
    fn a_digest_is_taken_from_the_reference() {
        let cases = [
            ("nginx:1.25", None),
            ("nginx@sha256:ab", Some("sha256:ab")),
            ("sha256:ab", Some("sha256:ab")),
            ("nginx@md5:ab", None),
        ];
        for (name, digest) in cases {
            assert_eq!(named_image(name).digest.as_deref(), digest, "{name}");
        }
    }

    #[test]
    fn the_bundle_and_annotations_tell_the_runtime() {
        let task = "/run/containerd/io.containerd.runtime.v2.task";
        let libpod = labels(&[("io.container.manager", "libpod")]);
        let crio = labels(&[("io.kubernetes.cri-o.Name", "x")]);
        let none = Labels::new();
        let userdata = "/run/containers/storage/overlay-containers/abc/userdata";
        let cases = [
            (
                &none,
                format!("{task}/moby/abc"),
                Runtime::Docker,
                Some("moby"),
            ),
            (
                &none,
                format!("{task}/k8s.io/abc"),
                Runtime::Containerd,
                Some("k8s.io"),
            ),
            (&libpod, userdata.to_owned(), Runtime::Podman, None),
            (&none, userdata.to_owned(), Runtime::Podman, None),
            (&crio, userdata.to_owned(), Runtime::Crio, None),
            (&none, "/tmp/bundle".to_owned(), Runtime::Runc, None),
        ];
        for (annotations, bundle, expected, namespace) in cases {
            let told = runtime(annotations, &bundle);
            assert_eq!(told, (expected, namespace.map(str::to_owned)), "{bundle}");
        }
    }
}
