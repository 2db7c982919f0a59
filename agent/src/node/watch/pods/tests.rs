use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::*;

/// A pod that a ReplicaSet owns.
fn pod(uid: &str, set: &str) -> Metadata<Pod> {
    Metadata {
        types: None,
        metadata: ObjectMeta {
            uid: Some(uid.into()),
            namespace: Some("shop".into()),
            name: Some(format!("{set}-{uid}")),
            owner_references: Some(vec![OwnerReference {
                api_version: "apps/v1".into(),
                kind: "ReplicaSet".into(),
                name: set.into(),
                uid: format!("uid-of-{set}"),
                controller: Some(true),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        _phantom: std::marker::PhantomData,
    }
}

fn known(uid: &str, set: &str) -> Known {
    Known::of(pod(uid, set)).unwrap()
}

fn owner(kind: &str, name: &str) -> Option<Owner> {
    Some(Owner {
        kind: kind.into(),
        name: name.into(),
    })
}

#[test]
fn the_direct_owner_is_told_until_the_workload_is_known() {
    let mut pods = Pods::default();
    let told = pods.list(vec![
        known("1", "web-5d"),
        known("2", "web-5d"),
        known("3", "db-7f"),
    ]);
    assert!(
        told.iter()
            .all(|pod| pod.owner.as_ref().unwrap().kind == "ReplicaSet")
    );
    let mut links: Vec<_> = std::iter::from_fn(|| pods.next_question()).collect();
    links.sort_by(|a, b| b.name.cmp(&a.name));
    assert_eq!(links.len(), 2, "each is asked for once: {links:?}");

    let told = pods.answer(&links[0], Some(owner("Deployment", "web")));
    assert_eq!(told.len(), 2);
    assert!(
        told.iter()
            .all(|pod| pod.owner == owner("Deployment", "web"))
    );
    assert!(
        pods.answer(&links[1], Some(None)).is_empty(),
        "a set that nothing owns"
    );

    // A later pod of the same set has the workload at once, and nobody is asked.
    let told = pods.set(known("4", "web-5d")).unwrap();
    assert_eq!(told.owner, owner("Deployment", "web"));
    assert!(pods.next_question().is_none());
}

#[test]
fn what_is_not_new_is_not_told() {
    let mut pods = Pods::default();
    assert!(pods.set(known("1", "web-5d")).is_some());
    assert!(pods.set(known("1", "web-5d")).is_none());
    let mut labelled = known("1", "web-5d");
    labelled.facts.labels.insert("app".into(), "web".into());
    assert!(pods.set(labelled).is_some());
}

#[test]
fn an_owner_that_cannot_be_found_out_is_asked_for_again_with_the_next_pod() {
    let mut pods = Pods::default();
    pods.set(known("1", "web-5d"));
    let link = pods.next_question().unwrap();
    assert!(pods.answer(&link, None).is_empty());
    pods.set(known("2", "web-5d"));
    assert_eq!(pods.next_question(), Some(link));
}

#[test]
fn a_static_pod_is_known_by_its_other_uid_too() {
    let mut mirror = pod("1", "x");
    mirror.metadata.owner_references = None;
    mirror.metadata.annotations = Some(
        [
            ("kubernetes.io/config.hash", "h"),
            ("kubernetes.io/config.mirror", "h"),
            ("other", "o"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
    );
    assert_eq!(Known::of(mirror).unwrap().facts.other_uids, ["h"]);
}

#[test]
fn an_agent_that_was_there_before_is_seen_until_it_goes() {
    let agent = |uid: &str, namespace: &str, component: &str, kind: &str| {
        let mut pod = known(uid, "traceherd");
        pod.link = None;
        pod.facts.namespace = namespace.into();
        pod.facts.labels.insert(COMPONENT.into(), component.into());
        pod.facts.owner = owner(kind, "traceherd-agent");
        pod
    };
    let this = || agent("1", "traceherd", "agent", "DaemonSet");
    for (other, expected) in [
        (agent("2", "traceherd", "agent", "DaemonSet"), true),
        (agent("2", "traceherd", "operator", "DaemonSet"), false),
        (agent("2", "shop", "agent", "DaemonSet"), false),
        (agent("2", "traceherd", "agent", "ReplicaSet"), false),
    ] {
        let mut pods = Pods::default();
        pods.list(vec![this(), other]);
        let first = pods.agents("traceherd");
        assert_eq!(pods.still(&first).earlier, expected);
        // One that comes later is none of this agent's business.
        pods.set(agent("3", "traceherd", "agent", "DaemonSet"));
        pods.known.remove("2");
        assert!(!pods.still(&first).earlier);
    }
}
