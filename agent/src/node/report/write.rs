//! One write of one report.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource};
use serde_json::json;
use tokio::time::timeout;
use traceherd_crds::{
    ClusterTrace, Trace, TraceKind, TraceRef, TraceReport, TraceReportSpec, TraceReportStatus,
};

use crate::node::read::{Former, former};

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
    /// The report's namespace and name.
    pub place: (String, String),
    /// The trace.
    pub trace: TraceRef,
    /// This node.
    pub node: String,
    /// What is known of the object.
    pub object: Object,
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
    /// Not written: this is known of the object now, and why.
    Failed(Object, kube::Error),
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
    let (namespace, name) = &order.place;
    let api: Api<TraceReport> = Api::namespaced(client.clone(), namespace);
    let mut object = order.object;
    if object == Object::Unknown {
        let uid = order.trace.uid.clone();
        match former(client, namespace.clone(), name.clone(), uid).await {
            Former::None => object = Object::Absent,
            Former::Ours(report) => return Outcome::Found(report),
            Former::Anothers => return Outcome::InTheWay,
            Former::Failed(error) => return Outcome::Failed(Object::Unknown, error),
        }
    }
    if object == Object::Absent
        && let Err(error) = api.create(&PostParams::default(), &made(order)).await
    {
        // Somebody else's, or made by a write of ours whose answer was lost.
        return Outcome::Failed(Object::Unknown, error);
    }
    let status = json!({
        "apiVersion": TraceReport::api_version(&()),
        "kind": TraceReport::kind(&()),
        "metadata": {"name": name},
        "status": &order.status,
    });
    let params = PatchParams::apply(MANAGER).force();
    match api
        .patch_status(name, &params, &Patch::Apply(&status))
        .await
    {
        Ok(_) => Outcome::Written,
        Err(error) => {
            let object = match &error {
                kube::Error::Api(status) if status.code == 404 => Object::Absent,
                kube::Error::Api(status) if status.code == 409 => Object::Unknown,
                _ => Object::Present,
            };
            Outcome::Failed(object, error)
        }
    }
}

/// The object without its status.
fn made(order: &Order) -> TraceReport {
    let (namespace, name) = &order.place;
    let (api_version, kind) = match order.trace.kind {
        TraceKind::Trace => (Trace::api_version(&()), Trace::kind(&())),
        TraceKind::ClusterTrace => (ClusterTrace::api_version(&()), ClusterTrace::kind(&())),
    };
    TraceReport {
        metadata: ObjectMeta {
            namespace: Some(namespace.clone()),
            name: Some(name.clone()),
            owner_references: Some(vec![OwnerReference {
                api_version: api_version.into_owned(),
                kind: kind.into_owned(),
                name: order.trace.name.clone(),
                uid: order.trace.uid.clone(),
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        spec: TraceReportSpec {
            trace_ref: order.trace.clone(),
            node_name: order.node.clone(),
        },
        status: None,
    }
}
