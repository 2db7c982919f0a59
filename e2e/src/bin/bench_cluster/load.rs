//! A pod that executes some 200 programs a second, and traces that all want them.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use traceherd_e2e::{Cluster, process};

use crate::figures::{Part, Requests};
use crate::{Failure, pods};

const WINDOW: Duration = Duration::from_secs(20);

pub(crate) fn under_load(
    cluster: &Cluster,
    traces: usize,
    agent: &Part,
    operator: &Part,
) -> Result<(), Failure> {
    let manifests: Vec<_> = (0..traces)
        .map(|n| pods::trace(&format!("load-{n}"), "loading", "Status"))
        .collect();
    cluster.apply("bench", &manifests.join("---\n"))?;
    pods::wait_for_ready(cluster, traces)?;
    sleep(Duration::from_secs(10));
    let apiserver = cluster.daemon("apiserver")?;
    let seen = observed(cluster)?;
    let start = Instant::now();
    let requests = Requests::now(cluster)?;
    let received = agent.received()?;
    let cpu = [apiserver, agent.pid, operator.pid].map(process::cpu_time);
    sleep(WINDOW);
    let nanoseconds = start.elapsed().as_nanos() as f64;
    let cpu_after = [apiserver, agent.pid, operator.pid].map(process::cpu_time);
    let received = agent.received()? - received;
    let requests = Requests::now(cluster)?.since(&requests);
    let seconds = start.elapsed().as_secs_f64();
    let mut shares = [0.0; 3];
    for ((share, before), after) in shares.iter_mut().zip(cpu).zip(cpu_after) {
        *share = 100.0 * (after? - before?) as f64 / nanoseconds;
    }
    let [apiserver, agent_cpu, operator_cpu] = shares;
    println!(
        "{traces} traces of one pod that executes {:.0} programs a second, over {:.0} s:",
        (observed(cluster)? - seen) / start.elapsed().as_secs_f64(),
        seconds
    );
    println!(
        "  status writes a second: {:.2} of traces, {:.2} of reports; to the agent: {:.1} kB a second",
        requests.traces as f64 / seconds,
        requests.reports as f64 / seconds,
        received as f64 / seconds / 1e3
    );
    println!(
        "  of a core: API server {apiserver:.1} %, agent {agent_cpu:.1} %, operator {operator_cpu:.1} %; \
         agent {:.1} MB, operator {:.1} MB resident",
        agent.resident()?,
        operator.resident()?
    );
    cluster.kubectl(&["delete", "traces", "--all", "-n", "bench"])?;
    Ok(())
}

/// What the first trace has observed, by the node's own word.
fn observed(cluster: &Cluster) -> Result<f64, Failure> {
    let name = "trace.load-0.node-1";
    let report = cluster.kubectl(&["get", "tracereport", name, "-n", "bench", "-o", "json"])?;
    let report: Value = serde_json::from_str(&report)?;
    let observed = report["status"]["events"]["observed"].as_f64();
    observed.ok_or_else(|| "the report has no count".into())
}
