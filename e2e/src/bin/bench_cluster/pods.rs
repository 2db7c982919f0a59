//! The pods that are traced, and Traceherd's own.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use traceherd_e2e::{Cluster, process};

use crate::Failure;
use crate::figures::Part;

const PATIENCE: Duration = Duration::from_secs(300);
/// So many pods are started at once.
const BATCH: usize = 20;

/// One Trace; of every pod when `pod` is empty.
pub(crate) fn trace(name: &str, pod: &str, outputs: &str) -> String {
    let selector = if pod.is_empty() {
        String::new()
    } else {
        format!("  selector: {{podName: {pod}}}\n")
    };
    format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata: {{name: {name}}}\n\
         spec:\n  gadget: exec\n  outputs: [{outputs}]\n{selector}"
    )
}

fn pod(name: &str, script: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container(script)]}})
    .to_string()
}

fn container(script: &str) -> Value {
    json!({"name": "c", "image": "localhost/busybox:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script]})
}

/// The sleepers, in batches, one that executes a program often, and one that does very often.
pub(crate) fn start(cluster: &Cluster, pods: usize) -> Result<(), Failure> {
    cluster.kubectl(&["create", "namespace", "bench"])?;
    let mut manifests = vec![
        pod("ticking", "while true; do /bin/true; usleep 20000; done"),
        // 20 each time around, in a tenth of a second.
        pod(
            "loading",
            "while true; do for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done; usleep 80000; done",
        ),
    ];
    manifests.extend((0..pods).map(|n| pod(&format!("sleeping-{n}"), "exec sleep 100000")));
    for batch in manifests.chunks(BATCH) {
        cluster.apply("bench", &batch.join("\n---\n"))?;
        until("pods run", || {
            let pods = list(cluster, "bench", "pods")?;
            Ok(pods.iter().all(|pod| pod["status"]["phase"] == "Running"))
        })?;
    }
    Ok(())
}

/// So many Jobs of one echo each, run and deleted.
pub(crate) fn jobs(cluster: &Cluster, jobs: usize) -> Result<(), Failure> {
    let mut of_pod = container("exec /bin/echo on");
    of_pod["name"] = "once".into();
    let manifest = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "churn"},
        "spec": {"completions": jobs, "parallelism": jobs,
            "template": {"spec": {"restartPolicy": "Never", "containers": [of_pod]}}}});
    cluster.apply("bench", &manifest.to_string())?;
    until("a Job is done", || {
        let job = cluster.kubectl(&[
            "get",
            "job",
            "churn",
            "-n",
            "bench",
            "-o",
            "jsonpath={.status.succeeded}",
        ])?;
        Ok(job == jobs.to_string())
    })?;
    cluster.kubectl(&[
        "delete",
        "job",
        "churn",
        "-n",
        "bench",
        "--cascade=foreground",
    ])?;
    Ok(())
}

pub(crate) fn wait_for_ready(cluster: &Cluster, traces: usize) -> Result<(), Failure> {
    until("traces are ready", || {
        let list = list(cluster, "bench", "traces")?;
        let ready = |trace: &&Value| {
            let conditions = trace["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten();
            conditions
                .into_iter()
                .any(|each| each["type"] == "Ready" && each["status"] == "True")
        };
        Ok(list.iter().filter(ready).count() == traces)
    })
}

/// The process of the only pod of a component.
pub(crate) fn of(cluster: &Cluster, component: &str) -> Result<Part, Failure> {
    let mut pods = list(cluster, "traceherd", "pods")?;
    pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == component);
    part(pods.first().ok_or("Traceherd does not run")?)
}

/// The process of the operator that leads.
pub(crate) fn leader(cluster: &Cluster) -> Result<Part, Failure> {
    let holder = [
        "get",
        "lease",
        "traceherd-operator",
        "-n",
        "traceherd",
        "-o",
        "jsonpath={.spec.holderIdentity}",
    ];
    let holder = cluster.kubectl(&holder)?;
    let pods = list(cluster, "traceherd", "pods")?;
    let leads = |pod: &&Value| {
        let name = pod["metadata"]["name"].as_str();
        name.is_some_and(|name| holder.contains(name))
    };
    part(pods.iter().find(leads).ok_or("no operator leads")?)
}

fn part(pod: &Value) -> Result<Part, Failure> {
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str();
    let id = id
        .and_then(|id| id.split("://").nth(1))
        .ok_or("a pod does not run")?;
    let pid = process::of_container(id).ok_or("a pod has no process")?;
    Ok(Part { pid })
}

/// Megabytes (10^6), of the agent's.
pub(crate) fn memory_limit(cluster: &Cluster) -> Result<u64, Failure> {
    let path = "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}";
    let limit = cluster.kubectl(&[
        "get",
        "daemonset",
        "traceherd-agent",
        "-n",
        "traceherd",
        "-o",
        path,
    ])?;
    let mebibytes: u64 = limit.trim_end_matches("Mi").parse()?;
    Ok(mebibytes * 1024 * 1024 / 1_000_000)
}

fn list(cluster: &Cluster, namespace: &str, resource: &str) -> Result<Vec<Value>, Failure> {
    let text = cluster.kubectl(&["get", resource, "-n", namespace, "-o", "json"])?;
    let list: Value = serde_json::from_str(&text)?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool, Failure>) -> Result<(), Failure> {
    let start = Instant::now();
    while !holds()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("not within {PATIENCE:?}: {what}").into());
        }
        sleep(Duration::from_millis(250));
    }
    Ok(())
}
