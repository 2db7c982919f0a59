//! From a pod's direct owner up to the workload: ReplicaSet to Deployment, Job to CronJob.

use std::num::NonZeroUsize;
use std::time::Duration;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use lru::LruCache;
use tokio::time::{sleep, timeout};
use traceherd_containers::Owner;

/// Owners that are remembered. Many pods have the same.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// How often an owner is asked for, and how long an answer may take.
const ATTEMPTS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(5);

/// An owner that may have one itself.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Link {
    /// Its namespace.
    pub namespace: String,
    /// Whether it is a ReplicaSet or a Job.
    pub kind: LinkKind,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// Kinds of owners that something else makes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LinkKind {
    /// Made by a Deployment, as a rule.
    ReplicaSet,
    /// Made by a CronJob, at times.
    Job,
}

/// The object that controls another, and whether that may have an owner itself.
pub fn controller(metadata: &ObjectMeta) -> Option<(Owner, Option<Link>)> {
    let references = metadata.owner_references.as_ref()?;
    let found = references.iter().find(|one| one.controller == Some(true))?;
    let owner = Owner {
        kind: found.kind.clone(),
        name: found.name.clone(),
    };
    Some((owner, link(found, metadata.namespace.as_deref()?)))
}

fn link(owner: &OwnerReference, namespace: &str) -> Option<Link> {
    let group = owner.api_version.split('/').next().unwrap_or_default();
    let kind = match (group, owner.kind.as_str()) {
        ("apps", "ReplicaSet") => LinkKind::ReplicaSet,
        ("batch", "Job") => LinkKind::Job,
        _ => return None,
    };
    Some(Link {
        namespace: namespace.to_owned(),
        kind,
        name: owner.name.clone(),
        uid: owner.uid.clone(),
    })
}

/// What was found out: the owner's owner, or that it has none.
#[derive(Debug)]
pub struct Remembered {
    owners: LruCache<Link, Option<Owner>>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            owners: LruCache::new(REMEMBERED),
        }
    }
}

impl Remembered {
    /// What is known of a link.
    pub fn get(&mut self, link: &Link) -> Option<Option<Owner>> {
        self.owners.get(link).cloned()
    }

    /// Takes in what was found out.
    pub fn put(&mut self, link: Link, owner: Option<Owner>) {
        self.owners.put(link, owner);
    }
}

/// Asks the API server for the owner of an owner. `None` where it cannot be found out.
pub async fn look_up(client: Client, link: &Link) -> Option<Option<Owner>> {
    for attempt in 0..ATTEMPTS {
        match timeout(PATIENCE, read(&client, link)).await {
            Ok(Ok(metadata)) if metadata.uid.as_deref() == Some(&link.uid) => {
                return Some(controller(&metadata).map(|(owner, _)| owner));
            }
            // Gone, or another by now: nobody knows any more.
            Ok(Ok(_)) => return None,
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 403 | 404) => {
                if status.code == 403 {
                    tracing::warn!(error = %status.message, "the owner of {} is not told", link.name);
                }
                return None;
            }
            Ok(Err(_)) | Err(_) => sleep(Duration::from_secs(1 << attempt)).await,
        }
    }
    None
}

async fn read(client: &Client, link: &Link) -> Result<ObjectMeta, kube::Error> {
    let client = client.clone();
    match link.kind {
        LinkKind::ReplicaSet => {
            let api: Api<PartialObjectMeta<ReplicaSet>> = Api::namespaced(client, &link.namespace);
            Ok(api.get(&link.name).await?.metadata)
        }
        LinkKind::Job => {
            let api: Api<PartialObjectMeta<Job>> = Api::namespaced(client, &link.namespace);
            Ok(api.get(&link.name).await?.metadata)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned_by(version: &str, kind: &str, controller: Option<bool>) -> ObjectMeta {
        ObjectMeta {
            namespace: Some("shop".into()),
            owner_references: Some(vec![OwnerReference {
                api_version: version.into(),
                kind: kind.into(),
                name: "web".into(),
                uid: "u".into(),
                controller,
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn only_a_controller_owns_and_only_some_are_owned_themselves() {
        let yes = Some(true);
        for (version, kind, controls, expected) in [
            (
                "apps/v1",
                "ReplicaSet",
                yes,
                Some(Some(LinkKind::ReplicaSet)),
            ),
            ("batch/v1", "Job", yes, Some(Some(LinkKind::Job))),
            ("apps/v1", "StatefulSet", yes, Some(None)),
            ("example.com/v1", "Job", yes, Some(None)),
            ("v1", "Node", yes, Some(None)),
            ("apps/v1", "ReplicaSet", None, None),
            ("apps/v1", "ReplicaSet", Some(false), None),
        ] {
            let found = controller(&owned_by(version, kind, controls));
            let kinds = found.map(|(owner, link)| {
                assert_eq!((owner.kind.as_str(), owner.name.as_str()), (kind, "web"));
                link.map(|link| link.kind)
            });
            assert_eq!(kinds, expected, "{version} {kind} {controls:?}");
        }
        assert!(controller(&ObjectMeta::default()).is_none());
    }
}
