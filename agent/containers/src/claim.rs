//! Which pod a container is of, by those who cannot be made to say another's.
//!
//! Labels and annotations name a pod, and many may write them: whoever builds an image or may use
//! docker's socket writes labels, whoever makes a pod under CRI-O writes annotations, and whoever
//! may make a cgroup somewhere can play the runtime in it. So a word counts only where a CRI
//! runtime gives it for the kubelet, and the cgroup, whose parents only the kubelet makes, must
//! not speak against it.

use crate::container::{Pod, Runtime};
use crate::evidence::Evidence;
use crate::facts::{Facts, Source};
use crate::oci::CRI_NAMESPACE;
use crate::shape::below;

/// The pod that the evidence names credibly, for the container whose cgroup is at `path`; its uid
/// is never empty. `None` also where credible words contradict each other.
pub(crate) fn claim<'e>(root: &str, path: &str, all: &'e [Evidence]) -> Option<&'e Pod> {
    let mut found: Option<&Pod> = None;
    for evidence in all {
        let Some(pod) = credible(root, path, &evidence.facts) else {
            continue;
        };
        match found {
            Some(other) if other.uid != pod.uid => return None,
            Some(_) => {}
            None => found = Some(pod),
        }
    }
    found
}

/// The pod that is told for a container until somebody confirms it: not what an image's labels or
/// a user of docker could have written, and not against the cgroup.
pub(crate) fn told<'f>(root: &str, path: Option<&str>, facts: &'f Facts) -> Option<&'f Pod> {
    let pod = facts.pod.as_ref()?;
    let standing = stands(root, path.unwrap_or_default(), &pod.uid);
    let told = match facts.runtime {
        _ if standing == Standing::Elsewhere => false,
        Some(Runtime::Docker | Runtime::Podman) => standing == Standing::InPod,
        Some(Runtime::Containerd) => facts.runtime_namespace.as_deref() == Some(CRI_NAMESPACE),
        Some(Runtime::Crio | Runtime::Runc) | None => true,
    };
    told.then_some(pod)
}

fn credible<'f>(root: &str, path: &str, facts: &'f Facts) -> Option<&'f Pod> {
    let pod = facts.pod.as_ref().filter(|pod| !pod.uid.is_empty())?;
    let of_cri_plugin = facts.runtime == Some(Runtime::Containerd)
        && facts.runtime_namespace.as_deref() == Some(CRI_NAMESPACE);
    let credible = match (stands(root, path, &pod.uid), facts.origin) {
        (Standing::Elsewhere, _) => false,
        // containerd itself keeps its namespaces apart.
        (_, Source::Containerd) => of_cri_plugin,
        // All others tell what anybody could have written: the cgroup must bear it out.
        (Standing::Unsaid, _) => false,
        (Standing::InPod, Source::Docker) => facts.runtime == Some(Runtime::Docker),
        (Standing::InPod, _) => of_cri_plugin || facts.runtime == Some(Runtime::Crio),
    };
    credible.then_some(pod)
}

/// What a cgroup's path says of a container's being in a pod.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Standing {
    /// Below that pod's cgroup.
    InPod,
    /// Nothing: a kubelet may be told not to make cgroups for pods.
    Unsaid,
    /// Below another pod's, or where users make cgroups themselves.
    Elsewhere,
}

/// The kubelet calls a pod's cgroup `pod<uid>`, or under systemd `….slice` with `-pod<uid>` at its
/// end, where the uid's dashes are underscores (pkg/kubelet/cm/cgroup_manager_linux.go).
fn stands(root: &str, path: &str, uid: &str) -> Standing {
    let inside = below(root, path).unwrap_or_default();
    let of_users = |part: &str| part == "user.slice" || part.starts_with("user@");
    let mut standing = Standing::Unsaid;
    for part in inside.split('/') {
        if of_users(part) {
            return Standing::Elsewhere;
        }
        let slice = part
            .strip_suffix(".slice")
            .and_then(|name| Some(name.rsplit_once('-')?.1.replace('_', "-")));
        let name = slice.as_deref().unwrap_or(part);
        match name.strip_prefix("pod") {
            Some(other) if other == uid => standing = Standing::InPod,
            Some(other) if is_uid(other) => return Standing::Elsewhere,
            _ => {}
        }
    }
    standing
}

