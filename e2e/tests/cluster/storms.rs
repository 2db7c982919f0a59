//! A storm of a known size: what is told of it in different places is the same.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use traceherd_e2e::process;

use crate::page::Page;
use crate::scene::Scene;

/// What each pod executes. It is within what a trace may write to the agent's log at once.
const STORM: u64 = 3_000;

/// Traces, by their pods. A limit is kept in the kernel where every trace of a container has one,
/// else by the agent.
const TRACES: &[(&str, &str, &str)] = &[
    ("all", "p", ""),
    ("filtered", "p", "  filter: ['args:~[0-4]$']\n"),
    ("limited", "p", LIMIT),
    ("held", "q", LIMIT),
];
const LIMIT: &str = "  rateLimit: {eventsPerSecond: 10, burst: 500}\n";

/// Waits for a signal, which executes nothing, and then executes `/bin/echo` of 1, 2, 3 and so on.
fn pod(scene: &Scene, name: &str) {
    let script = format!(
        "trap : USR1; sleep 100000 & wait; \
        n=0; while [ $n -lt {STORM} ]; do n=$((n+1)); /bin/echo $n; done; wait"
    );
    scene.pod(name, "web", &script);
    scene.wait_for_pod(name, "Running");
}

fn begin(scene: &Scene, pod: &str) {
    let pod = scene.get("pod", pod).unwrap();
    let id = pod["status"]["containerStatuses"][0]["containerID"]
        .as_str()
        .unwrap();
    let shell = process::of_container(id.trim_start_matches("containerd://")).unwrap();
    kill(Pid::from_raw(shell.cast_signed()), Signal::SIGUSR1).unwrap();
}

pub fn are_told_alike_everywhere(scene: &Scene) {
    scene.until("there is no trace of others", || {
        let traces = scene.kubectl(&["get", "traces,clustertraces", "-A", "-o", "name"]);
        traces.is_ok_and(|names| names.is_empty()) && Page::now(scene).get(RUNNING) == 0
    });
    pod(scene, "p");
    pod(scene, "q");
    for (name, pod, lines) in TRACES {
        let selector = format!("  selector: {{podName: {pod}}}\n");
        scene.accepted(name, &(selector + lines));
        scene.until("it has its container", || {
            let report = scene.report(name, "node-1").unwrap_or_default();
            report["status"]["containers"] == 1
        });
    }
    let before = Page::now(scene);
    begin(scene, "p");
    begin(scene, "q");
    for (name, ..) in TRACES {
        scene.until(&format!("{name} saw all of it"), || {
            scene.status(name)["events"]["observed"].as_u64() >= Some(STORM)
        });
    }
    // Were any told twice, they would come now.
    std::thread::sleep(Duration::from_secs(2));

    let mut sum = Account::default();
    for (name, ..) in TRACES {
        sum.add(&one_account(scene, name));
    }
    let page = page_of(scene, &before, &sum);
    the_kernels_numbers(scene, &before, &page);
    the_gauges(scene, &page);
}

const RUNNING: &str = "traces{phase=\"running\"}";

/// What became of events, and why those were lost that were.
#[derive(Debug, Default, Eq, PartialEq)]
struct Account {
    outcomes: BTreeMap<String, u64>,
    losses: BTreeMap<String, u64>,
}

impl Account {
    fn of(events: &Value) -> Self {
        let count = |of: &Value, key: &str| (key.to_owned(), of[key].as_u64().unwrap_or(0));
        let outcomes = ["delivered", "filtered", "suppressed", "lost"];
        let losses = ["ring", "queue", "log"];
        Self {
            outcomes: outcomes.iter().map(|key| count(events, key)).collect(),
            losses: losses
                .iter()
                .map(|key| count(&events["losses"], key))
                .collect(),
        }
    }

    fn add(&mut self, other: &Self) {
        let both = [
            (&mut self.outcomes, &other.outcomes),
            (&mut self.losses, &other.losses),
        ];
        for (sums, counts) in both {
            for (key, count) in counts {
                *sums.entry(key.clone()).or_default() += count;
            }
        }
    }
}

