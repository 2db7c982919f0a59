//! The nodes, and the agents on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::core::{PartialObjectMeta, Selector};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::Notify;

use super::{Synced, follow};
use crate::decide::{Fleet, Node};

/// What changes within this long is looked at together: a rollout changes every agent.
const TOGETHER: Duration = Duration::from_millis(300);

type Labels = Arc<BTreeMap<String, String>>;

/// The nodes and agents that are there.
#[derive(Debug, Default)]
pub struct FleetWatch {
    parts: Mutex<Parts>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Parts {
    /// Labels by node.
    nodes: HashMap<String, Labels>,
    /// Each agent's node, and whether it is ready, by the pod's name.
    agents: HashMap<String, (String, bool)>,
}

impl FleetWatch {
    /// Every node as it is now.
    pub fn now(&self) -> Fleet {
        self.lock().together()
    }

    /// How many agents there are.
    pub fn agents(&self) -> usize {
        self.lock().agents.len()
    }

    /// Follows the nodes for ever.
    pub async fn follow_nodes(&self, client: Client, what: &'static str, synced: &Synced) {
        let nodes = Api::<PartialObjectMeta<NodeObject>>::all(client);
        let mut coming = HashMap::new();
        let events = watcher(nodes, watcher::Config::default());
        follow(what, synced, events, |event| {
            let labels = |mut node: PartialObjectMeta<NodeObject>| {
                (node.name_any(), Arc::new(std::mem::take(node.labels_mut())))
            };
            self.keep(event, &mut coming, |parts| &mut parts.nodes, labels);
        })
        .await;
    }

    /// Follows the agents' pods, those of a namespace with these labels, for ever.
    pub async fn follow_agents(
        &self,
        pods: Api<Pod>,
        selector: &Selector,
        what: &'static str,
        synced: &Synced,
    ) {
        let config = watcher::Config::default().labels_from(selector);
        let mut coming = HashMap::new();
        follow(what, synced, watcher(pods, config), |event| {
            let place = |pod: Pod| (pod.name_any(), place(&pod));
            self.keep(event, &mut coming, |parts| &mut parts.agents, place);
        })
        .await;
    }

    /// Calls `look` whenever something has changed, but not for every change.
    pub async fn each_change(&self, look: impl Fn()) {
        let mut before = Fleet::new();
        loop {
            self.changed.notified().await;
            tokio::time::sleep(TOGETHER).await;
            let now = self.now();
            if now != before {
                before = now;
                look();
            }
        }
    }

    /// Keeps one of the maps as the API server has it.
    fn keep<K, V>(
        &self,
        event: Event<K>,
        coming: &mut HashMap<String, V>,
        map: impl Fn(&mut Parts) -> &mut HashMap<String, V>,
        entry: impl Fn(K) -> (String, V),
    ) {
        match event {
            Event::Init => coming.clear(),
            Event::InitApply(object) => coming.extend([entry(object)]),
            Event::InitDone => *map(&mut self.lock()) = std::mem::take(coming),
            Event::Apply(object) => map(&mut self.lock()).extend([entry(object)]),
            Event::Delete(object) => {
                map(&mut self.lock()).remove(&entry(object).0);
            }
        }
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    /// Nodes with their agents. While an upgrade has two agents on a node, one that is ready
    /// does.
    fn together(&self) -> Fleet {
        let nodes = self.nodes.iter().map(|(name, labels)| {
            let node = Node {
                labels: Some(Arc::clone(labels)),
                agent_ready: None,
            };
            (name.clone(), node)
        });
        let mut fleet: Fleet = nodes.collect();
        for (node, ready) in self.agents.values().filter(|(node, _)| !node.is_empty()) {
            let agent = &mut fleet.entry(node.clone()).or_default().agent_ready;
            *agent = Some(*ready || *agent == Some(true));
        }
        fleet
    }
}

/// An agent's node, empty while it has none, and whether it is ready.
fn place(pod: &Pod) -> (String, bool) {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let status = pod.status.as_ref();
    let mut conditions = status
        .into_iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.any(|one| one.type_ == "Ready" && one.status == "True");
    (node.unwrap_or_default(), ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_as_ready_as_the_best_of_its_agents() {
        let mut parts = Parts::default();
        for name in ["a", "b", "c"] {
            parts.nodes.insert(name.to_owned(), Labels::default());
        }
        for (pod, node, ready) in [
            ("old", "a", true),
            ("new", "a", false),
            ("starting", "b", false),
            ("unscheduled", "", false),
            ("left", "gone", true),
        ] {
            let place = (node.to_owned(), ready);
            parts.agents.insert(pod.to_owned(), place);
        }
        let fleet = parts.together();
        let agents: Vec<_> = fleet
            .iter()
            .map(|(name, node)| (name.as_str(), node.labels.is_some(), node.agent_ready))
            .collect();
        let wanted = [
            ("a", true, Some(true)),
            ("b", true, Some(false)),
            ("c", true, None),
            ("gone", false, Some(true)),
        ];
        assert_eq!(agents, wanted);
    }

    #[test]
    fn a_pod_says_where_it_is_and_whether_it_is_ready() {
        for (pod, wanted) in [
            (r#"{"metadata": {}}"#, ("", false)),
            (
                r#"{"metadata": {}, "spec": {"nodeName": "a", "containers": []}, "status": {"conditions":
                    [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]}}"#,
                ("a", false),
            ),
            (
                r#"{"metadata": {}, "spec": {"nodeName": "a", "containers": []}, "status": {"conditions":
                    [{"type": "Ready", "status": "True"}]}}"#,
                ("a", true),
            ),
        ] {
            let pod: Pod = serde_json::from_str(pod).unwrap();
            let (node, ready) = place(&pod);
            assert_eq!((node.as_str(), ready), wanted);
        }
    }
}
