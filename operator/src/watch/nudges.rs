//! Which traces are to be looked at. A trace is in it once, however often it is nudged, so it
//! cannot grow beyond what is there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{Stream, stream};
use kube::runtime::reflector::{Lookup, ObjectRef};
use tokio::sync::Notify;

/// A trace by namespace, which is empty for a ClusterTrace, and name.
pub type Nudge = (String, String);

/// The traces of one kind that are to be looked at.
#[derive(Debug, Default)]
pub struct Nudges {
    waiting: Mutex<BTreeSet<Nudge>>,
    some: Notify,
}

impl Nudges {
    /// These are to be looked at.
    pub fn push(&self, traces: impl IntoIterator<Item = Nudge>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(traces);
        self.some.notify_one();
    }

    fn pop(&self) -> Option<Nudge> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_first()
    }

    async fn next(&self) -> Nudge {
        loop {
            if let Some(nudge) = self.pop() {
                return nudge;
            }
            self.some.notified().await;
        }
    }

    /// The traces, as they are nudged.
    pub fn stream<K>(self: Arc<Self>) -> impl Stream<Item = ObjectRef<K>>
    where
        K: Lookup<DynamicType = ()>,
    {
        stream::unfold(self, async |nudges| {
            let (namespace, name) = nudges.next().await;
            let trace = ObjectRef::new(&name);
            let trace = if namespace.is_empty() {
                trace
            } else {
                trace.within(&namespace)
            };
            Some((trace, nudges))
        })
    }
}
