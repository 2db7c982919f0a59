//! This node's labels.

use k8s_openapi::api::core::v1::Node;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;

use super::Fact;
use super::stream::Watch;

/// Tells the labels of the node `name`, and every change of them, until nobody listens.
pub async fn watch_node(client: Client, name: String, inbox: Sender<Fact>) {
    let config = Config::default().fields(&format!("metadata.name={name}"));
    let mut watch = Watch::<Node>::new("this node", Api::all(client), config);
    let mut told = None;
    loop {
        // A node that is deleted keeps its last labels: nobody says that they are wrong.
        if let Ok(Event::Apply(node) | Event::InitApply(node)) = watch.next().await {
            let labels = node.metadata.labels.unwrap_or_default();
            if told.as_ref() == Some(&labels) {
                continue;
            }
            told = Some(labels.clone());
            if inbox.send(Fact::Node(labels)).await.is_err() {
                return;
            }
        }
    }
}
