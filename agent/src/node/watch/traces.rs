//! The traces of one kind.

use std::fmt::Debug;
use std::time::Instant;

use kube::runtime::watcher::{Config, Event};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use traceherd_crds::TraceKind;

use super::presence::{Absence, is_there};
use super::stream::{Heard, Metadata, Watch, code};
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
        let fact = match watch.hear().await {
            Heard::Again(outage) => Some(Fact::Late(kind, outage)),
            Heard::Told(Ok(event)) => {
                if !matches!(event, Event::Init) {
                    absence = Absence::default();
                    gone = false;
                }
                taken(event, kind, &mut listing)
            }
            Heard::Told(Err(error)) if code(&error) == Some(404) => {
                let there = is_there::<K>(&client).await;
                let was_gone = gone;
                gone |= absence.is_gone(there, Instant::now());
                (gone && !was_gone).then_some(Fact::KindGone(kind))
            }
            Heard::Told(Err(_)) => None,
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
            let there = Some(trace).filter(|trace| !is_going(trace));
            listing.extend(there.and_then(|trace| sighting(trace, kind)));
            None
        }
        Event::InitDone => Some(Fact::Traces(kind, std::mem::take(listing))),
        Event::Apply(trace) if !is_going(&trace) => sighting(trace, kind).map(Fact::Trace),
        Event::Apply(trace) | Event::Delete(trace) => {
            sighting(trace, kind).map(|seen| Fact::TraceGone(seen.which, seen.uid))
        }
    }
}

/// Whether it is deleted, and only waits for somebody's finalizer.
fn is_going<K>(trace: &Metadata<K>) -> bool {
    trace.metadata.deletion_timestamp.is_some()
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

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use traceherd_crds::Trace;

    use super::*;

    fn trace(name: &str, going: bool) -> Metadata<Trace> {
        Metadata {
            types: None,
            metadata: ObjectMeta {
                name: Some(name.into()),
                namespace: Some("shop".into()),
                uid: Some(format!("uid-of-{name}")),
                deletion_timestamp: going.then_some(Time(Timestamp::UNIX_EPOCH)),
                ..ObjectMeta::default()
            },
            _phantom: std::marker::PhantomData,
        }
    }

    #[test]
    fn a_list_is_told_when_it_is_whole_and_without_what_is_deleted() {
        let mut listing = Vec::new();
        let mut take = |event| taken(event, TraceKind::Trace, &mut listing);
        assert!(take(Event::Init).is_none());
        assert!(take(Event::InitApply(trace("a", false))).is_none());
        // The list breaks off, and begins anew.
        assert!(take(Event::Init).is_none());
        assert!(take(Event::InitApply(trace("b", false))).is_none());
        assert!(take(Event::InitApply(trace("c", true))).is_none());
        let Some(Fact::Traces(TraceKind::Trace, all)) = take(Event::InitDone) else {
            panic!("no list");
        };
        let names: Vec<_> = all.iter().map(|seen| seen.which.name.as_str()).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn what_is_deleted_is_gone_whatever_it_still_waits_for() {
        let mut listing = Vec::new();
        for (event, gone) in [
            (Event::Apply(trace("a", false)), false),
            (Event::Apply(trace("a", true)), true),
            (Event::Delete(trace("a", false)), true),
        ] {
            let told = taken(event, TraceKind::Trace, &mut listing);
            let is_gone = matches!(told, Some(Fact::TraceGone(_, uid)) if uid == "uid-of-a");
            assert_eq!(is_gone, gone);
        }
    }
}
