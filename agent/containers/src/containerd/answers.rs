//! What containerd's answers and events say of a container.

use std::time::SystemTime;

use containerd_client::events::{
    ContainerCreate, ContainerDelete, ContainerUpdate, TaskCreate, TaskDelete, TaskExit, TaskStart,
};
use containerd_client::services::v1::Container;
use containerd_client::types::Envelope;
use prost::Message;
use tracing::debug;

use crate::container::Runtime;
use crate::facts::{Facts, Source};
use crate::oci;

/// What an event means for the collection, within one containerd namespace.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Created or relabelled: ask for the container.
    Changed { id: String },
    /// Its init process is there, and, once it runs the container's program, since when.
    Task {
        id: String,
        pid: u32,
        started_at: Option<SystemTime>,
    },
    /// Its init process ended.
    Exited { id: String, pid: Option<u32> },
    /// Removed.
    Deleted { id: String },
}

/// containerd's record of a container.
pub(super) fn of_container(container: Container, namespace: &str) -> Facts {
    let spec = container.spec.map(|any| any.value).unwrap_or_default();
    let spec = oci::Spec::parse(&spec)
        .map_err(|error| debug!(id = container.id, %error, "no OCI spec in containerd's record"))
        .ok();
    let mut facts = bare(namespace, &container.id);
    facts.cgroup_path = spec.as_ref().map(oci::Spec::cgroups_path);
    if facts.runtime == Some(Runtime::Docker) {
        // docker knows the name and keeps the labels.
        return facts;
    }
    let annotations = spec
        .as_ref()
        .map(oci::Spec::annotations)
        .unwrap_or_default();
    let labels: oci::Labels = container.labels.into_iter().collect();
    // The CRI plugin speaks in its own namespace; elsewhere labels come from images too.
    if namespace == oci::CRI_NAMESPACE {
        of_cri(&mut facts, &labels, &annotations);
    }
    // Of an image's labels too, but for what nerdctl repeats: that it has written itself.
    let by_nerdctl = oci::nerdctl_name(&annotations).is_some();
    facts.name = facts
        .name
        .or_else(|| oci::nerdctl_name(&labels).filter(|_| by_nerdctl))
        .or_else(|| Some(container.id.clone()));
    if let Some(pod) = &mut facts.pod {
        pod.container = facts.name.clone().filter(|_| !facts.sandbox);
    }
    facts.image = (!container.image.is_empty()).then(|| oci::named_image(&container.image));
    facts.labels = labels;
    facts
}

/// The CRI plugin's and the kubelet's words.
fn of_cri(facts: &mut Facts, labels: &oci::Labels, annotations: &oci::Labels) {
    let (cri, kubelet) = (oci::Words::Containerd, oci::Words::Kubelet);
    let labelled = labels.get("io.cri-containerd.kind").map(String::as_str) == Some("sandbox");
    facts.sandbox = labelled || oci::annotated_sandbox(annotations, cri);
    facts.name =
        oci::container_name(labels, kubelet).or_else(|| oci::container_name(annotations, cri));
    let labelled = oci::pod(labels, kubelet, facts.sandbox);
    let annotated = oci::pod(annotations, cri, facts.sandbox);
    // containerd before 1.6 annotates no uid.
    let annotated = annotated.filter(|pod| !pod.uid.is_empty() || labelled.is_none());
    facts.pod = annotated.or(labelled);
}

/// What is known of a container without its record.
pub(super) fn bare(namespace: &str, id: &str) -> Facts {
    Facts {
        runtime: Some(oci::containerd_runtime(namespace)),
        runtime_namespace: Some(namespace.to_owned()),
        ..Facts::new(Source::Containerd, id)
    }
}

/// `None` for what changes no container's facts, also the end of an exec in a container.
pub(super) fn of_event(envelope: &Envelope) -> Option<Told> {
    let event = envelope.event.as_ref()?.value.as_slice();
    let told =
        match envelope.topic.as_str() {
            "/containers/create" => ContainerCreate::decode(event).map(|event| changed(event.id)),
            "/containers/update" => ContainerUpdate::decode(event).map(|event| changed(event.id)),
            "/containers/delete" => {
                ContainerDelete::decode(event).map(|event| Some(Told::Deleted { id: event.id }))
            }
            "/tasks/create" => {
                TaskCreate::decode(event).map(|event| task(event.container_id, event.pid, None))
            }
            "/tasks/start" => TaskStart::decode(event)
                .map(|event| task(event.container_id, event.pid, time(envelope))),
            "/tasks/exit" => TaskExit::decode(event)
                .map(|event| exited(event.container_id, &event.id, event.pid)),
            "/tasks/delete" => TaskDelete::decode(event)
                .map(|event| exited(event.container_id, &event.id, event.pid)),
            _ => return None,
        };
    told.unwrap_or_else(|error| {
        debug!(topic = envelope.topic, %error, "an event that cannot be decoded");
        None
    })
}

fn changed(id: String) -> Option<Told> {
    Some(Told::Changed { id })
}

fn task(id: String, pid: u32, started_at: Option<SystemTime>) -> Option<Told> {
    (pid > 0).then_some(Told::Task {
        id,
        pid,
        started_at,
    })
}

fn exited(container: String, process: &str, pid: u32) -> Option<Told> {
    let of_init = process.is_empty() || process == container;
    of_init.then_some(Told::Exited {
        id: container,
        pid: (pid > 0).then_some(pid),
    })
}

fn time(envelope: &Envelope) -> Option<SystemTime> {
    SystemTime::try_from(envelope.timestamp?).ok()
}