/// A UUID, or the hash that a static pod has for one.
fn is_uid(text: &str) -> bool {
    text.len() >= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
    const OTHER: &str = "ffffffff-7a3e-4d52-9c0b-1e2f3a4b5c6d";

    fn said(origin: Source, runtime: Runtime, namespace: Option<&str>, uid: &str) -> Evidence {
        let facts = Facts {
            runtime: Some(runtime),
            runtime_namespace: namespace.map(str::to_owned),
            pod: Some(Pod {
                namespace: "shop".into(),
                name: "cart-0".into(),
                uid: uid.into(),
                ..Pod::default()
            }),
            ..Facts::new(origin, "id")
        };
        Evidence {
            facts,
            process: None,
        }
    }

    #[test]
    fn a_path_says_which_pod_it_is_in() {
        let dashed = UID.replace('-', "_");
        let hash = "0123456789abcdef0123456789abcdef";
        let table = [
            (
                "/",
                format!("/kubepods/besteffort/pod{UID}/abc"),
                UID,
                Standing::InPod,
            ),
            ("/", format!("/kubepods/pod{UID}/abc"), UID, Standing::InPod),
            (
                "/",
                format!(
                    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{dashed}.slice/cri-containerd-abc.scope"
                ),
                UID,
                Standing::InPod,
            ),
            (
                "/",
                format!("/kubepods.slice/kubepods-pod{dashed}.slice/crio-abc.scope/container"),
                UID,
                Standing::InPod,
            ),
            (
                "/",
                format!("/kubepods/pod{hash}/abc"),
                hash,
                Standing::InPod,
            ),
            (
                "/",
                format!("/kubepods/pod{hash}/abc"),
                UID,
                Standing::Elsewhere,
            ),
            (
                "/",
                format!("/kubepods/pod{OTHER}/abc"),
                UID,
                Standing::Elsewhere,
            ),
            (
                "/",
                format!("/kubepods/pod{OTHER}/pod{UID}/abc"),
                UID,
                Standing::Elsewhere,
            ),
            ("/", "/docker/abc".into(), UID, Standing::Unsaid),
            ("/", "/podman/kubepods/abc".into(), UID, Standing::Unsaid),
            ("/", format!("/pod{UID}x/abc"), UID, Standing::Unsaid),
            (
                "/",
                format!("/user.slice/user-1000.slice/user@1000.service/kubepods/pod{UID}/abc"),
                UID,
                Standing::Elsewhere,
            ),
            // A whole node of a user's own.
            (
                "/user.slice/user@1000.service/node",
                format!("/user.slice/user@1000.service/node/kubepods/pod{UID}/abc"),
                UID,
                Standing::InPod,
            ),
            (
                "/node-a",
                format!("/node-a/kubepods/pod{UID}/abc"),
                UID,
                Standing::InPod,
            ),
        ];
        for (root, path, uid, expected) in table {
            assert_eq!(stands(root, &path, uid), expected, "{root} {path}");
        }
    }

    #[test]
    fn a_word_counts_where_nobody_else_could_have_written_it() {
        use Runtime::{Containerd, Crio, Docker, Podman, Runc};
        use Source::{Docker as DockerApi, Oci, RuncState};
        let pod = format!("/kubepods/pod{UID}/abc");
        let other = format!("/kubepods/pod{OTHER}/abc");
        let plain = "/k8s.io/abc".to_owned();
        let own = format!("/user.slice/user@1000.service/kubepods/pod{UID}/abc");
        let cri = Some("k8s.io");
        let table = [
            (Source::Containerd, Containerd, cri, &pod, true),
            (Source::Containerd, Containerd, cri, &plain, true),
            (Source::Containerd, Containerd, cri, &other, false),
            (Source::Containerd, Containerd, Some("default"), &pod, false),
            (Source::Containerd, Docker, Some("moby"), &pod, false),
            (Oci, Containerd, cri, &pod, true),
            (Oci, Containerd, cri, &plain, false),
            (Oci, Containerd, cri, &own, false),
            (Oci, Containerd, Some("default"), &pod, false),
            (Oci, Crio, None, &pod, true),
            (Oci, Crio, None, &plain, false),
            (Oci, Crio, None, &other, false),
            (RuncState, Crio, None, &pod, true),
            (RuncState, Runc, None, &pod, false),
            (Oci, Podman, None, &pod, false),
            // Labels that anybody with docker's socket gives, and those of cri-dockerd.
            (DockerApi, Docker, None, &"/docker/abc".to_owned(), false),
            (DockerApi, Docker, None, &other, false),
            (DockerApi, Docker, None, &pod, true),
            (DockerApi, Podman, None, &pod, false),
        ];
        for (origin, runtime, namespace, path, counts) in table {
            let all = [said(origin, runtime, namespace, UID)];
            let found = claim("/", path, &all);
            assert_eq!(found.is_some(), counts, "{origin} {runtime} {path}");
        }
    }

    #[test]
    fn without_a_uid_or_with_two_there_is_no_claim() {
        let cri = Some("k8s.io");
        let of = |origin, uid| said(origin, Runtime::Containerd, cri, uid);
        let path = "/k8s.io/abc";
        let none = [of(Source::Containerd, "")];
        assert_eq!(claim("/", path, &none), None);
        let two = [
            of(Source::Containerd, UID),
            said(Source::Oci, Runtime::Crio, None, OTHER),
        ];
        // The second is not credible here.
        assert_eq!(claim("/", path, &two).map(|pod| &*pod.uid), Some(UID));
        let contradicting = [of(Source::Containerd, UID), of(Source::Containerd, OTHER)];
        assert_eq!(claim("/", path, &contradicting), None);
    }
}
