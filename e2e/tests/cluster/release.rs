//! The release: upgraded, taken away, installed again.

use std::collections::BTreeSet;
use std::time::Duration;

use traceherd_e2e::{Line, kernel};

use crate::identity::RELEASE;
use crate::manifests::{cluster_trace, saying, trace};
use crate::scene::{Scene, restoring};

/// The release is as the other cases expect it afterwards, whatever happened.
pub fn an_upgrade_over_a_running_trace(scene: &Scene) {
    scene.accepted("t", "  duration: 30m\n");
    scene.accepted("too-long", "  duration: 2h\n");
    restoring(
        || scene.stage.deploy(&[]),
        || upgraded_over_a_running_trace(scene),
    );
    scene.until("the ceiling is lifted", || scene.is_ready("too-long"));
}

/// Agents overlap: whatever happens is in the log of one of them, and counts.
fn upgraded_over_a_running_trace(scene: &Scene) {
    scene.pod("p", "web", COUNTING);
    let delivered = || {
        scene.status("t")["events"]["delivered"]
            .as_u64()
            .unwrap_or(0)
    };
    scene.until("it counts", || delivered() > 20);
    let report = || scene.report("t", "node-1").unwrap_or_default()["status"].clone();
    let before = report();
    scene.stage.deploy(&[
        "--set",
        "ceilings.maxDuration=1h",
        "--set-string",
        "agent.podAnnotations.upgraded=yes",
    ]);
    scene.until("the new agent's account goes on", || {
        let epoch = report()["epoch"].clone();
        epoch.is_string() && epoch != before["epoch"]
    });
    let seen = the_whole_of_it(scene);
    scene.until("all of it is counted", || delivered() >= seen.events);
    let told = format!("{seen:?}, {} counted", delivered());
    eprintln!("{told}");
    // Twice only what came about when one agent took over from the other.
    let twice = ((seen.lines - seen.events) / 2).max(EVENTS_A_SECOND / 2);
    scene.never(Duration::from_secs(2), &told, || {
        delivered() > seen.events + twice
    });
    assert_eq!(report()["gaps"], 0, "{:#}", report());
    assert_eq!(scene.condition("t", "Lossless")["status"], "True");

    scene.until("the ceiling holds", || {
        scene.condition("too-long", "Stalled")["status"] == "True"
    });
    let stalled = scene.condition("too-long", "Stalled");
    assert!(
        stalled["message"]
            .as_str()
            .unwrap_or_default()
            .contains("1h"),
        "{stalled:#}"
    );
}

/// Executes `/bin/echo` of 1, 2, 3 and so on, until there is a file `/stop`.
const COUNTING: &str = "n=0; while [ ! -e /stop ]; do n=$((n+1)); /bin/echo $n; usleep 50000; done; \
    /bin/echo done; sleep 1000";

/// What that makes of events, at most; echo is all it executes that is no builtin of its shell.
const EVENTS_A_SECOND: u64 = 20;

/// What the agents logged.
#[derive(Debug)]
struct Logged {
    lines: u64,
    /// Of these, different events.
    events: u64,
}

/// Stops the counting; every number is in the log of one agent at least, and of two agents some.
fn the_whole_of_it(scene: &Scene) -> Logged {
    scene.exec("p", &["touch", "/stop"]);
    scene.until("the end is logged", || {
        !scene.echoed("t", "done").is_empty()
    });
    let said = scene.kubectl(&["logs", "p"]).unwrap();
    let said: BTreeSet<u64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    let of_trace = format!("{}/t", scene.namespace);
    let mut log = scene.stage.log.lock().unwrap();
    let lines = log.events("Trace", &of_trace).to_vec();
    drop(log);
    let number = |line: &Line| line.value["args"][1].as_str()?.parse().ok();
    let logged: BTreeSet<u64> = lines.iter().filter_map(number).collect();
    let missed: Vec<_> = said.difference(&logged).collect();
    assert!(
        missed.is_empty(),
        "of {} were missed: {missed:?}",
        said.len()
    );
    let pods: BTreeSet<_> = lines.iter().map(|line| &line.pod).collect();
    assert_eq!(pods.len(), 2, "{pods:?}");
    // Each agent has the kernel's time of an event from programs of its own.
    let event = |line: &Line| format!("{} {}", line.value["pid"], line.value["args"]);
    let events: BTreeSet<_> = lines.iter().map(event).collect();
    assert!(events.len() < lines.len(), "the agents did not overlap");
    Logged {
        lines: lines.len() as u64,
        events: events.len() as u64,
    }
}

pub fn a_namespace_is_deleted(scene: &Scene) {
    let other = format!("{}-b", scene.namespace);
    scene.make_namespace(&other);
    scene
        .apply_in(&other, &crate::manifests::pod("p", "web", &saying("on")))
        .unwrap();
    scene.apply_in(&other, &trace("t", "")).unwrap();
    let of_other = || scene.logged_as("Trace", &format!("{other}/t")).len();
    scene.until("it traces", || of_other() > 5);
    scene.until("it reports", || {
        !scene.list_in(&other, "tracereports").is_empty()
    });
    scene
        .kubectl(&["delete", "namespace", &other, "--timeout=60s"])
        .unwrap();
    let after = of_other();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(of_other(), after);
}

/// The types go, and with them every trace; the pods stay well, and take up what comes after.
pub fn the_definitions_are_deleted(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    scene
        .kubectl(&[
            "delete",
            "crd",
            "-l",
            "app.kubernetes.io/part-of=traceherd",
            "--timeout=60s",
        ])
        .unwrap();
    assert!(
        scene.kubectl(&["get", "traces"]).is_err(),
        "the type is still there"
    );
    scene.within(Duration::from_secs(20), "it stops", || {
        let before = scene.logged("t").len();
        std::thread::sleep(Duration::from_secs(2));
        scene.logged("t").len() == before
    });
    let agents = scene.list_in(RELEASE, "pods");
    assert!(!agents.is_empty());
    scene.stage.deploy(&[]);
    scene.accepted("again", "");
    scene.until("it traces again", || {
        !scene.echoed("again", "on").is_empty()
    });
}

/// Nothing hangs, nothing stays attached; the definitions and the traces stay, and run again under
/// the next release.
pub fn nothing_stays_after_the_release(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene
        .apply(&cluster_trace("kept", "  outputs: [Status]\n"))
        .unwrap();
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    let attached = scene.stage.programs();
    assert!(!attached.is_empty());
    let uninstalled = scene
        .on_node(
            "helm",
            &[
                "uninstall",
                RELEASE,
                "-n",
                RELEASE,
                "--wait",
                "--timeout=90s",
            ],
        )
        .output()
        .unwrap();
    assert!(uninstalled.status.success(), "{uninstalled:?}");
    scene.until("its pods are gone", || {
        scene.list_in(RELEASE, "pods").is_empty()
    });
    scene.until("its programs are gone from the kernel", || {
        !attached.iter().any(|&program| kernel::is_loaded(program))
    });
    for kept in ["traces", "clustertraces", "tracereports"] {
        scene
            .kubectl(&["get", "crd", &format!("{kept}.traceherd.dev")])
            .unwrap();
    }
    assert!(scene.get("trace", "t").is_some());
    // Deleting without anybody there does not hang.
    scene
        .kubectl(&["delete", "clustertrace", "kept", "--timeout=20s"])
        .unwrap();

    let before = scene.logged("t").len();
    scene.stage.deploy(&[]);
    scene.until("it runs again", || {
        scene.is_ready("t") && scene.logged("t").len() > before + 3
    });
}
