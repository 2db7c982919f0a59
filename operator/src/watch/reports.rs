//! What the nodes say, by the trace that it is about.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use traceherd_crds::{TraceKind, TraceReport, report_name};

use super::{Nudge, Nudges, Synced, follow};
use crate::decide::Report;
use crate::kinds::{Guarded, namespace};

/// Events of a report that are kept: a trace shows no more of all its nodes.
const EVENTS: usize = 10;
/// Reports are large; few of them are in memory as they come.
const PAGE: u32 = 50;

/// A trace, and no other of the same name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Subject {
    /// The kind.
    pub kind: TraceKind,
    /// The namespace; empty for a ClusterTrace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: String,
}

impl Subject {
    fn nudge(&self) -> Nudge {
        (self.namespace.clone(), self.name.clone())
    }
}

/// Reports by subject, and by their own name.
type Known = HashMap<Subject, HashMap<String, Arc<Report>>>;

/// The reports that are there.
#[derive(Debug, Default)]
pub struct ReportsWatch {
    known: Mutex<Known>,
}

impl ReportsWatch {
    /// The reports about a trace.
    pub fn about(&self, subject: &Subject) -> Vec<Arc<Report>> {
        let known = self.lock();
        let reports = known.get(subject).into_iter().flat_map(HashMap::values);
        reports.cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().values().map(HashMap::len).sum()
    }

    /// Follows the reports for ever, and nudges the traces that they are about. Traceherd's own
    /// namespace is `home`.
    pub async fn follow(
        &self,
        client: Client,
        what: &'static str,
        synced: &Synced,
        home: &str,
        nudges: impl Fn(TraceKind) -> Arc<Nudges>,
    ) {
        let reports = Api::<Guarded<TraceReport>>::all(client);
        let config = watcher::Config::default().page_size(PAGE);
        let mut coming = Known::new();
        follow(what, synced, watcher(reports, config), |event| {
            let changed: BTreeSet<_> = match event {
                Event::Init => {
                    coming.clear();
                    return;
                }
                Event::InitApply(report) => {
                    put(&mut coming, home, report);
                    return;
                }
                Event::InitDone => {
                    let coming = std::mem::take(&mut coming);
                    let before = std::mem::replace(&mut *self.lock(), coming.clone());
                    let all = before.into_keys().chain(coming.into_keys());
                    all.map(|subject| (subject.kind, subject.nudge())).collect()
                }
                Event::Apply(report) => put(&mut self.lock(), home, report),
                Event::Delete(report) => take(&mut self.lock(), home, &report),
            }
            .into_iter()
            .collect();
            for (kind, nudge) in changed {
                nudges(kind).push([nudge]);
            }
        })
        .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
