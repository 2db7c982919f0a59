//! A container's end is told within 100 ms, however it ends and whatever runs it.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use traceherd_containers::{Change, ContainerCollection, RuncOptions, Subscription};
use traceherd_e2e::{Containerd, Docker, Lateness, Runc, Runtimes};

const SOON: Duration = Duration::from_secs(30);
const BOUND: Duration = Duration::from_millis(100);

/// One of them, for what is done to it.
enum Runtime {
    Docker(Docker),
    Containerd(Containerd),
    Runc(Runc),
}

impl Runtime {
    fn start(&self, name: &str, command: &[&str]) {
        match self {
            Self::Docker(docker) => drop(docker.run_detached(name, command).unwrap()),
            Self::Containerd(containerd) => containerd.run_detached(name, command).unwrap(),
            Self::Runc(runc) => runc.run_detached(name, &[], command).unwrap(),
        }
    }

    fn remove(&self, name: &str) {
        match self {
            Self::Docker(docker) => docker.rm(name).unwrap(),
            Self::Containerd(containerd) => containerd.rm(name).unwrap(),
            Self::Runc(runc) => runc.rm(name).unwrap(),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Docker(_) => "docker",
            Self::Containerd(_) => "containerd",
            Self::Runc(_) => "runc",
        }
    }
}

/// Waits, in a thread of its own, for the end of a process.
fn end_of(pid: u32) -> JoinHandle<Instant> {
    let runs = move || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        !matches!(state, None | Some('Z' | 'X'))
    };
    thread::spawn(move || {
        while runs() {
            sleep(Duration::from_millis(1));
        }
        Instant::now()
    })
}

/// Waits for what `is` makes something of.
async fn until<T>(changes: &mut Subscription, mut is: impl FnMut(&Change) -> Option<T>) -> T {
    let wait = async {
        loop {
            let change = changes.next().await.unwrap();
            if let Some(found) = is(&change) {
                return found;
            }
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap()
}

/// The pid of the container of this name, once it is told.
async fn added(changes: &mut Subscription, name: &str) -> u32 {
    // Its pid may come with a later change.
    until(changes, |change| match change {
        Change::Added(told) | Change::Updated(told) if told.name.as_deref() == Some(name) => {
            told.pid
        }
        _ => None,
    })
    .await
}

/// Checks when the end of the container's process is told.
async fn is_told_in_time(changes: &mut Subscription, name: &str, pid: u32, how: &str) {
    let (ended, machine) = (end_of(pid), Lateness::watch());
    until(changes, |change| match change {
        Change::Removed(told) if told.name.as_deref() == Some(name) => Some(()),
        _ => None,
    })
    .await;
    let told = Instant::now();
    let late = told.saturating_duration_since(ended.join().unwrap());
    let allowed = machine.allowance();
    println!("{how}: told {late:?} after the end, {allowed:?} allowed for the machine");
    assert!(late < BOUND + allowed, "{how}: {late:?} {allowed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_container_ends_it_is_told_in_time() {
    let docker = Docker::start().unwrap();
    let containerd = Containerd::start().unwrap();
    let program = Runtimes::get().unwrap().folder().join("bin/runc");
    let collection = ContainerCollection::builder()
        .docker(docker.socket())
        .containerd(containerd.socket())
        .runc(RuncOptions {
            binaries: vec![program],
        })
        .start()
        .await
        .unwrap();
    let mut changes = collection.subscribe();
    for runtime in [
        Runtime::Docker(docker),
        Runtime::Containerd(containerd),
        Runtime::Runc(Runc::start().unwrap()),
    ] {
        let name = |how: &str| format!("{}-{how}", runtime.name());

        let exits = name("exits");
        runtime.start(&exits, &["sleep", "3"]);
        let pid = added(&mut changes, &exits).await;
        is_told_in_time(&mut changes, &exits, pid, &exits).await;

        let killed = name("killed");
        runtime.start(&killed, &["sleep", "1000"]);
        let pid = added(&mut changes, &killed).await;
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
        is_told_in_time(&mut changes, &killed, pid, &killed).await;

        let removed = name("removed");
        runtime.start(&removed, &["sleep", "1000"]);
        let pid = added(&mut changes, &removed).await;
        thread::scope(|scope| {
            scope.spawn(|| runtime.remove(&removed));
            tokio::task::block_in_place(|| {
                let told = is_told_in_time(&mut changes, &removed, pid, &removed);
                tokio::runtime::Handle::current().block_on(told);
            });
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_without_memory_left_is_told_in_time() {
    let docker = Docker::start().unwrap();
    let collection = ContainerCollection::builder()
        .docker(docker.socket())
        .start()
        .await
        .unwrap();
    let mut changes = collection.subscribe();
    // It reads as much as it is to keep, which is more than it may have.
    let command = ["sh", "-c", "sleep 2; exec tail -c 500000000 /dev/zero"];
    docker
        .run_with("hungry", &["--detach", "--memory", "16m"], &command)
        .unwrap();
    let pid = added(&mut changes, "hungry").await;
    is_told_in_time(&mut changes, "hungry", pid, "out of memory").await;
    let killed = docker
        .docker(&["inspect", "--format", "{{.State.ExitCode}}", "hungry"])
        .unwrap();
    assert_eq!(killed.trim(), "137");
}
