//! This node's object in the API.

use k8s_openapi::api::core::v1::Node;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;

use super::Fact;
use super::stream::{Metadata, Watch};
use crate::node::desired::Labels;

/// Tells the node `name`, every change of its labels, and when it is gone, until nobody listens.
pub async fn watch_node(client: Client, name: String, inbox: Sender<Fact>) {
    let config = Config::default().fields(&format!("metadata.name={name}"));
    let mut watch = Watch::<Node>::new("this node", Api::all(client), config);
    let mut known = Known::default();
    loop {
        if let Ok(event) = watch.next().await
            && let Some(fact) = known.learn(event)
            && inbox.send(fact).await.is_err()
        {
            return;
        }
    }
}

/// What was told of the node.
#[derive(Default)]
struct Known {
    uid: Option<String>,
    labels: Labels,
    /// Whether the list that is coming has it.
    is_listed: bool,
}

impl Known {
    /// Takes in an event; gives what is new.
    fn learn(&mut self, event: Event<Metadata<Node>>) -> Option<Fact> {
        match event {
            Event::Init => {
                self.is_listed = false;
                None
            }
            Event::InitApply(node) | Event::Apply(node) => {
                self.is_listed = true;
                self.see(node)
            }
            Event::InitDone if self.is_listed => None,
            Event::InitDone | Event::Delete(_) => self.uid.take().map(|_| Fact::NodeGone),
        }
    }

    fn see(&mut self, node: Metadata<Node>) -> Option<Fact> {
        let uid = node.metadata.uid?;
        let labels = node.metadata.labels.unwrap_or_default();
        if self.uid.as_ref().is_some_and(|known| *known != uid) {
            return Some(Fact::NodeGone);
        }
        let is_new = self.uid.is_none() || self.labels != labels;
        self.uid = Some(uid.clone());
        self.labels.clone_from(&labels);
        is_new.then_some(Fact::Node(uid, labels))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;

    fn node(uid: &str, pool: &str) -> Metadata<Node> {
        Metadata {
            types: None,
            metadata: ObjectMeta {
                uid: Some(uid.into()),
                labels: Some([("pool".to_owned(), pool.to_owned())].into()),
                ..ObjectMeta::default()
            },
            _phantom: std::marker::PhantomData,
        }
    }

    #[test]
    fn its_labels_are_told_when_they_change_and_when_it_is_gone() {
        let mut known = Known::default();
        let mut learn = |event| match known.learn(event) {
            None => String::new(),
            Some(Fact::Node(uid, labels)) => format!("{uid} {}", labels["pool"]),
            Some(Fact::NodeGone) => "gone".to_owned(),
            Some(other) => panic!("{other:?}"),
        };
        for (event, told) in [
            // None is there yet.
            (Event::Init, ""),
            (Event::InitDone, ""),
            (Event::Apply(node("1", "a")), "1 a"),
            (Event::Apply(node("1", "a")), ""),
            (Event::Apply(node("1", "b")), "1 b"),
            // The watch broke off, and nothing had happened.
            (Event::Init, ""),
            (Event::InitApply(node("1", "b")), ""),
            (Event::InitDone, ""),
            (Event::Delete(node("1", "b")), "gone"),
            (Event::Apply(node("2", "b")), "2 b"),
            // Meanwhile it was deleted and made again.
            (Event::InitApply(node("3", "b")), "gone"),
        ] {
            assert_eq!(learn(event), told);
        }
        let mut known = Known::default();
        known.learn(Event::Apply(node("1", "a")));
        known.learn(Event::Init);
        assert!(matches!(known.learn(Event::InitDone), Some(Fact::NodeGone)));
    }
}
