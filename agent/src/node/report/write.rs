//! One write of one report.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde_json::json;
use tokio::time::timeout;
use traceherd_crds::{
    ClusterTrace, Trace, TraceKind, TraceReport, TraceReportSpec, TraceReportStatus,
};

use crate::answer::reason;
use crate::node::read::{self, Former, Read, former, read};
use crate::node::which::Which;

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who writes reports.
const MANAGER: &str = "traceherd-agent";

/// What is known of the object that is the report.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Object {
    /// Nothing: it has to be looked for.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// It is there.
    Present,
}

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Order {
    /// The trace.
    pub which: Which,
    /// Its uid.
    pub uid: String,
    /// Traceherd's own namespace.
    pub namespace: String,
    /// This node.
    pub node: String,
    /// The uid of its object in the API.
    pub node_uid: String,
    /// What is known of the object.
    pub object: Object,
    /// Whether a report of the trace was there and said something.
    pub was_told: bool,
    /// The status.
    pub status: TraceReportStatus,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// It is written.
    Written,
    /// Not written: a report of this trace was found that this agent has not read yet.
    Found(Box<TraceReport>),
    /// Not written: what is there is about an earlier trace of the same name, and goes by itself.
    InTheWay,
    /// Not written: there is no such object any more.
    Deleted,
    /// Not written: the object is gone, and what it said is summed up for good.
    SummedUp,
    /// Not written: this is known of the object now, and why.
    Failed(Object, String),
    /// Nobody answers.
    TimedOut,
}

/// Writes a report, and makes the object first where there is none.
pub async fn write(client: Client, order: Order) -> Outcome {
    match timeout(PATIENCE, attempt(client, &order)).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::TimedOut,
    }
}

async fn attempt(client: Client, order: &Order) -> Outcome {
    let (namespace, name) = order.which.report(&order.node, &order.namespace);
    let api: Api<TraceReport> = Api::namespaced(client.clone(), &namespace);
    let mut object = order.object;
    if object == Object::Unknown {
        let uid = order.uid.clone();
        match former(client.clone(), namespace.clone(), name.clone(), uid).await {
            Former::None => object = Object::Absent,
            Former::Ours(report) => return Outcome::Found(report),
            Former::Anothers => return Outcome::InTheWay,
            Former::Failed(error) => return Outcome::Failed(Object::Unknown, reason(&error)),
        }
    }
    if object == Object::Absent {
        if order.was_told {
            match may_be_made_again(client, order).await {
                Ok(true) => {}
                Ok(false) => return Outcome::SummedUp,
                Err(why) => return Outcome::Failed(Object::Absent, why),
            }
        }
        let made = made(order, &namespace, &name);
        if let Err(error) = api.create(&PostParams::default(), &made).await {
            // Somebody else's, or made by a write of ours whose answer was lost.
            return Outcome::Failed(Object::Unknown, reason(&error));
        }
    }
    let status = json!({
        "apiVersion": TraceReport::api_version(&()),
        "kind": TraceReport::kind(&()),
        "metadata": {"name": name},
        "status": &order.status,
    });
    let params = PatchParams::apply(MANAGER).force();
    match api
        .patch_status(&name, &params, &Patch::Apply(&status))
        .await
    {
        Ok(_) => Outcome::Written,
        Err(kube::Error::Api(status)) if status.code == 404 => Outcome::Deleted,
        Err(error) => {
            let object = match &error {
                kube::Error::Api(status) if status.code == 409 => Object::Unknown,
                _ => Object::Present,
            };
            Outcome::Failed(object, reason(&error))
        }
    }
}

/// Whether a report that is gone was deleted by somebody who had no business with it. The operator
/// deletes reports of nodes that are gone, and of runs that are over; their counts are in the
/// trace's status then, and would count once more.
async fn may_be_made_again(client: Client, order: &Order) -> Result<bool, String> {
    let nodes: Api<PartialObjectMeta<Node>> = Api::all(client.clone());
    let named = ListParams::default().fields(&format!("metadata.name={}", order.node));
    let nodes = nodes.list_metadata(&named).await;
    let nodes = nodes.map_err(|error| reason(&error))?.items;
    let mut uids = nodes.iter().map(|node| node.metadata.uid.as_deref());
    if !uids.any(|uid| uid == Some(&order.node_uid)) {
        return Ok(false);
    }
    match read(client, order.which.clone()).await {
        read::Outcome::Read(read) => Ok(goes_on(&read, &order.uid, order.status.run.as_deref())),
        read::Outcome::Gone => Ok(false),
        read::Outcome::Strange(_) => Ok(true),
        read::Outcome::Failed(why) => Err(why),
    }
}

/// Whether a trace is still that one, in that run, and not over.
fn goes_on(read: &Read, uid: &str, run: Option<&str>) -> bool {
    read.uid == uid && read.spec.run.as_deref() == run && !read.status.has_finished(run)
}

/// The object without its status.
fn made(order: &Order, namespace: &str, name: &str) -> TraceReport {
    let trace = order.which.reference(&order.uid);
    let (api_version, kind) = match trace.kind {
        TraceKind::Trace => (Trace::api_version(&()), Trace::kind(&())),
        TraceKind::ClusterTrace => (ClusterTrace::api_version(&()), ClusterTrace::kind(&())),
    };
    TraceReport {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            owner_references: Some(vec![OwnerReference {
                api_version: api_version.into_owned(),
                kind: kind.into_owned(),
                name: trace.name.clone(),
                uid: trace.uid.clone(),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        spec: TraceReportSpec {
            trace_ref: trace,
            node_name: order.node.clone(),
        },
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_goes_on_may_be_told_anew() {
        let read = |run: Option<&str>, status: serde_json::Value| Read {
            uid: "u".into(),
            generation: 2,
            spec: serde_json::from_value(json!({"gadget": "exec", "run": run})).unwrap(),
            status: serde_json::from_value(status).unwrap(),
        };
        let over =
            |run: Option<&str>| json!({"run": run, "completionTime": "2026-01-01T00:00:00Z"});
        let running = || json!({"startTime": "2026-01-01T00:00:00Z"});
        for (read, uid, run, may) in [
            (read(None, running()), "u", None, true),
            (read(None, running()), "another", None, false),
            (read(None, over(None)), "u", None, false),
            // The next run has begun, and this is about the one before.
            (read(Some("2"), over(None)), "u", None, false),
            (read(Some("2"), over(None)), "u", Some("2"), true),
            (read(Some("2"), over(Some("2"))), "u", Some("2"), false),
        ] {
            assert_eq!(goes_on(&read, uid, run), may, "{read:?} {uid} {run:?}");
        }
    }
}
