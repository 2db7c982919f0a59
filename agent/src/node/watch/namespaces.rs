//! The labels of namespaces.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;

use super::Fact;
use super::stream::{Metadata, Watch};
use crate::node::desired::Labels;

/// Tells every namespace's labels, and again when one changes, until nobody listens.
pub async fn watch_namespaces(client: Client, inbox: Sender<Fact>) {
    let mut watch = Watch::<Namespace>::new("namespaces", Api::all(client), Config::default());
    let mut known = BTreeMap::new();
    let mut listing = BTreeMap::new();
    loop {
        let Ok(event) = watch.next().await else {
            continue;
        };
        let changed = match event {
            Event::Init => {
                listing.clear();
                false
            }
            Event::InitApply(namespace) => {
                put(&mut listing, namespace);
                false
            }
            Event::InitDone => {
                known = std::mem::take(&mut listing);
                true
            }
            Event::Apply(namespace) => put(&mut known, namespace),
            Event::Delete(namespace) => namespace
                .metadata
                .name
                .is_some_and(|name| known.remove(&name).is_some()),
        };
        if changed && inbox.send(Fact::Namespaces(known.clone())).await.is_err() {
            return;
        }
    }
}

/// Whether that changed anything.
fn put(known: &mut BTreeMap<String, Labels>, namespace: Metadata<Namespace>) -> bool {
    let Some(name) = namespace.metadata.name else {
        return false;
    };
    let labels = namespace.metadata.labels.unwrap_or_default();
    let before = known.insert(name, labels.clone());
    before != Some(labels)
}
