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

/// What is known of this node's agents, once its pods are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Agents {
    /// Whether an agent that was there before this one still is: an upgrade lets them overlap.
    pub earlier: bool,
}

/// Tells the collection the pods of `node`, for ever. `agents` gets what they say of the agents,
/// which are in Traceherd's `namespace`.
pub async fn watch_pods(
    client: Client,
    node: String,
    namespace: String,
    feed: PodFeed,
    agents: Sender<Option<Agents>>,
) {
    let config = Config::default().fields(&format!("spec.nodeName={node}"));
    let mut watch = Watch::<Pod>::new("this node's pods", Api::all(client.clone()), config);
    let mut pods = Pods::default();
    let mut first_agents = None;
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
                    let first = first_agents.get_or_insert_with(|| pods.agents(&namespace));
                    tell(&agents, &pods, first);
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
                        if let Some(first) = &first_agents {
                            tell(&agents, &pods, first);
                        }
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

fn tell(agents: &Sender<Option<Agents>>, pods: &Pods, first: &HashSet<String>) {
    let now = Some(pods.still(first));
    agents.send_if_modified(|told| std::mem::replace(told, now) != now);
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

    /// The uids of the agents' pods.
    fn agents(&self, namespace: &str) -> HashSet<String> {
        let is_agent = |facts: &&PodFacts| {
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
        let all = self.known.values().map(|pod| &pod.facts);
        all.filter(is_agent)
            .map(|facts| facts.uid.clone())
            .collect()
    }

    /// What is left of the agents that this one found when it began, of which it is one itself.
    fn still(&self, first: &HashSet<String>) -> Agents {
        let left = first.iter().filter(|uid| self.known.contains_key(*uid));
        Agents {
            earlier: left.count() > 1,
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
