//! What the schema cannot say: the trace is stalled, with a reason, until it is edited.

use crate::manifests::saying;
use crate::scene::Scene;

/// Lines of a spec that cannot run, and a word of the message.
const STALLED: &[(&str, &str)] = &[
    ("  filter: ['comm:~(']\n", "comm:~("),
    ("  filter: ['nocolumn:1']\n", "nocolumn"),
    ("  filter: ['uid:abc']\n", "uid"),
    ("  filter: ['uid']\n", "uid"),
    ("  filter: ['comm:echo', 'pid:>x']\n", "pid"),
];

pub fn what_cannot_run_is_stalled_until_edited(scene: &Scene) {
    scene.pod("p", "web", &saying("on"));
    let name = |n: usize| format!("bad-{n}");
    for (n, (lines, _)) in STALLED.iter().enumerate() {
        scene.trace(&name(n), lines);
    }
    for (n, (lines, word)) in STALLED.iter().enumerate() {
        scene.until(&format!("{lines} is stalled"), || {
            scene.condition(&name(n), "Stalled")["status"] == "True"
        });
        let stalled = scene.condition(&name(n), "Stalled");
        let message = stalled["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(word) && message.contains("filter"),
            "{lines}: {stalled:#}"
        );
        assert!(!stalled["reason"].as_str().unwrap_or_default().is_empty());
        let status = scene.status(&name(n));
        assert_eq!(status["phase"], "Failed", "{lines}");
        assert_eq!(scene.condition(&name(n), "Ready")["status"], "False");
        assert!(scene.logged(&name(n)).is_empty(), "{lines}");
    }
    for n in 0..STALLED.len() {
        scene.accepted(&name(n), "  filter: ['comm:echo']\n");
        let stalled = scene.condition(&name(n), "Stalled");
        assert_ne!(stalled["status"], "True", "{stalled:#}");
    }
    for n in 0..STALLED.len() {
        scene.until("it traces after the edit", || {
            !scene.echoed(&name(n), "on").is_empty()
        });
    }
    // And an edit that cannot run stops what ran.
    scene.trace("bad-0", STALLED[0].0);
    scene.until("it is stalled again", || {
        scene.condition("bad-0", "Stalled")["status"] == "True"
    });
    std::thread::sleep(std::time::Duration::from_secs(2));
    let seen = scene.logged("bad-0").len();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(scene.logged("bad-0").len(), seen);
}
