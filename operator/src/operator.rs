//! Puts the parts together.

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{Config as ControllerConfig, Controller};
use kube::runtime::events::Reporter;
use kube::runtime::reflector::{Store, store::Writer};
use kube::{Api, Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use traceherd_crds::{ClusterTrace, Trace, TraceKind};
use tracing::info;

use crate::cli::Args;
use crate::http;
use crate::kinds::{AnyTrace, Guarded};
use crate::leader::{self, Seat};
use crate::metrics::{Metrics, Present};
use crate::pace::Pace;
use crate::reconcile::{Context, reconcile, retry};
use crate::watch::{FleetWatch, Nudges, ReportsWatch, Synced, follow_traces, nudge_all};

const NAME: &str = "traceherd-operator";
const TRACES: &str = "traces";
const CLUSTER_TRACES: &str = "clustertraces";
const REPORTS: &str = "tracereports";
const NODES: &str = "nodes";
const AGENTS: &str = "the agents' pods";
/// How many traces are looked at at once.
const AT_ONCE: u16 = 8;

/// The traces of one kind, and which are to be looked at.
struct Herd<K: AnyTrace> {
    store: Store<Guarded<K>>,
    nudges: Arc<Nudges>,
}

impl<K: AnyTrace> Clone for Herd<K> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            nudges: Arc::clone(&self.nudges),
        }
    }
}

/// Runs the operator until it is told to end.
///
/// # Errors
/// When it cannot begin.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let config = Config::infer().await.context("finding the API server")?;
    let client = Client::try_from(config.clone()).context("making a client")?;
    let lease_client = leader::client(config).context("making a client")?;
    let mut terminate = signal(SignalKind::terminate()).context("awaiting SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("awaiting SIGINT")?;

    let parts = [TRACES, CLUSTER_TRACES, REPORTS, NODES, AGENTS];
    let synced = Arc::new(Synced::new(parts));
    let metrics = Arc::new(Metrics::new());
    let (lead, leads) = watch::channel(!args.leader_elect);
    let (traces_writer, traces) = herd::<Trace>();
    let (cluster_traces_writer, cluster_traces) = herd::<ClusterTrace>();
    let reporter = Reporter {
        controller: NAME.to_owned(),
        instance: Some(args.pod_name.clone()),
    };
    let context = Arc::new(Context {
        client: client.clone(),
        home: args.namespace.clone(),
        ceilings: args.ceilings(),
        fleet: FleetWatch::default(),
        reports: ReportsWatch::new(&args.namespace),
        leads: leads.clone(),
        pace: Mutex::new(Pace::default()),
        reporter,
        metrics: Arc::clone(&metrics),
    });

    let present = {
        let (context, traces, cluster_traces) =
            (Arc::clone(&context), traces.clone(), cluster_traces.clone());
        move || Present {
            traces: traces.phases().chain(cluster_traces.phases()).collect(),
            reports: context.reports.count(),
            agents: context.fleet.agents(),
            leads: *context.leads.borrow(),
        }
    };
    let nudges_of = |kind| match kind {
        TraceKind::Trace => Arc::clone(&traces.nudges),
        TraceKind::ClusterTrace => Arc::clone(&cluster_traces.nudges),
    };
    let nudge_every = || {
        nudge_all(&traces.store, &traces.nudges);
        nudge_all(&cluster_traces.store, &cluster_traces.nudges);
    };
    let pods: Api<Pod> = Api::namespaced(client.clone(), &args.namespace);
    let watches = async {
        let of = || client.clone();
        tokio::join!(
            follow_traces(of(), TRACES, &synced, traces_writer, &traces.nudges),
            follow_traces(
                of(),
                CLUSTER_TRACES,
                &synced,
                cluster_traces_writer,
                &cluster_traces.nudges
            ),
            context.reports.follow(of(), REPORTS, &synced, nudges_of),
            context.fleet.follow_nodes(of(), NODES, &synced),
            context
                .fleet
                .follow_agents(pods, &args.agent_selector, AGENTS, &synced),
            context.fleet.each_change(nudge_every),
        )
    };
    let acting = async {
        synced.wait().await;
        info!("everything is seen");
        tokio::join!(
            control(traces.clone(), Arc::clone(&context)),
            control(cluster_traces.clone(), Arc::clone(&context)),
            each_time_it_leads(leads, nudge_every),
        )
    };
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("told to end");
    };
    let election = async {
        if args.leader_elect {
            let seat = Seat {
                namespace: args.namespace.clone(),
                lease: args.lease_name.clone(),
                identity: args.pod_name.clone(),
            };
            leader::elect(lease_client, seat, &lead, stop).await;
        } else {
            stop.await;
            lead.send_replace(false);
        }
    };
    tokio::select! {
        () = election => Ok(()),
        served = http::serve(args.address, Arc::clone(&synced), metrics, present) => served,
        _ = watches => Err(anyhow::anyhow!("a watch has ended")),
        _ = acting => Err(anyhow::anyhow!("a controller has ended")),
    }
}

fn herd<K: AnyTrace>() -> (Writer<Guarded<K>>, Herd<K>) {
    let writer = Writer::default();
    let store = writer.as_reader();
    let nudges = Arc::default();
    (writer, Herd { store, nudges })
}

impl<K: AnyTrace> Herd<K> {
    /// The phase of each.
    fn phases(&self) -> impl Iterator<Item = (TraceKind, Option<traceherd_crds::Phase>)> {
        let traces = self.store.state().into_iter();
        traces.map(|trace| {
            let status = trace.0.as_ref().ok().and_then(AnyTrace::status);
            (K::KIND, status.and_then(|status| status.phase))
        })
    }
}

/// Looks at the traces of a kind as they are nudged.
async fn control<K: AnyTrace>(herd: Herd<K>, context: Arc<Context>) {
    // The trace's own changes are nudges, too: they come when the store has them.
    let controller = Controller::for_stream(stream::pending(), herd.store);
    let results = controller
        .with_config(ControllerConfig::default().concurrency(AT_ONCE))
        .reconcile_on(herd.nudges.stream())
        .run(reconcile::<K>, retry::<K>, context);
    // What failed was said where it is tried again; a trace that is gone is no failure.
    results.for_each(async |_| {}).await;
}

/// An operator that begins to act looks at everything.
async fn each_time_it_leads(mut leads: watch::Receiver<bool>, look: impl Fn()) {
    while leads.wait_for(|leads| *leads).await.is_ok() {
        look();
        let _ = leads.wait_for(|leads| !leads).await;
    }
    std::future::pending().await
}