/// The status, the report and the log say the same of a trace.
fn one_account(scene: &Scene, name: &str) -> Account {
    let status = scene.status(name);
    let events = &status["events"];
    let account = Account::of(events);
    assert_eq!(events["observed"], STORM, "{name}: {status:#}");
    assert_eq!(
        account.outcomes.values().sum::<u64>(),
        STORM,
        "{name}: {status:#}"
    );
    let lost = account.losses.values().sum::<u64>();
    assert_eq!(account.outcomes["lost"], lost, "{name}: {status:#}");
    let is_lossless = scene.condition(name, "Lossless")["status"] == "True";
    assert_eq!(is_lossless, lost == 0, "{name}: {status:#}");

    let report = scene.report(name, "node-1").unwrap()["status"].clone();
    assert_eq!(report["events"], *events, "{name}: {report:#}");
    assert_eq!(report["unattributed"], 0, "{name}: {report:#}");

    let logged = scene.logged(name);
    assert_eq!(logged.len() as u64, account.outcomes["delivered"], "{name}");
    assert!(logged.iter().all(|event| event["comm"] == "echo"), "{name}");
    for (outcome, of) in [
        ("filtered", ["filtered", ""]),
        ("suppressed", ["limited", "held"]),
    ] {
        let is_any = account.outcomes[outcome] > 0;
        assert_eq!(is_any, of.contains(&name), "{name}: {status:#}");
    }
    account
}

/// The agent's page, once it agrees with what the traces' accounts sum up to.
fn page_of(scene: &Scene, before: &Page, sum: &Account) -> Page {
    let mut page = Page::now(scene);
    let owned = |counts: BTreeMap<&str, u64>| -> BTreeMap<String, u64> {
        counts
            .into_iter()
            .map(|(key, count)| (key.to_owned(), count))
            .collect()
    };
    let mut told = Account::default();
    // It is brought up to date from time to time.
    scene.until(&format!("the agent's page says {sum:?}"), || {
        page = Page::now(scene);
        told = Account {
            outcomes: owned(page.since(before, "events")),
            losses: owned(page.since(before, "lost_events")),
        };
        told == *sum
    });
    assert_eq!(page.get(RUNNING), TRACES.len() as u64);
    page
}

/// An exec is one event in the kernel, whoever wants it.
fn the_kernels_numbers(scene: &Scene, before: &Page, page: &Page) {
    let kernel = page.since(before, "kernel_events");
    let wanted = kernel["sent"] + kernel["suppressed"] + kernel["lost"];
    assert!(wanted >= 2 * STORM, "{kernel:?}");
    let held = scene.status("held")["events"]["suppressed"].clone();
    assert_eq!(held, kernel["suppressed"], "{kernel:?}");
    let unattributed = page.since(before, "unattributed_events");
    assert_eq!(unattributed.values().sum::<u64>(), 0, "{unattributed:?}");
}

fn the_gauges(scene: &Scene, page: &Page) {
    const MIB: u64 = 1 << 20;
    let (size, used) = (page.get("ring_size_bytes"), page.get("ring_used_bytes"));
    assert!(
        size.is_power_of_two() && size >= MIB && used <= size,
        "{page:#?}"
    );
    let maps = page.get("map_bytes");
    assert!((size..64 * MIB).contains(&maps), "{page:#?}");
    let resident = page.get("resident_memory_bytes");
    // The limit of its pod.
    assert!((MIB..128 * MIB).contains(&resident), "{page:#?}");
    scene.until("it counts the containers that containerd runs", || {
        let tasks = scene
            .on_node("ctr", &["-n", "k8s.io", "tasks", "ls", "-q"])
            .output();
        let tasks = String::from_utf8(tasks.unwrap().stdout).unwrap();
        Page::now(scene).get("containers") == tasks.lines().count() as u64
    });
}
