//! `traceherd check`: whether an installation works, tried from one of the cluster's pods.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, anyhow};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use traceherd_crds::{Condition, ConditionStatus, Trace, TraceStatus};

use crate::answer::{causes, reason};
use crate::cli::CheckArgs;
use crate::failure::Failure;
use crate::sources;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long one answer of the API server may take.
const ANSWER: Duration = Duration::from_secs(10);
/// Characters of a program's name that the kernel keeps.
const COMM: usize = 15;
/// The trace ends by itself if this is killed, and is within any ceiling that makes sense.
const LONGEST: &str = "1m";

/// Traces the pod that this runs in, and waits for its own exec in the trace's status.
///
/// # Errors
/// What stands in the way.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let checked = sources::tokio()?.block_on(run(args));
    checked.map_err(|error| Failure::Runtime(anyhow!(causes(error.as_ref()))))
}

async fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let client = Client::try_default()
        .await
        .context("cannot find the API server: run this in a pod")?;
    let traces: Api<Trace> = Api::namespaced(client, &args.namespace);
    let name = format!("check-{:x}", Timestamp::now().as_millisecond());
    let trace = trace(&name, args)?;
    answered(traces.create(&PostParams::default(), &trace))
        .await
        .with_context(|| format!("cannot make the Trace {}/{name}", args.namespace))?;
    let seen = timeout(args.timeout, seen(&traces, &name, args)).await;
    let seen = match seen {
        Ok(seen) => seen,
        Err(_) => Err(overdue(&traces, &name, args).await),
    };
    // It ends by itself too, so a failure here is told, and nothing more.
    let params = DeleteParams::default();
    if let Err(error) = answered(traces.delete(&name, &params)).await {
        tracing::warn!(
            error = format!("{error:#}"),
            "the Trace {}/{name} is left behind",
            args.namespace
        );
    }
    seen
}

async fn answered<T>(call: impl Future<Output = kube::Result<T>>) -> anyhow::Result<T> {
    match timeout(ANSWER, call).await {
        Ok(answer) => answer.map_err(|error| anyhow!(reason(&error))),
        Err(_) => Err(anyhow!("the API server does not answer")),
    }
}

/// It asks for no more than an administrator allows who allows anything.
fn trace(name: &str, args: &CheckArgs) -> anyhow::Result<Trace> {
    let trace = json!({
        "apiVersion": "traceherd.dev/v1alpha1",
        "kind": "Trace",
        "metadata": {"name": name, "namespace": args.namespace},
        "spec": {
            "gadget": "exec",
            "exec": {"maxArgsBytes": 1, "args": "None"},
            "selector": {"podName": args.pod_name},
            "outputs": ["Status"],
            "duration": LONGEST,
        },
    });
    Ok(serde_json::from_value(trace)?)
}

/// Executes itself until the status shows it.
async fn seen(traces: &Api<Trace>, name: &str, args: &CheckArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    let myself = std::env::current_exe().context("cannot find this program's file")?;
    let comm = comm(&myself);
    loop {
        let ran = Command::new(&myself).arg("--version").output();
        ran.context("cannot execute this program again")?;
        sleep(LOOK).await;
        // An API server that is away for a moment is asked again.
        let Ok(trace) = answered(traces.get(name)).await else {
            continue;
        };
        let status = trace.status.unwrap_or_default();
        if let Some(stalled) = stalled(&status) {
            return Err(anyhow!(
                "the Trace is refused or failed: {}",
                stalled.message
            ));
        }
        let mine = |event: &&traceherd_crds::EventSummary| {
            event.pod == args.pod_name && event.namespace == args.namespace && event.comm == comm
        };
        if let Some(event) = status.latest.iter().find(mine) {
            println!(
                "traceherd: an exec of the pod {} came back from the node {} within {:.1} s",
                event.pod,
                event.node,
                begun.elapsed().as_secs_f64()
            );
            return Ok(());
        }
    }
}

/// What the kernel calls a program of that file.
fn comm(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.chars().take(COMM).collect()
}

fn stalled(status: &TraceStatus) -> Option<&Condition> {
    let stalled = |one: &&Condition| one.type_ == "Stalled" && one.status == ConditionStatus::True;
    status.conditions.iter().find(stalled)
}

/// Why nothing came, as far as the trace tells.
async fn overdue(traces: &Api<Trace>, name: &str, args: &CheckArgs) -> anyhow::Error {
    let status = answered(traces.get(name)).await;
    let status = match status {
        Ok(trace) => trace.status.unwrap_or_default(),
        Err(error) => return error.context("the Trace cannot be read"),
    };
    let seconds = args.timeout.as_secs();
    anyhow!("no event within {seconds} s: {}", missing(&status))
}

fn missing(status: &TraceStatus) -> String {
    let nodes = &status.nodes;
    if status.observed_generation < 0 {
        "no operator has seen the Trace: look at the operator's log".to_owned()
    } else if nodes.desired == 0 {
        "no node has an agent: look at the DaemonSet".to_owned()
    } else if nodes.ready == 0 {
        format!(
            "none of {} agents is ready: look at their logs",
            nodes.desired
        )
    } else if status.events.observed > 0 {
        "agents saw execs of this pod, but the status shows none".to_owned()
    } else {
        "the agents are ready but saw no exec of this pod: look at the log of the agent on this node"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use traceherd_crds::{EventCounts, NodeCounts};

    use super::*;

    #[test]
    fn the_trace_is_what_the_resource_allows() {
        let args = CheckArgs {
            namespace: "traceherd".into(),
            pod_name: "traceherd-check".into(),
            timeout: Duration::from_secs(1),
        };
        let text = serde_json::to_string(&trace("check-1", &args).unwrap()).unwrap();
        crate::manifest::Manifest::parse("check", text.as_bytes()).unwrap();
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let status = |generation, desired, ready, observed| TraceStatus {
            observed_generation: generation,
            nodes: NodeCounts {
                desired,
                ready,
                ..NodeCounts::default()
            },
            events: EventCounts {
                observed,
                ..EventCounts::default()
            },
            ..TraceStatus::default()
        };
        for (status, told) in [
            (TraceStatus::default(), "no operator"),
            (status(1, 0, 0, 0), "no node has an agent"),
            (status(1, 2, 0, 0), "none of 2 agents"),
            (status(1, 2, 2, 0), "saw no exec"),
            (status(1, 2, 2, 5), "the status shows none"),
        ] {
            assert!(missing(&status).contains(told), "{}", missing(&status));
        }
    }
}
