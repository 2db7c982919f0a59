//! A filter on one container: what is the container's, and what the others cost.

#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use traceherd_e2e::{Docker, kernel, traceherd::Options};

/// An exec record is never shorter.
const SMALLEST_RECORD: u64 = 80;

fn has_args(event: &Value, args: &[&str]) -> bool {
    event["args"] == json!(args)
}

/// Whether runc was still starting a process: how far it has come when it is in the container's
/// cgroup already differs from one start to the next.
fn is_starting(event: &Value) -> bool {
    has_args(event, &["runc", "init"])
}

#[test]
fn execs_of_another_container_cost_no_record() {
    const EXECS: u64 = 1000;
    let docker = Docker::start().unwrap();
    for name in ["wanted", "other"] {
        docker.run_detached(name, &["sleep", "1000"]).unwrap();
    }
    let traceherd = Options::exec(&["-c", "wanted"])
        .unwrap()
        .docker(&docker)
        .start()
        .unwrap();
    // Its verdict is there once its own events arrive; that of `other` was decided before.
    let seen = traceherd.eventually(|events| {
        docker.exec("wanted", &["echo", "there"]).unwrap();
        events
            .iter()
            .any(|event| has_args(event, &["echo", "there"]))
    });
    assert!(seen, "{}", traceherd.stderr());

    let written_for = |name| {
        let script = format!("i=0; while [ $i -lt {EXECS} ]; do /bin/true; i=$((i + 1)); done");
        let before = kernel::ring_written(traceherd.pid()).unwrap();
        docker.exec(name, &["sh", "-c", &script]).unwrap();
        kernel::ring_written(traceherd.pid()).unwrap() - before
    };
    let (wanted, other) = (written_for("wanted"), written_for("other"));
    assert!(
        wanted >= EXECS * SMALLEST_RECORD,
        "{wanted} bytes for {EXECS} wanted execs"
    );
    assert!(
        other < EXECS * SMALLEST_RECORD / 10,
        "{other} bytes for {EXECS} unwanted execs"
    );

    docker.exec("wanted", &["echo", "last"]).unwrap();
    assert!(traceherd.eventually(|events| {
        events
            .iter()
            .any(|event| has_args(event, &["echo", "last"]))
    }));
    let ended = traceherd.stop().unwrap();
    assert!(ended.status.success(), "{}", ended.stderr);
    let others: Vec<_> = ended
        .events
        .iter()
        .filter(|event| event["container"] != "wanted")
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn what_enters_or_leaves_a_namespace_is_still_the_containers() {
    let docker = Docker::start().unwrap();
    let traceherd = Options::exec(&["-c", "wanted"])
        .unwrap()
        .docker(&docker)
        .start()
        .unwrap();
    // What `unshare` needs; not --privileged, which needs every capability of the host.
    let options = [
        "--detach",
        "--cap-add=SYS_ADMIN",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
    ];
    docker
        .run_with("wanted", &options, &["sleep", "1000"])
        .unwrap();
    docker.run_detached("other", &["sleep", "1000"]).unwrap();

    docker.exec("wanted", &["echo", "by exec"]).unwrap();
    docker
        .exec("other", &["echo", "by exec in another"])
        .unwrap();
    docker
        .exec(
            "wanted",
            &["unshare", "-m", "sh", "-c", "echo in; /bin/echo unshared"],
        )
        .unwrap();
    let expected = [
        json!(["sleep", "1000"]),
        json!(["echo", "by exec"]),
        json!(["unshare", "-m", "sh", "-c", "echo in; /bin/echo unshared"]),
        json!(["sh", "-c", "echo in; /bin/echo unshared"]),
        json!(["/bin/echo", "unshared"]),
    ];
    traceherd.eventually(|events| {
        let own = events.iter().filter(|event| !is_starting(event));
        own.count() >= expected.len()
    });
    let ended = traceherd.stop().unwrap();
    let seen: Vec<_> = ended
        .events
        .iter()
        .filter(|event| !is_starting(event))
        .map(|event| event["args"].clone())
        .collect();
    assert_eq!(seen, expected, "{}", ended.stderr);
    assert!(
        ended
            .events
            .iter()
            .all(|event| event["container"] == "wanted")
    );
    let mounts = |args: &Value| {
        let event = ended.events.iter().find(|event| event["args"] == *args);
        event.and_then(|event| event["mountnsid"].as_u64()).unwrap()
    };
    assert_eq!(mounts(&expected[0]), mounts(&expected[1]));
    assert_ne!(
        mounts(&expected[1]),
        mounts(&expected[4]),
        "unshare made no mount namespace"
    );
}

#[test]
fn a_container_that_storms_is_held_to_its_rate_and_another_is_not() {
    const EXECS: usize = 300;
    let docker = Docker::start().unwrap();
    let traceherd = Options::exec(&["-c", "storm", "-c", "quiet", "--rate-limit", "1:10"])
        .unwrap()
        .docker(&docker)
        .start()
        .unwrap();
    docker.run_detached("quiet", &["sleep", "1000"]).unwrap();
    // The shell itself and `sleep` are execs of the container's too.
    let script = format!(
        "i=0; while [ $i -lt {} ]; do /bin/true; i=$((i + 1)); done; exec sleep 1000",
        EXECS - 2
    );
    let started = std::time::Instant::now();
    docker
        .run_detached("storm", &["sh", "-c", &script])
        .unwrap();
    let ended_storm = traceherd.eventually(|_| {
        let pid = docker.container_pid("storm").unwrap();
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.starts_with(b"sleep")
    });
    assert!(ended_storm, "the storm has not ended");
    docker.exec("quiet", &["echo", "still heard"]).unwrap();
    assert!(traceherd.eventually(|events| {
        events
            .iter()
            .any(|event| has_args(event, &["echo", "still heard"]))
    }));
    let most = 10 + started.elapsed().as_secs() as usize + 1;
    let ended = traceherd.stop().unwrap();
    let of = |name: &str| {
        let events = ended.events.iter();
        let all: Vec<_> = events.filter(|event| event["container"] == name).collect();
        // Of docker's own: how far runc had come when it was in the container's cgroup already.
        let starting = all
            .iter()
            .filter(|event| has_args(event, &["runc", "init"]));
        (all.len(), starting.count())
    };
    let (storm, starting) = of("storm");
    assert!(
        (10..=most).contains(&storm),
        "{storm} events, at most {most}"
    );
    let suppressed = format!("0 lost, {} suppressed", EXECS + starting - storm);
    assert!(
        ended.stderr.contains(&suppressed),
        "{} is not in: {}",
        suppressed,
        ended.stderr
    );
    let (quiet, starting) = of("quiet");
    assert_eq!(quiet - starting, 2);
}
