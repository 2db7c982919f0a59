//! A `traceherd` that hangs or dies holds up no container and leaves nothing in the kernel.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    io::pipe,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use traceherd_e2e::{Docker, kernel, traceherd::Options};

/// The longest of a few container starts.
fn slowest_start(docker: &Docker) -> Duration {
    let start = |number: u32| {
        let started = Instant::now();
        docker.run(&format!("start-{number}"), &["true"]).unwrap();
        started.elapsed()
    };
    (0..5).map(start).max().unwrap_or_default()
}

/// A start that waits for someone waits for seconds or forever; one on a busy machine varies.
fn assert_no_delay(docker: &Docker, before: Duration, when: &str) {
    let now = slowest_start(docker);
    let bound = before * 3 + Duration::from_secs(1);
    assert!(
        now < bound,
        "{when}: a container's start took {now:?}, and {before:?} before"
    );
}

#[test]
fn a_stopped_command_delays_no_start() {
    let docker = Docker::start().unwrap();
    let before = slowest_start(&docker);
    let traceherd = Options::exec(&[]).unwrap().docker(&docker).start().unwrap();
    traceherd.signal(Signal::SIGSTOP).unwrap();
    assert_no_delay(&docker, before, "stopped");
    traceherd.signal(Signal::SIGCONT).unwrap();
    docker.run("after", &["echo", "awake"]).unwrap();
    assert!(
        traceherd.eventually(|events| events.iter().any(|event| event["container"] == "after")),
        "{}",
        traceherd.stderr()
    );
}

#[test]
fn a_full_pipe_delays_no_start() {
    let docker = Docker::start().unwrap();
    let before = slowest_start(&docker);
    // Nobody reads, and the pipe stays open.
    let (_reader, writer) = pipe().unwrap();
    let traceherd = Options::exec(&[])
        .unwrap()
        .docker(&docker)
        .start_to(writer)
        .unwrap();
    for _ in 0..2000 {
        Command::new("/bin/true")
            .arg("a pipe holds 64 KiB")
            .status()
            .unwrap();
    }
    assert_no_delay(&docker, before, "with its pipe full");
    let ended = traceherd.stop().unwrap();
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_killed_command_delays_no_start_and_leaves_nothing_attached() {
    let docker = Docker::start().unwrap();
    let before = slowest_start(&docker);
    let traceherd = Options::exec(&["--failed"])
        .unwrap()
        .docker(&docker)
        .start()
        .unwrap();
    docker.run("traced", &["true"]).unwrap();
    let programs = kernel::programs(traceherd.pid()).unwrap();
    assert!(!programs.is_empty());
    assert!(programs.iter().all(|&id| kernel::is_loaded(id)));
    traceherd.signal(Signal::SIGKILL).unwrap();
    assert_no_delay(&docker, before, "killed");
    drop(traceherd);
    // The kernel frees programs after a grace period.
    let started = Instant::now();
    while programs.iter().any(|&id| kernel::is_loaded(id)) {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "programs are still loaded"
        );
        sleep(Duration::from_millis(50));
    }
}
