//! Containers that end and begin again, stand still, and are called otherwise.

use std::fs;

use serde_json::Value;

use crate::hierarchy::Version;
use crate::stage::{Stage, assert_nothing_lost, assert_only, marked, name, wait_for};

pub fn restarted_renamed_and_paused(stage: &Stage) {
    let (old, new) = (&*name("old"), &*name("new"));
    let docker = &stage.docker;
    let both = stage.trace(&["-c", old, "-c", new]);
    let by_old_name = stage.trace(&["-c", old]);
    let id = stage.sleeps(old);
    let says = |name: &str, mark: &str| drop(docker.exec(name, &["/bin/echo", mark]).unwrap());

    says(old, "first");
    docker.restart(old).unwrap();
    says(old, "restarted");
    docker.pause(old).unwrap();
    docker.unpause(old).unwrap();
    says(old, "unpaused");
    wait_for(&by_old_name, &["first", "restarted", "unpaused"]);
    docker.rename(old, new).unwrap();
    // Whoever asks docker hears of it a moment later.
    let renamed = both.eventually(|events| {
        says(new, "renamed");
        let seen = marked(events, "renamed");
        seen.last().is_some_and(|event| event["container"] == new)
    });
    assert!(renamed, "{}", both.stderr());
    says(new, "last");
    wait_for(&both, &["last"]);

    let mut ended = both.stop().unwrap();
    let only = |mark: &str| {
        let seen = marked(&ended.events, mark);
        assert_eq!(seen.len(), 1, "{seen:#?}");
        seen[0].clone()
    };
    let [first, restarted, unpaused, last] = ["first", "restarted", "unpaused", "last"].map(only);
    for event in [&first, &restarted, &unpaused, &last] {
        assert_eq!(event["containerid"], *id, "{event:#}");
    }
    // Another instance of the same container.
    assert_ne!(first["cgroupid"], restarted["cgroupid"]);
    assert_eq!(restarted["cgroupid"], unpaused["cgroupid"]);
    assert_eq!(restarted["cgroupid"], last["cgroupid"]);
    // One name after the other.
    let is_new = |event: &Value| event["container"] == new;
    let change = ended.events.iter().position(is_new).unwrap();
    assert!(ended.events[change..].iter().all(is_new));
    ended.events.truncate(change);
    ended.events.retain(|event| event["args"][1] != "renamed");
    assert_only(&ended, old, &["first", "restarted", "unpaused"]);

    let by_old_name = by_old_name.stop().unwrap();
    assert!(marked(&by_old_name.events, "last").is_empty());
    assert!(!by_old_name.events.iter().any(is_new));
    assert_nothing_lost(&by_old_name);
}

pub fn killed_for_memory(stage: &Stage) {
    const LIVES: usize = 3;
    if !has_memory_controller(stage.version) {
        println!("left out: cgroup v2 has no memory controller here");
        return;
    }
    let hungry = &*name("hungry");
    let own = stage.trace(&["-c", hungry]);
    let options = ["--detach", "--memory=16m", "--restart=on-failure:2"];
    // It reads as much as it is to keep, which is more than it may have.
    let script = "/bin/echo alive; exec tail -c 500000000 /dev/zero";
    stage
        .docker
        .run_with(hungry, &options, &["sh", "-c", script])
        .unwrap();
    let all = own.eventually(|events| marked(events, "alive").len() == LIVES);
    assert!(all, "{:#?} {}", own.events(), own.stderr());
    let state = |field: &str| {
        let format = format!("{{{{.State.{field}}}}}");
        let args = ["inspect", "--format", &format, hungry];
        stage.docker.docker(&args).unwrap().trim().to_owned()
    };
    // Ended for good.
    assert!(own.eventually(|_| state("Running") == "false"));
    assert_eq!(state("ExitCode"), "137");

    let ended = own.stop().unwrap();
    assert_nothing_lost(&ended);
    let strangers = ended.events.iter().filter(|it| it["container"] != hungry);
    assert_eq!(strangers.count(), 0);
    for args in [
        &["/bin/echo", "alive"][..],
        &["tail", "-c", "500000000", "/dev/zero"],
    ] {
        let args = serde_json::json!(args);
        let seen = ended.events.iter().filter(|event| event["args"] == args);
        let mut cgroups: Vec<_> = seen.map(|event| event["cgroupid"].as_u64()).collect();
        assert_eq!(cgroups.len(), LIVES, "{args}");
        cgroups.dedup();
        assert_eq!(cgroups.len(), LIVES, "{args}");
    }
}

fn has_memory_controller(version: Version) -> bool {
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
    version == Version::V1 || controllers.is_ok_and(|names| names.contains("memory"))
}
