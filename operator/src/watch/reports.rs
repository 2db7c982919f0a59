//! What the nodes say, by the trace that it is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
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

/// Reports by subject, and by node.
type Known = HashMap<Subject, HashMap<String, Arc<Report>>>;

/// The reports that are there.
#[derive(Debug)]
pub struct ReportsWatch {
    /// Traceherd's own namespace, where reports about a ClusterTrace are.
    home: String,
    known: Mutex<Known>,
}

impl ReportsWatch {
    /// None yet.
    pub fn new(home: &str) -> Self {
        Self {
            home: home.to_owned(),
            known: Mutex::default(),
        }
    }

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

    /// Follows the reports for ever, and nudges the traces that they are about.
    pub async fn follow(
        &self,
        client: Client,
        what: &'static str,
        synced: &Synced,
        nudges: impl Fn(TraceKind) -> Arc<Nudges>,
    ) {
        let reports = Api::<Guarded<TraceReport>>::all(client);
        let config = watcher::Config::default().page_size(PAGE);
        let nudge = |subject: &Subject| nudges(subject.kind).push([subject.nudge()]);
        let mut coming = Known::new();
        follow(
            what,
            synced,
            watcher(reports, config),
            |event| match event {
                Event::Init => coming.clear(),
                Event::InitApply(report) => {
                    put(&mut coming, &self.home, report);
                }
                Event::InitDone => {
                    let mut known = self.lock();
                    let before = std::mem::replace(&mut *known, std::mem::take(&mut coming));
                    known.keys().chain(before.keys()).for_each(nudge);
                }
                Event::Apply(report) => {
                    if let Some(subject) = put(&mut self.lock(), &self.home, report) {
                        nudge(&subject);
                    }
                }
                Event::Delete(report) => {
                    if let Some(subject) = take(&mut self.lock(), &self.home, report) {
                        nudge(&subject);
                    }
                }
            },
        )
        .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a report where it belongs; tells about which trace it is.
fn put(known: &mut Known, home: &str, report: Guarded<TraceReport>) -> Option<Subject> {
    let report = report.0.ok()?;
    let subject = subject(home, &report)?;
    let node = report.spec.node_name;
    let mut status = report.status.unwrap_or_default();
    status.latest.truncate(EVENTS);
    status.latest.shrink_to_fit();
    let report = Report {
        name: report.metadata.name?,
        uid: report.metadata.uid?,
        node: node.clone(),
        status,
    };
    let about = known.entry(subject.clone()).or_default();
    about.insert(node, Arc::new(report));
    Some(subject)
}

/// Takes a report away that is gone.
fn take(known: &mut Known, home: &str, report: Guarded<TraceReport>) -> Option<Subject> {
    let report = report.0.ok()?;
    let subject = subject(home, &report)?;
    let about = known.get_mut(&subject)?;
    about.remove(&report.spec.node_name);
    if about.is_empty() {
        known.remove(&subject);
    }
    Some(subject)
}

/// The trace that a report is about; `None` for a report that is not where reports about it are,
/// or has not the name that they have: whoever made it is no agent.
fn subject(home: &str, report: &TraceReport) -> Option<Subject> {
    let about = &report.spec.trace_ref;
    let place = namespace(&report.metadata);
    let name = report_name(about.kind, &about.name, &report.spec.node_name);
    let (is_home, namespace) = match about.kind {
        TraceKind::Trace => (true, place),
        TraceKind::ClusterTrace => (place == home, ""),
    };
    let is_named = report.metadata.name.as_ref() == Some(&name);
    (is_home && is_named).then(|| Subject {
        kind: about.kind,
        namespace: namespace.to_owned(),
        name: about.name.clone(),
        uid: about.uid.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn report(namespace: &str, name: &str, kind: &str, events: usize) -> Guarded<TraceReport> {
        let event = json!({"timestamp": "2026-01-01T00:00:00.000000Z", "node": "n", "pid": 1,
            "uid": 0, "comm": "sh", "ret": 0});
        guarded(json!({
            "apiVersion": "traceherd.dev/v1alpha1", "kind": "TraceReport",
            "metadata": {"name": name, "namespace": namespace, "uid": "r"},
            "spec": {"traceRef": {"kind": kind, "name": "t", "uid": "u"}, "nodeName": "n"},
            "status": {"latest": vec![event; events]},
        }))
    }

    fn guarded(report: Value) -> Guarded<TraceReport> {
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn only_what_an_agent_would_write_is_known() {
        for (namespace, name, kind, right) in [
            ("shop", "trace.t.n", "Trace", true),
            ("home", "clustertrace.t.n", "ClusterTrace", true),
            ("shop", "clustertrace.t.n", "ClusterTrace", false),
            ("shop", "clustertrace.t.n", "Trace", false),
            ("shop", "trace.t.m", "Trace", false),
        ] {
            let mut known = Known::new();
            let about = put(&mut known, "home", report(namespace, name, kind, 0));
            assert_eq!(about.is_some(), right, "{namespace} {name} {kind}");
            assert_eq!(known.len(), usize::from(right));
        }
    }

    #[test]
    fn a_report_is_about_a_trace_of_its_own_namespace() {
        let mut known = Known::new();
        put(&mut known, "home", report("mine", "trace.t.n", "Trace", 0));
        let theirs = Subject {
            kind: TraceKind::Trace,
            namespace: "theirs".to_owned(),
            name: "t".to_owned(),
            uid: "u".to_owned(),
        };
        assert!(!known.contains_key(&theirs));
    }

    #[test]
    fn the_newest_events_are_kept_and_what_goes_is_forgotten() {
        let mut known = Known::new();
        let one = || report("shop", "trace.t.n", "Trace", 50);
        let about = put(&mut known, "home", one()).unwrap();
        assert_eq!(known[&about]["n"].status.latest.len(), EVENTS);
        assert_eq!(take(&mut known, "home", one()), Some(about));
        assert_eq!(known, Known::new());
        assert_eq!(take(&mut known, "home", one()), None);
    }

    #[test]
    fn what_cannot_be_understood_is_not_known() {
        let mut known = Known::new();
        let strange = guarded(json!({"metadata": {"name": "trace.t.n"}, "spec": {"nodeName": 1}}));
        assert_eq!(put(&mut known, "home", strange), None);
        assert_eq!(known, Known::new());
    }
}
