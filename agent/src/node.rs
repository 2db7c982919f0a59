//! `traceherd agent`: one node's part of a cluster's traces.
//!
//! ```text
//! watches ──▶ inbox ──▶ herd ──▶ tracer collection ──▶ outlets ──▶ log
//!    │                   │                                │
//!    └▶ container        └────────▶ reports ◀─────────────┘
//!       collection
//! ```
//! What a trace should do is decided by functions of values (`life`, `desired`); the herd does it.

mod account;
mod desired;
mod epoch;
mod health;
mod herd;
mod http;
mod life;
mod metrics;
mod owners;
mod read;
mod readable;
mod redact;
mod report;
mod sink;
mod watch;
mod which;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use kube::{Client, Config as ClientConfig};
use tokio::sync::{mpsc, watch as observed};
use tokio::task::JoinSet;
use tokio::time::timeout;
use traceherd_containers::ContainerCollection;
use traceherd_crds::{Ceilings, ClusterTrace, Trace, TraceKind};
use traceherd_tracers::{Config, TracerCollection, check_capabilities};

use self::health::Health;
use self::herd::{Herd, Settings, Tools};
use self::metrics::{Numbers, Probe};
use self::redact::Redactor;
use self::sink::{Log, Printing};
use self::watch::{Agents, Fact};
use crate::answer::causes;
use crate::cli::{AgentArgs, CeilingArgs, Runtimes};
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{sources, stdout};

/// Facts that may wait; then the watches do.
const INBOX: usize = 64;
/// How long the first list of this node's pods is waited for before traces begin: until it has
/// come, no container is known to be of a pod.
const PODS: Duration = Duration::from_secs(5);
/// How long the log is waited for at the end.
const LOG: Duration = Duration::from_secs(1);

/// Runs the traces of a cluster on this node, until the end is asked for.
///
/// # Errors
/// That nothing can be traced here, or what was given cannot be had.
pub fn agent(args: AgentArgs, runtimes: &Runtimes) -> Result<(), Failure> {
    let ran = sources::tokio()?.block_on(run(args, runtimes));
    ran.map_err(|error| {
        let error = causes(error.as_ref());
        tracing::error!(error, "the agent cannot run");
        Failure::Told
    })
}

async fn run(args: AgentArgs, runtimes: &Runtimes) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    check_capabilities()?;
    let config = ClientConfig::infer()
        .await
        .context("cannot find the API server: run this in a pod, or set KUBECONFIG")?;
    let client = Client::try_from(config).context("cannot use the API server's address")?;

    let (health, numbers) = (Arc::new(Health::default()), Arc::new(Numbers::default()));
    let probe = Arc::new(Probe::default());
    let served = http::Served {
        health: health.clone(),
        probe: probe.clone(),
        registry: metrics::registry(numbers.clone(), probe.clone()),
    };
    http::serve(args.address, served).await?;

    let containers = tokio::select! {
        started = sources::collection(runtimes).kernel().pods().start() => started?,
        () = signals.asked_to_end() => return Ok(()),
    };
    let config = Config {
        node: Some(args.node_name.clone()),
        ..Config::default()
    };
    let tracers = TracerCollection::start(config, &containers)?;
    probe.set(tracers.clone(), containers.clone());
    health.loaded();

    let redactor = Redactor::new(args.redact.into_iter().map(|pattern| pattern.0));
    let (log, log_end) = Log::start(stdout::write_all).context("cannot start the log")?;
    let settings = Settings {
        epoch: epoch::now()?,
        ceilings: ceilings(&args.ceilings),
        columns: redactor.columns(),
        printing: Arc::new(Printing::new(redactor, log, args.log_rate)),
        node: args.node_name,
        namespace: args.namespace,
    };
    let inbox = mpsc::channel(INBOX);
    let watches = Watches {
        client: client.clone(),
        node: settings.node.clone(),
        namespace: settings.namespace.clone(),
        inbox: inbox.0.clone(),
    };
    let (tasks, overlaps) = tokio::select! {
        started = watches.start(&containers, &health) => started,
        () = signals.asked_to_end() => return Ok(()),
    };
    let tools = Tools {
        client,
        tracers,
        containers: containers.subscribe(),
        inbox,
        health,
        numbers,
        overlaps,
    };
    tracing::info!(node = settings.node, "minding traces");
    Herd::new(settings, tools)
        .mind(signals.asked_to_end())
        .await;
    drop(tasks);
    log_end.wait(LOG).await;
    Ok(())
}

fn ceilings(args: &CeilingArgs) -> Ceilings {
    Ceilings {
        max_duration: args.max_duration,
        max_args_bytes: args.max_args_bytes,
        namespaced_log: !args.deny_namespaced_log,
    }
}

/// What is watched for the whole of the agent's life.
struct Watches {
    client: Client,
    node: String,
    namespace: String,
    inbox: mpsc::Sender<watch::Fact>,
}

impl Watches {
    /// Starts to watch. Returns when this node's pods are known, or could not be had for a while;
    /// tells whether an earlier agent is there. Dropping the tasks ends them. Traces are told from
    /// then on.
    async fn start(
        self,
        containers: &ContainerCollection,
        health: &Arc<Health>,
    ) -> (JoinSet<()>, bool) {
        let mut tasks = JoinSet::new();
        let (teller, mut agents) = observed::channel::<Option<Agents>>(None);
        let (client, inbox) = (self.client, self.inbox);
        tasks.spawn(watch::watch_pods(
            client.clone(),
            self.node.clone(),
            self.namespace,
            containers.pods(),
            teller,
        ));
        let listed = timeout(PODS, agents.wait_for(Option::is_some)).await;
        let first = listed.ok().and_then(|list| *list.ok()?);
        let overlaps = first.is_some_and(|agents| agents.earlier);
        let (health, alone) = (health.clone(), inbox.clone());
        tasks.spawn(async move {
            if agents.wait_for(Option::is_some).await.is_err() {
                return;
            }
            health.pods_listed();
            let is_alone = |agents: &Option<Agents>| agents.is_some_and(|all| !all.earlier);
            if overlaps && agents.wait_for(is_alone).await.is_ok() {
                // Nobody listens when this agent ends.
                let _ = alone.send(Fact::Alone).await;
            }
        });
        tasks.spawn(watch::watch_node(client.clone(), self.node, inbox.clone()));
        let (kind, sender) = (TraceKind::Trace, inbox.clone());
        tasks.spawn(watch::watch_traces::<Trace>(client.clone(), kind, sender));
        let kind = TraceKind::ClusterTrace;
        tasks.spawn(watch::watch_traces::<ClusterTrace>(client, kind, inbox));
        (tasks, overlaps)
    }
}
