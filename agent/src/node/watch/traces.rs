//! The traces of one kind.

use std::fmt::Debug;
use std::time::Instant;

use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use traceherd_crds::TraceKind;

use super::presence::{Absence, is_there};
use super::stream::{Metadata, Watch, code};
use super::{Fact, Sighting};
use crate::node::which::{Which, kind_name};

/// Tells the traces of a kind, and every change, until nobody listens.
pub async fn watch_traces<K>(client: Client, kind: TraceKind, inbox: Sender<Fact>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api = Api::all(client.clone());
    let mut watch = Watch::<K>::new(kind_name(kind), api, Config::default());
    let mut listing = Vec::new();
    let mut absence = Absence::default();
    let mut gone = false;
    loop {
        let fact = match watch.next().await {
            Ok(event) => {
                if !matches!(event, Event::Init) {
                    absence = Absence::default();
                    gone = false;
                }
                taken(event, kind, &mut listing)
            }
            Err(error) if code(&error) == Some(404) => {
                let there = is_there::<K>(&client).await;
                let was_gone = gone;
                gone |= absence.is_gone(there, Instant::now());
                (gone && !was_gone).then_some(Fact::KindGone(kind))
            }
            Err(_) => None,
        };
        if let Some(fact) = fact
            && inbox.send(fact).await.is_err()
        {
            return;
        }
    }
}

fn taken<K>(
    event: Event<Metadata<K>>,
    kind: TraceKind,
    listing: &mut Vec<Sighting>,
) -> Option<Fact> {
    match event {
        Event::Init => {
            listing.clear();
            None
        }
        Event::InitApply(trace) => {
            listing.extend(sighting(trace, kind));
            None
        }
        Event::InitDone => Some(Fact::Traces(kind, std::mem::take(listing))),
        Event::Apply(trace) => sighting(trace, kind).map(Fact::Trace),
        Event::Delete(trace) => {
            sighting(trace, kind).map(|seen| Fact::TraceGone(seen.which, seen.uid))
        }
    }
}

fn sighting<K>(trace: Metadata<K>, kind: TraceKind) -> Option<Sighting> {
    let metadata = trace.metadata;
    Some(Sighting {
        which: Which {
            kind,
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name?,
        },
        uid: metadata.uid?,
        generation: metadata.generation.unwrap_or_default(),
        version: metadata.resource_version.unwrap_or_default(),
    })
}
