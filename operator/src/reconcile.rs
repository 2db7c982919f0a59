//! Looks at one trace, and does what was decided.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::runtime::controller::Action;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Resource, ResourceExt};
use tokio::sync::watch::Receiver;
use traceherd_crds::{Ceilings, TraceReport, TraceStatus};
use tracing::{debug, warn};

use crate::decide::{Change, Decision, Report, Seen, Wanted, decide};
use crate::kinds::{AnyTrace, Guarded, namespace};
use crate::metrics::Metrics;
use crate::notices::{is_too_late, notices};
use crate::pace::Pace;
use crate::status;
use crate::watch::{FleetWatch, ReportsWatch, Subject};

/// When to look again at what was just written, should the watch not tell.
const UNTOLD: Duration = Duration::from_secs(5);
/// When to try again what failed, and what was refused for a reason that will not pass soon.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_REFUSED: Duration = Duration::from_secs(60);

/// What looking at a trace takes.
pub struct Context {
    /// To the API server.
    pub client: Client,
    /// Traceherd's own namespace.
    pub home: String,
    /// What the administrator allows.
    pub ceilings: Ceilings,
    /// The nodes.
    pub fleet: FleetWatch,
    /// The reports.
    pub reports: ReportsWatch,
    /// Whether this operator acts.
    pub leads: Receiver<bool>,
    /// When was written.
    pub pace: Mutex<Pace>,
    /// Whose Events they are.
    pub reporter: Reporter,
    /// What was done.
    pub metrics: Arc<Metrics>,
}

/// Why looking at a trace failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The status was not taken.
    #[error("writing the status")]
    Status(#[source] kube::Error),
    /// A report could not be deleted.
    #[error("deleting the report {name}")]
    Report {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: kube::Error,
    },
}

/// Looks at a trace; does nothing, and stops what it does at once, while another operator acts.
///
/// # Errors
/// When the API server does not take what is to be done.
pub async fn reconcile<K: AnyTrace>(
    trace: Arc<Guarded<K>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let Ok(trace) = &trace.0 else {
        return Ok(Action::await_change());
    };
    let mut leads = context.leads.clone();
    tokio::select! {
        biased;
        // An error is an operator that ends.
        _ = leads.wait_for(|leads| !leads) => Ok(Action::await_change()),
        done = act(trace, &context) => done,
    }
}

/// When to try again.
pub fn retry<K: AnyTrace>(trace: Arc<Guarded<K>>, error: &Error, context: Arc<Context>) -> Action {
    context.metrics.errors.inc();
    let (Error::Status(source) | Error::Report { source, .. }) = error;
    let (namespace, name) = (namespace(trace.meta()), trace.name_any());
    match source {
        kube::Error::Api(status) if status.code != 429 && status.code < 500 => {
            let reason = &status.message;
            warn!(kind = ?K::KIND, namespace, name, "{error}: {reason}");
            Action::requeue(RETRY_REFUSED)
        }
        // The API server is away: the watches say so, once.
        _ => {
            debug!(kind = ?K::KIND, namespace, name, "{error}: {source}");
            Action::requeue(RETRY)
        }
    }
}

async fn act<K: AnyTrace>(trace: &K, context: &Context) -> Result<Action, Error> {
    let metadata = trace.meta();
    let (Some(uid), Some(version)) = (&metadata.uid, &metadata.resource_version) else {
        return Ok(Action::await_change());
    };
    if metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    if context.pace().is_behind(uid, version) {
        return Ok(Action::requeue(UNTOLD));
    }
    let start = Instant::now();
    let unseen = TraceStatus::default();
    let before = trace.status().unwrap_or(&unseen);
    let wanted = Wanted {
        kind: K::KIND,
        generation: metadata.generation.unwrap_or_default(),
        spec: trace.wanted(),
    };
    let reports = context.reports.about(&Subject {
        kind: K::KIND,
        namespace: namespace(metadata).to_owned(),
        name: trace.name_any(),
        uid: uid.clone(),
    });
    let decision = decide(Seen {
        wanted: &wanted,
        ceilings: &context.ceilings,
        status: before,
        reports: &reports,
        nodes: &context.fleet.now(),
        now: Timestamp::now(),
    });
    let wait = context.wait(uid, &decision);
    let again = match decision.change {
        Change::Counts if !wait.is_zero() => sooner(Some(wait), decision.again),
        Change::Counts | Change::Matters => {
            let untold = context.write(trace, before, &decision.status).await?;
            sooner(untold.then_some(UNTOLD), decision.again)
        }
        Change::None => decision.again,
    };
    for report in &decision.delete {
        context.delete(namespace(metadata), report).await?;
    }
    context
        .metrics
        .reconcile
        .observe(start.elapsed().as_secs_f64());
    Ok(again.map_or_else(Action::await_change, Action::requeue))
}

fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}

impl Context {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long counts wait until they may be written.
    fn wait(&self, uid: &str, decision: &Decision) -> Duration {
        if decision.change != Change::Counts {
            return Duration::ZERO;
        }
        let bytes = serde_json::to_vec(&decision.status).map_or(0, |json| json.len());
        self.pace()
            .wait(uid, bytes, self.fleet.agents(), Instant::now())
    }

    /// Writes a status, and has noticed what changed with it. Tells whether there is another
    /// version of the trace now, which the watch is still to tell.
    async fn write<K: AnyTrace>(
        &self,
        trace: &K,
        before: &TraceStatus,
        after: &TraceStatus,
    ) -> Result<bool, Error> {
        let metadata = trace.meta();
        let traces = K::within(self.client.clone(), namespace(metadata));
        match status::write(&traces, trace, after).await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            // Written or deleted by somebody else: the watch will tell.
            Err(kube::Error::Api(refused)) if matches!(refused.code, 404 | 409) => {
                self.metrics.conflicts.inc();
                return Ok(true);
            }
            Err(error) => return Err(Error::Status(error)),
        }
        self.metrics.writes.inc();
        let seen = metadata
            .uid
            .as_deref()
            .zip(metadata.resource_version.as_deref());
        if let Some((uid, version)) = seen {
            self.pace().written(uid, version, Instant::now());
        }
        let about = trace.object_ref(&());
        for event in notices(before, after) {
            // A recorder's memory would tell the note of the first Event of a reason again.
            let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
            match recorder.publish(&event, &about).await {
                Ok(()) => {}
                Err(kube::Error::Api(refused)) if is_too_late(&refused) => break,
                Err(error) => {
                    self.metrics.errors.inc();
                    debug!(%error, "cannot publish the Event {}", event.reason);
                }
            }
        }
        Ok(true)
    }

    /// Deletes a report, and no other of its name, of a trace of `namespace`.
    async fn delete(&self, namespace: &str, report: &Report) -> Result<(), Error> {
        let place = if namespace.is_empty() {
            &self.home
        } else {
            namespace
        };
        let reports: Api<TraceReport> = Api::namespaced(self.client.clone(), place);
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(report.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match reports.delete(&report.name, &params).await {
            Ok(_) => self.metrics.deletions.inc(),
            // Gone already, or another of its name.
            Err(kube::Error::Api(refused)) if matches!(refused.code, 404 | 409) => return Ok(()),
            Err(source) => {
                let name = report.name.clone();
                return Err(Error::Report { name, source });
            }
        };
        debug!(namespace = place, name = report.name, "deleted a report");
        Ok(())
    }
}
