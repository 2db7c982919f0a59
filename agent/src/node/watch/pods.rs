//! The pods of this node, for the container collection.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client};
use tokio::sync::watch::Sender;
use traceherd_containers::{Owner, PodFacts, PodFeed};

use super::stream::{Metadata, Watch};
use crate::node::owners::{self, Link, Remembered};

/// Owners that are asked for at once.
const AT_ONCE: usize = 4;
/// The label that tells agents from operators.
const COMPONENT: &str = "app.kubernetes.io/component";
/// The annotations by which a static pod's containers know it: they were started before the API
/// server gave it a uid.
const OTHER_UIDS: [&str; 2] = ["kubernetes.io/config.hash", "kubernetes.io/config.mirror"];

/// What the first list of this node's pods said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FirstList {
    /// Whether another agent of this DaemonSet is on the node: an upgrade lets them overlap.
    pub another_agent: bool,
}

/// Tells the collection the pods of `node`, for ever. `first` gets what the first list said of
/// the pods in Traceherd's `namespace`.
pub async fn watch_pods(
    client: Client,
    node: String,
    namespace: String,
    feed: PodFeed,
    first: Sender<Option<FirstList>>,
) {
    let config = Config::default().fields(&format!("spec.nodeName={node}"));
    let mut watch = Watch::<Pod>::new("this node's pods", Api::all(client.clone()), config);
    let mut pods = Pods::default();
    let mut listing = Vec::new();
    let mut lookups = FuturesUnordered::new();
    loop {
        while lookups.len() < AT_ONCE
            && let Some(link) = pods.next_question()
        {
            let client = client.clone();
            lookups.push(async move {
                let owner = owners::look_up(client, &link).await;
                (link, owner)
            });
        }
        tokio::select! {
            told = watch.next() => match told {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(pod)) => listing.extend(Known::of(pod)),
                Ok(Event::InitDone) => {
                    feed.listed(pods.list(std::mem::take(&mut listing)));
                    first.send_if_modified(|first| {
                        let is_first = first.is_none();
                        first.get_or_insert_with(|| pods.first_list(&namespace));
                        is_first
                    });
                }
                Ok(Event::Apply(pod)) => {
                    if let Some(facts) = Known::of(pod).and_then(|pod| pods.set(pod)) {
                        feed.set(facts);
                    }
                }
                Ok(Event::Delete(pod)) => {
                    if let Some(uid) = pod.metadata.uid {
                        pods.known.remove(&uid);
                        feed.removed(&uid);
                    }
                }
                Err(_) => {}
            },
            Some((link, owner)) = lookups.next() => {
                for facts in pods.answer(&link, owner) {
                    feed.set(facts);
                }
            }
        }
    }
}

/// The pods as they were told, and whose owners are still to be found out.
#[derive(Default)]
struct Pods {
    known: HashMap<String, Known>,
    remembered: Remembered,
    /// Links that are being asked for.
    asked: HashSet<Link>,
    questions: Vec<Link>,
}

/// What is kept of a pod.
#[derive(Clone, PartialEq)]
struct Known {
    facts: PodFacts,
    /// The direct owner, where that may have one itself.
    link: Option<Link>,
}

impl Known {
    fn of(pod: Metadata<Pod>) -> Option<Self> {
        let mut metadata = pod.metadata;
        let (owner, link) = owners::controller(&metadata).unzip();
        let annotations = metadata.annotations.take().unwrap_or_default();
        Some(Self {
            facts: PodFacts {
                uid: metadata.uid?,
                other_uids: other_uids(&annotations),
                namespace: metadata.namespace?,
                name: metadata.name?,
                labels: metadata.labels.unwrap_or_default(),
                owner,
            },
            link: link.flatten(),
        })
    }
}

fn other_uids(annotations: &BTreeMap<String, String>) -> Vec<String> {
    let mut uids: Vec<_> = OTHER_UIDS
        .iter()
        .filter_map(|key| annotations.get(*key).cloned())
        .collect();
    uids.dedup();
    uids
}

impl Pods {
    /// These are all. Gives what is to be told of them.
    fn list(&mut self, pods: Vec<Known>) -> Vec<PodFacts> {
        self.known.clear();
        let told = pods.into_iter().filter_map(|pod| self.set(pod));
        told.collect()
    }

    fn first_list(&self, namespace: &str) -> FirstList {
        let is_agent = |pod: &&Known| {
            let facts = &pod.facts;
            facts.namespace == namespace
                && facts
                    .labels
                    .get(COMPONENT)
                    .is_some_and(|component| component == "agent")
                && facts
                    .owner
                    .as_ref()
                    .is_some_and(|owner| owner.kind == "DaemonSet")
        };
        FirstList {
            another_agent: self.known.values().filter(is_agent).count() > 1,
        }
    }

    /// A pod is there, or has changed. Gives what is to be told of it, if anything is new.
    fn set(&mut self, mut pod: Known) -> Option<PodFacts> {
        if let Some(link) = &pod.link {
            match self.remembered.get(link) {
                Some(Some(owner)) => pod.facts.owner = Some(owner),
                Some(None) => {}
                None => self.ask(link.clone()),
            }
        }
        if self.known.get(&pod.facts.uid) == Some(&pod) {
            return None;
        }
        let facts = pod.facts.clone();
        self.known.insert(facts.uid.clone(), pod);
        Some(facts)
    }

    fn ask(&mut self, link: Link) {
        if self.asked.insert(link.clone()) {
            self.questions.push(link);
        }
    }

    fn next_question(&mut self) -> Option<Link> {
        self.questions.pop()
    }

    /// What was found out of a link. Gives what is to be told of the pods that hang on it.
    fn answer(&mut self, link: &Link, found: Option<Option<Owner>>) -> Vec<PodFacts> {
        self.asked.remove(link);
        let Some(owner) = found else {
            // The direct owner stays, until the pod is told again.
            return Vec::new();
        };
        self.remembered.put(link.clone(), owner.clone());
        let Some(owner) = owner else {
            return Vec::new();
        };
        let theirs = self.known.values_mut();
        let theirs = theirs.filter(|pod| pod.link.as_ref() == Some(link));
        theirs
            .map(|pod| {
                pod.facts.owner = Some(owner.clone());
                pod.facts.clone()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
