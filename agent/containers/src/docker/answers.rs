//! What the docker API's answers say of a container.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use bollard::models::{ContainerSummary, EventMessage};

use crate::container::{Image, Runtime};
use crate::facts::{Facts, Source};
use crate::oci;

/// What an event means for the collection.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Created or renamed.
    Known(Facts),
    /// Started: its init process can be asked for.
    Started(Facts),
    /// Its init process ended.
    Died(String),
    /// Removed.
    Destroyed(String),
}

/// One row of `GET /containers/json`; `None` without a usable id.
pub(super) fn of_summary(summary: &ContainerSummary, runtime: Runtime) -> Option<Facts> {
    let id = summary.id.as_deref().filter(|id| is_docker_id(id))?;
    let labels: BTreeMap<_, _> = summary
        .labels
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let name = summary
        .names
        .iter()
        .flatten()
        .find_map(|name| own_name(name));
    let image = summary.image.as_deref().map(|name| {
        let image = oci::named_image(name);
        Image {
            digest: image.digest.or_else(|| summary.image_id.clone()),
            ..image
        }
    });
    Some(facts(id, runtime, name, image, labels))
}

/// One line of `GET /events`; `None` for what changes no container's facts.
pub(super) fn of_event(event: EventMessage, runtime: Runtime) -> Option<Told> {
    let action = event.action?;
    let actor = event.actor?;
    let id = actor.id.filter(|id| is_docker_id(id))?;
    let mut told = actor.attributes.unwrap_or_default();
    let mut known = || of_attributes(&id, runtime, &mut told);
    Some(match action.as_str() {
        "create" | "rename" | "update" => Told::Known(known()),
        "start" => {
            let at = event.time_nano.and_then(|nanos| u64::try_from(nanos).ok());
            Told::Started(Facts {
                started_at: at
                    .map(|nanos| SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos)),
                ..known()
            })
        }
        // podman says "died" and "remove" where docker says "die" and "destroy".
        "die" | "died" => Told::Died(id),
        "destroy" | "remove" => Told::Destroyed(id),
        _ => return None,
    })
}

/// An event's attributes are the container's labels, overwritten by docker's own: name, image.
fn of_attributes(id: &str, runtime: Runtime, told: &mut HashMap<String, String>) -> Facts {
    let name = told.remove("name").and_then(|name| own_name(&name));
    let image = told.remove("image").map(|name| oci::named_image(&name));
    told.remove("oldName");
    facts(id, runtime, name, image, told.drain().collect())
}

fn facts(
    id: &str,
    runtime: Runtime,
    name: Option<String>,
    image: Option<Image>,
    labels: BTreeMap<String, String>,
) -> Facts {
    // An image's labels become its container's, so a label alone must not hide a container:
    // only whoever runs it chooses its name.
    let sandbox = labels.get("io.kubernetes.docker.type").map(String::as_str) == Some("podsandbox")
        && name
            .as_deref()
            .is_some_and(|name| name.starts_with("k8s_POD_"));
    Facts {
        runtime: Some(runtime),
        pod: oci::pod(&labels, oci::Words::Kubelet, sandbox),
        name,
        image,
        sandbox,
        labels,
        ..Facts::new(Source::Docker, id)
    }
}

/// `/name` is the container's own, `/other/alias` a link's.
fn own_name(name: &str) -> Option<String> {
    let name = name.strip_prefix('/').unwrap_or(name);
    (!name.is_empty() && !name.contains('/')).then(|| name.to_owned())
}

/// docker's and podman's ids; anything else would be a pattern in a filter.
pub(super) fn is_docker_id(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// docker's list and its events, as JSON.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) {
    for runtime in [Runtime::Docker, Runtime::Podman] {
        if let Ok(rows) = serde_json::from_slice::<Vec<ContainerSummary>>(bytes) {
            for facts in rows.iter().filter_map(|row| of_summary(row, runtime)) {
                assert!(is_docker_id(&facts.id));
            }
        }
        if let Ok(event) = serde_json::from_slice(bytes) {
            of_event(event, runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> String {
        "ab".repeat(32)
    }

    fn summary(json: &str) -> ContainerSummary {
        serde_json::from_str(&json.replace("@", &id())).unwrap()
    }

    fn event(action: &str, attributes: &str) -> EventMessage {
        let json = format!(
            r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{}","Attributes":{attributes}}},"timeNano":5000000000}}"#,
            id()
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_row_of_the_list_tells_name_image_and_labels() {
        let row = summary(
            r#"{"Id":"@","Names":["/other/alias","/hi"],"Image":"busybox:1","ImageID":"sha256:cd","Labels":{"app":"cart"}}"#,
        );
        let facts = of_summary(&row, Runtime::Docker).unwrap();
        assert_eq!(facts.name.as_deref(), Some("hi"));
        assert_eq!(facts.labels["app"], "cart");
        let image = facts.image.unwrap();
        assert_eq!(
            (image.name.as_str(), image.digest.as_deref()),
            ("busybox:1", Some("sha256:cd"))
        );
        assert_eq!(facts.runtime, Some(Runtime::Docker));
    }

    #[test]
    fn a_row_without_an_id_is_none_and_one_with_nothing_else_is_nameless() {
        for json in ["{}", r#"{"Id":"abc"}"#, r#"{"Id":"../../x"}"#] {
            let row = serde_json::from_str(json).unwrap();
            assert_eq!(of_summary(&row, Runtime::Docker), None, "{json}");
        }
        let facts = of_summary(&summary(r#"{"Id":"@","Names":[""]}"#), Runtime::Docker).unwrap();
        assert_eq!(facts.name, None);
    }

    #[test]
    fn events_tell_what_changed() {
        let known = of_event(
            event(
                "rename",
                r#"{"name":"new","oldName":"/old","image":"i","app":"cart"}"#,
            ),
            Runtime::Docker,
        );
        let Some(Told::Known(facts)) = known else {
            panic!("{known:?}");
        };
        assert_eq!(facts.name.as_deref(), Some("new"));
        assert_eq!(facts.labels.keys().collect::<Vec<_>>(), ["app"]);

        let started = of_event(event("start", r#"{"name":"hi"}"#), Runtime::Docker);
        let Some(Told::Started(facts)) = started else {
            panic!("{started:?}");
        };
        assert_eq!(
            facts.started_at,
            Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(5))
        );
        assert_eq!(
            of_event(event("die", "null"), Runtime::Docker),
            Some(Told::Died(id()))
        );
        assert_eq!(
            of_event(event("destroy", "{}"), Runtime::Docker),
            Some(Told::Destroyed(id()))
        );
        for action in ["exec_create: sh", "exec_die", "attach", "kill", "top", ""] {
            assert_eq!(
                of_event(event(action, "{}"), Runtime::Docker),
                None,
                "{action}"
            );
        }
    }

    #[test]
    fn a_label_alone_does_not_hide_a_container() {
        let labels = r#""Labels":{"io.kubernetes.docker.type":"podsandbox"}"#;
        let hostile = summary(&format!(r#"{{"Id":"@","Names":["/innocent"],{labels}}}"#));
        assert!(!of_summary(&hostile, Runtime::Docker).unwrap().sandbox);
        let pause = summary(&format!(
            r#"{{"Id":"@","Names":["/k8s_POD_p_ns_u_0"],{labels}}}"#
        ));
        assert!(of_summary(&pause, Runtime::Docker).unwrap().sandbox);
    }
}
