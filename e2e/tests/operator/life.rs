//! How a trace begins and ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Operator;
use crate::scene::{Scene, counts};

const SOON: Duration = Duration::from_secs(5);

pub fn it_ends_and_runs_again(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    let spec = |run: &str| json!({"duration": "5s", "reportRetention": "3s", "run": run});
    let phase = || scene.status("t")["phase"].clone();
    scene.trace("t", spec("1"));
    scene.report("t", "node-1", json!({"events": counts(7, 0)}));
    scene.until("it is over", || phase() == "Completed");
    let status = scene.status("t");
    let at = |name: &str| status[name].as_str().unwrap_or_default().to_owned();
    assert!(at("completionTime") > at("startTime"), "{status}");
    assert_eq!(scene.condition("t", "Ready").1, "Completed");
    assert_eq!(scene.reports().len(), 1);
    scene.until("its report goes", || scene.reports().is_empty());
    assert_eq!(scene.status("t")["events"], counts(7, 0));

    // An apply of the same, as GitOps does, begins nothing.
    scene.trace("t", spec("1"));
    scene.never(SOON / 2, "it ran again", || phase() != "Completed");

    scene.trace("t", spec("2"));
    scene.within(SOON, "it runs again", || phase() == "Running");
    assert_eq!(scene.status("t")["completionTime"], Value::Null);
    assert_eq!(scene.status("t")["events"], counts(0, 0));
    scene.until("both are told", || {
        let told = scene.events("t");
        told.iter().filter(|one| *one == "Started").count() == 2
    });

    // On every node is over, too.
    scene.trace("u", json!({"maxEventsPerNode": 3}));
    let done = json!({"phase": "Completed", "events": counts(3, 0)});
    scene.report("u", "node-1", done);
    scene.within(SOON, "it is over", || {
        scene.status("u")["phase"] == "Completed"
    });
}

/// However short reports are kept: an agent's last word comes a little after the end.
pub fn what_is_told_late_counts_once(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    scene.trace("t", json!({"duration": "3s", "reportRetention": "0s"}));
    scene.report("t", "node-1", json!({"events": counts(7, 0)}));
    scene.until("it is over", || scene.status("t")["phase"] == "Completed");
    let done = json!({"phase": "Completed", "events": counts(9, 0)});
    scene.report("t", "node-1", done);
    let events = || scene.status("t")["events"].clone();
    scene.within(SOON, "it is counted", || events() == counts(9, 0));
    scene.until("its report goes", || scene.reports().is_empty());
    scene.never(SOON / 2, "the total changes", || events() != counts(9, 0));
}

pub fn another_of_the_same_name_starts_fresh(scene: &Scene) {
    let _operator = Operator::acting(scene, &[]);
    let spec = || json!({"duration": "1h"});
    scene.trace("t", spec());
    scene.report("t", "node-1", json!({"events": counts(7, 1)}));
    let lost = || scene.status("t")["events"]["lost"].clone();
    scene.until("it is counted", || lost() == 1);
    for _ in 0..3 {
        scene
            .kubectl(&["delete", "trace", "t", "--wait=false"])
            .unwrap();
        scene.trace("t", spec());
        scene.within(SOON, "it starts fresh", || lost() == 0);
        assert_eq!(scene.condition("t", "Lossless").0, "True");
    }
    scene.until("the old report goes with its trace", || {
        scene.reports().is_empty()
    });
}