/// containerd's containers and its events, as protobuf.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    if let Ok(container) = Container::decode(bytes) {
        for namespace in ["default", "k8s.io", "moby"] {
            let facts = of_container(container.clone(), namespace);
            assert_eq!(facts.id, container.id);
        }
    }
    if let Ok(envelope) = Envelope::decode(bytes) {
        of_event(&envelope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::{Any, Timestamp};

    fn envelope(topic: &str, event: &impl Message) -> Envelope {
        Envelope {
            timestamp: Some(Timestamp {
                seconds: 5,
                nanos: 0,
            }),
            namespace: "default".into(),
            topic: topic.into(),
            event: Some(Any {
                type_url: String::new(),
                value: event.encode_to_vec(),
            }),
        }
    }

    fn container(labels: &[(&str, &str)], spec: &str) -> Container {
        Container {
            id: "abc".into(),
            labels: labels
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            image: "docker.io/library/nginx:1.25".into(),
            spec: Some(Any {
                type_url: String::new(),
                value: spec.as_bytes().to_vec(),
            }),
            ..Container::default()
        }
    }

    #[test]
    fn names_come_from_the_pod_then_nerdctl_then_the_id() {
        let pod = ("io.kubernetes.container.name", "web");
        let nerdctl = ("nerdctl/name", "hi");
        let of_nerdctl = r#"{"annotations":{"nerdctl/name":"as created"}}"#;
        let cases = [
            (vec![pod, nerdctl], of_nerdctl, "k8s.io", Some("web")),
            (vec![nerdctl], of_nerdctl, "default", Some("hi")),
            (vec![], "{}", "default", Some("abc")),
            (vec![pod], "{}", "moby", None),
            // An image's labels.
            (vec![pod, nerdctl], "{}", "default", Some("abc")),
        ];
        for (labels, spec, namespace, name) in cases {
            let facts = of_container(container(&labels, spec), namespace);
            assert_eq!(facts.name.as_deref(), name, "{labels:?} {namespace}");
        }
    }

    #[test]
    fn the_record_tells_the_cgroup_and_the_pod() {
        let spec = r#"{"linux":{"cgroupsPath":"/kubepods/podu1/abc"},"annotations":{
            "io.kubernetes.cri.sandbox-name":"cart-0","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-uid":"u1","io.kubernetes.cri.container-name":"web"}}"#;
        let facts = of_container(container(&[], spec), "k8s.io");
        assert_eq!(facts.cgroup_path.as_deref(), Some("/kubepods/podu1/abc"));
        assert_eq!(facts.name.as_deref(), Some("web"));
        let pod = facts.pod.unwrap();
        assert_eq!((pod.name.as_str(), pod.uid.as_str()), ("cart-0", "u1"));
        assert_eq!(pod.container.as_deref(), Some("web"));
        assert_eq!(facts.image.unwrap().name, "docker.io/library/nginx:1.25");
    }

    #[test]
    fn an_images_labels_do_not_pass_for_containerds_annotations() {
        let labels = [
            ("io.kubernetes.cri.container-name", "evil"),
            ("io.kubernetes.cri.sandbox-name", "evil"),
            ("io.kubernetes.container.name", "web"),
            ("io.kubernetes.pod.name", "cart-0"),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.pod.uid", "u1"),
        ];
        let spec = r#"{"annotations":{"io.kubernetes.cri.sandbox-name":"cart-0",
            "io.kubernetes.cri.sandbox-namespace":"shop"}}"#;
        for spec in ["{}", spec] {
            let facts = of_container(container(&labels, spec), "k8s.io");
            assert_eq!(facts.name.as_deref(), Some("web"));
            let pod = facts.pod.unwrap();
            assert_eq!((pod.name.as_str(), pod.uid.as_str()), ("cart-0", "u1"));
        }
    }

    #[test]
    fn a_spec_that_is_nonsense_leaves_the_rest() {
        let facts = of_container(container(&[], "\u{1}nonsense"), "default");
        assert_eq!(facts.name.as_deref(), Some("abc"));
        assert_eq!(facts.cgroup_path, None);
    }

    #[test]
    fn only_the_cri_plugins_own_namespace_labels_sandboxes() {
        let labels = [("io.cri-containerd.kind", "sandbox")];
        assert!(of_container(container(&labels, "{}"), "k8s.io").sandbox);
        assert!(!of_container(container(&labels, "{}"), "default").sandbox);
    }

    #[test]
    fn events_tell_what_changed() {
        let start = TaskStart {
            container_id: "abc".into(),
            pid: 42,
        };
        let started_at = Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5));
        assert_eq!(
            of_event(&envelope("/tasks/start", &start)),
            Some(Told::Task {
                id: "abc".into(),
                pid: 42,
                started_at
            })
        );
        let deleted = ContainerDelete { id: "abc".into() };
        assert_eq!(
            of_event(&envelope("/containers/delete", &deleted)),
            Some(Told::Deleted { id: "abc".into() })
        );
        assert_eq!(of_event(&envelope("/images/create", &deleted)), None);
    }

    #[test]
    fn an_execs_end_is_not_the_containers() {
        let exit = |id: &str| TaskExit {
            container_id: "abc".into(),
            id: id.into(),
            pid: 42,
            ..TaskExit::default()
        };
        let exited = Some(Told::Exited {
            id: "abc".into(),
            pid: Some(42),
        });
        for (id, expected) in [("abc", &exited), ("", &exited), ("exec-1", &None)] {
            let told = of_event(&envelope("/tasks/exit", &exit(id)));
            assert_eq!(&told, expected, "{id}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_decoded_says_nothing() {
        let mut broken = envelope("/tasks/start", &ContainerDelete::default());
        for value in [vec![0xff; 64], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
            broken.event = Some(Any {
                type_url: String::new(),
                value,
            });
            assert_eq!(of_event(&broken), None);
        }
        broken.event = None;
        assert_eq!(of_event(&broken), None);
    }
}
