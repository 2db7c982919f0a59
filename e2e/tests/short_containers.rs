//! Containers that end at once: the first exec of each arrives, under its right name.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};
use traceherd_e2e::{Containerd, Docker, traceherd::Options};

const TOGETHER: usize = 300;
const AT_A_TIME: usize = 8;
const ONE_AFTER_THE_OTHER: usize = 50;

/// Runs as many containers of different names, each an `echo` of its name, `workers` at a time.
fn run_all(prefix: &str, count: usize, workers: usize, run: impl Fn(&str) + Sync) -> Vec<String> {
    let names: Vec<_> = (0..count)
        .map(|number| format!("{prefix}-{number}"))
        .collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(name);
                }
            });
        }
    });
    names
}

/// What the containers of these names executed, by name. How far runc had come when it was in the
/// container's cgroup already differs from one start to the next.
fn executed(events: &[Value], prefix: &str) -> BTreeMap<String, Vec<Value>> {
    let mut executed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        if event["args"] == json!(["runc", "init"]) {
            continue;
        }
        if let Some(name) = event["container"]
            .as_str()
            .filter(|name| name.starts_with(prefix))
        {
            executed
                .entry(name.to_owned())
                .or_default()
                .push(event["args"].clone());
        }
    }
    executed
}

fn every_first_exec_has_its_name(
    options: Options,
    prefix: &str,
    count: usize,
    workers: usize,
    run: impl Fn(&str) + Sync,
) {
    let traceherd = options.start().unwrap();
    let names = run_all(prefix, count, workers, run);
    let complete = traceherd.eventually(|events| executed(events, prefix).len() == names.len());
    let ended = traceherd.stop().unwrap();
    let executed = executed(&ended.events, prefix);
    let expected: BTreeMap<_, _> = names
        .into_iter()
        .map(|name| (name.clone(), vec![json!(["echo", name])]))
        .collect();
    // The other test runs at the same time: names of its own keep them apart.
    let unnamed = ended.events.iter().filter(|event| {
        event["comm"] == "echo"
            && event["args"][1]
                .as_str()
                .is_some_and(|arg| arg.starts_with(prefix))
    });
    let unnamed: Vec<_> = unnamed
        .filter(|event| event["container"] != event["args"][1])
        .collect();
    assert!(
        unnamed.is_empty(),
        "under another name or none: {}\n{}",
        brief(&unnamed),
        ended.stderr
    );
    assert!(
        executed == expected,
        "{}\n{}",
        difference(&executed, &expected),
        ended.stderr
    );
    assert!(complete);
}

fn brief(events: &[&Value]) -> String {
    let line = |event: &&Value| format!("{}: {}\n", event["container"], event["args"]);
    events.iter().map(line).collect()
}

fn difference(
    seen: &BTreeMap<String, Vec<Value>>,
    expected: &BTreeMap<String, Vec<Value>>,
) -> String {
    let missing: Vec<_> = expected
        .keys()
        .filter(|name| !seen.contains_key(*name))
        .collect();
    let other: Vec<_> = seen
        .iter()
        .filter(|(name, args)| expected.get(*name) != Some(args))
        .collect();
    format!("missing: {missing:?}; not as expected: {other:?}")
}

#[test]
fn of_docker() {
    let docker = Docker::start().unwrap();
    let run = |name: &str| assert_eq!(docker.run(name, &["echo", name]).unwrap().trim(), name);
    let options = || Options::exec(&[]).unwrap().docker(&docker);
    every_first_exec_has_its_name(options(), "docker-many", TOGETHER, AT_A_TIME, run);
    every_first_exec_has_its_name(options(), "docker-single", ONE_AFTER_THE_OTHER, 1, run);
}

#[test]
fn of_containerd() {
    let containerd = Containerd::start().unwrap();
    // Not compared: ctr may lose what a container prints that ends at once.
    let run = |name: &str| drop(containerd.run(name, &["echo", name]).unwrap());
    let options = || Options::exec(&[]).unwrap().containerd(&containerd);
    every_first_exec_has_its_name(options(), "containerd-many", TOGETHER, AT_A_TIME, run);
    every_first_exec_has_its_name(options(), "containerd-single", ONE_AFTER_THE_OTHER, 1, run);
}
