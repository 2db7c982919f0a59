//! Edits of traces that run.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::saying;
use crate::scene::Scene;

/// How long an edit may take to be in force everywhere.
const SOON: Duration = Duration::from_secs(2);

pub fn of_the_selector(scene: &Scene) {
    scene.pod("one", "web", &saying("one"));
    scene.pod("two", "web", &saying("two"));
    scene.accepted("t", "  selector: {podName: one}\n");
    scene.until("one is seen", || scene.echoed("t", "one").len() > 3);
    assert!(scene.echoed("t", "two").is_empty());
    scene.accepted(
        "t",
        "  selector: {podSelector: {matchLabels: {app: two}}}\n",
    );
    scene.until("two is seen", || scene.echoed("t", "two").len() > 3);
    sleep(SOON);
    let ones = scene.echoed("t", "one").len();
    sleep(Duration::from_secs(1));
    assert_eq!(scene.echoed("t", "one").len(), ones, "one is still seen");
    // The account goes on.
    let events = scene.status("t")["events"].clone();
    assert!(events["observed"].as_u64() > Some(6), "{events}");
    // A pod's labels change under it.
    scene
        .kubectl(&["label", "pod", "one", "app=two", "--overwrite"])
        .unwrap();
    scene.until("one is seen by its new label", || {
        scene.echoed("t", "one").len() > ones + 3
    });
}

pub fn of_the_filter(scene: &Scene) {
    scene.pod(
        "p",
        "web",
        "while true; do /bin/echo on; /bin/sleep 0.2; done",
    );
    scene.accepted("t", "");
    let slept = || {
        let events = scene.logged("t");
        events
            .iter()
            .filter(|event| event["comm"] == "sleep")
            .count()
    };
    scene.until("both programs are seen", || {
        slept() > 2 && scene.echoed("t", "on").len() > 2
    });
    scene.accepted("t", "  filter: ['comm:echo', 'uid:0']\n");
    sleep(SOON);
    let before = (slept(), scene.echoed("t", "on").len());
    scene.until("echo is still seen", || {
        scene.echoed("t", "on").len() > before.1 + 3
    });
    assert_eq!(slept(), before.0, "sleep is still seen");
    scene.until("what is filtered is counted", || {
        let events = scene.status("t")["events"].clone();
        events["filtered"].as_u64() > Some(0)
    });
    let events = scene.status("t")["events"].clone();
    let sum: u64 = ["delivered", "filtered", "suppressed", "lost"]
        .iter()
        .filter_map(|key| events[key].as_u64())
        .sum();
    assert_eq!(events["observed"], sum, "{events}");
}

pub fn of_the_outputs(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "  outputs: [Status]\n");
    scene.until("the status has it", || {
        !scene.status("t")["latest"].is_null()
    });
    assert_eq!(scene.logged("t"), Vec::<Value>::new());
    scene.accepted("t", "  outputs: [Log]\n");
    scene.until("the log has it", || scene.echoed("t", "on").len() > 3);
    scene.until("the status has it no more", || {
        scene.status("t")["latest"].is_null()
    });
    scene.accepted("t", "  outputs: [Status]\n");
    sleep(SOON);
    let logged = scene.logged("t").len();
    sleep(Duration::from_secs(1));
    assert_eq!(scene.logged("t").len(), logged);
}

pub fn of_the_options(scene: &Scene) {
    scene.pod("p", "web", &saying("a-long-word-it-is"));
    scene.accepted("t", "");
    scene.until("arguments are seen", || {
        !scene.echoed("t", "a-long-word-it-is").is_empty()
    });
    scene.accepted("t", "  exec: {maxArgsBytes: 12}\n");
    scene.until("arguments are cut", || {
        let events = scene.logged("t");
        events
            .iter()
            .any(|event| event["args"] == json!(["/bin/echo", "a-"]))
    });
    scene.accepted("t", "  exec: {args: None}\n");
    scene.until("arguments are left out", || {
        let last = scene.logged("t").pop().unwrap_or_default();
        last["args"] == json!([]) && last["comm"] == "echo"
    });
    scene.accepted("t", "  exec: {includeFailed: true}\n");
    scene.until("it shows them again", || {
        let last = scene.logged("t").pop().unwrap_or_default();
        !last["args"].as_array().is_none_or(Vec::is_empty)
    });
    scene.pod(
        "bad",
        "web",
        "while true; do /bin/echo on; /nowhere; sleep 0.2; done",
    );
    scene.until("failed ones are seen", || {
        let events = scene.logged("t");
        events.iter().any(|event| event["ret"] == -2)
    });
}

pub fn suspended(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    scene.accepted("t", "");
    scene.until("it traces", || scene.echoed("t", "on").len() > 3);
    scene.accepted("t", "  suspend: true\n");
    scene.until("it is suspended", || {
        scene.status("t")["phase"] == "Suspended"
    });
    sleep(SOON);
    let seen = scene.logged("t").len();
    let counted = scene.status("t")["events"]["observed"].clone();
    sleep(Duration::from_secs(1));
    assert_eq!(scene.logged("t").len(), seen);
    scene.accepted("t", "  suspend: false\n");
    scene.until("it traces again", || scene.logged("t").len() > seen + 3);
    scene.until("its account goes on", || {
        let status = scene.status("t");
        status["phase"] == "Running" && status["events"]["observed"].as_u64() > counted.as_u64()
    });
}

/// A pod that counts: while its trace is edited, and another one overlaps, no number is missing.
pub fn without_a_gap(scene: &Scene) {
    scene.pod(
        "p",
        "web",
        "n=0; while true; do n=$((n+1)); /bin/echo $n; usleep 20000; done",
    );
    scene.accepted("t", "");
    let numbers = || -> Vec<u64> {
        let events = scene.logged("t");
        let echoed = events.iter().filter(|event| event["comm"] == "echo");
        echoed
            .map(|event| event["args"][1].as_str().unwrap().parse().unwrap())
            .collect()
    };
    scene.until("it counts", || numbers().len() > 5);
    let edits = [
        "  statusEvents: 3\n",
        "  filter: ['comm:echo']\n",
        "  filter: ['comm:!sleep']\n  exec: {maxArgsBytes: 100}\n",
        "  selector: {podName: p}\n",
        "  selector: {podSelector: {matchLabels: {app: p}}}\n",
        "  outputs: [Log]\n  rateLimit: {eventsPerSecond: 100000, burst: 100000}\n",
    ];
    for (n, edit) in edits.into_iter().enumerate() {
        scene.accepted("t", edit);
        // Another comes, and the one before it goes.
        scene.accepted(&format!("other-{n}"), edit);
        if n > 0 {
            let gone = format!("other-{}", n - 1);
            scene
                .kubectl(&["delete", "trace", &gone, "--wait=false"])
                .unwrap();
        }
    }
    let so_far = numbers().len();
    scene.until("it goes on", || numbers().len() > so_far + 20);
    let numbers = numbers();
    let expected: Vec<u64> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}
