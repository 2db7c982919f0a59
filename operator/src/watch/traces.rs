//! The traces of one kind.

use futures::StreamExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector::Store};
use kube::{Api, Client, Resource, ResourceExt};
use tracing::warn;

use super::{Nudge, Nudges, Synced, follow};
use crate::kinds::{AnyTrace, Guarded, namespace};

/// Keeps `writer`'s store as the API server has it, and nudges what changes.
pub async fn follow_traces<K: AnyTrace>(
    client: Client,
    what: &'static str,
    synced: &Synced,
    writer: Writer<Guarded<K>>,
    nudges: &Nudges,
) {
    let store = writer.as_reader();
    let traces = Api::<Guarded<K>>::all(client);
    let events = watcher(traces, watcher::Config::default());
    let trim = |trace: &mut Guarded<K>| trace.managed_fields_mut().clear();
    let events = events.modify(trim).reflect(writer).boxed();
    follow(what, synced, events, |event| match event {
        Event::Apply(trace) => {
            tell_if_strange(&trace);
            nudges.push([key(&trace)]);
        }
        Event::InitApply(trace) => tell_if_strange(&trace),
        // What changed meanwhile is in the store only now.
        Event::InitDone => nudge_all(&store, nudges),
        Event::Init | Event::Delete(_) => {}
    })
    .await;
}

/// Nudges every trace of a kind.
pub fn nudge_all<K: AnyTrace>(store: &Store<Guarded<K>>, nudges: &Nudges) {
    nudges.push(store.state().iter().map(|trace| key(trace)));
}

fn key<K: AnyTrace>(trace: &Guarded<K>) -> Nudge {
    (namespace(trace.meta()).to_owned(), trace.name_any())
}

/// A trace that cannot be understood is left alone.
fn tell_if_strange<K: AnyTrace>(trace: &Guarded<K>) {
    if let Err(error) = &trace.0 {
        let (namespace, name) = key(trace);
        warn!(kind = ?K::KIND, namespace, name, %error, "cannot understand a trace, leaving it alone");
    }
}
