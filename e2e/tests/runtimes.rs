//! The harness itself: each runtime starts, runs a command, and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use traceherd_e2e::{Containerd, Docker, Runc};

/// What on this host still carries `name`: processes, mounts, cgroups, folders.
fn left_of(name: &str) -> Vec<String> {
    let find = |folder: &str, depth: &str| {
        let output = Command::new("find")
            .args([folder, "-maxdepth", depth, "-name", name])
            .output()
            .unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let mut left = [
        find("/tmp", "1"),
        find("/sys/fs/cgroup", "3"),
        find("/run/containerd", "2"),
    ]
    .concat();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    left.extend(
        mounts
            .lines()
            .filter(|line| line.contains(name))
            .map(String::from),
    );
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        if status.contains("State:\tZ") {
            continue; // dead; its new parent has not reaped it yet
        }
        let cgroup = fs::read_to_string(process.path().join("cgroup")).unwrap_or_default();
        let cmdline = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        if cgroup.contains(name) || cmdline.contains(name) {
            left.push(format!("{}: {cmdline}", process.path().display()));
        }
    }
    left
}

fn name_of(socket: &Path) -> String {
    socket
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .into()
}

#[test]
fn docker_runs_containers_and_leaves_nothing() {
    let docker = Docker::start().unwrap();
    let name = name_of(docker.socket());
    assert_eq!(docker.run("hi", &["echo", "hello"]).unwrap(), "hello\n");

    let id = docker.run_detached("web", &["sleep", "1000"]).unwrap();
    assert_eq!(docker.id("web").unwrap(), id);
    assert_eq!(docker.exec("web", &["echo", "inside"]).unwrap(), "inside\n");
    let cgroup = fs::read_to_string(format!(
        "/proc/{}/cgroup",
        docker.container_pid("web").unwrap()
    ));
    assert!(
        cgroup
            .unwrap()
            .contains(&format!("{}/{id}", docker.cgroup_parent()))
    );

    docker.rename("web", "shop").unwrap();
    docker.restart("shop").unwrap();
    assert_eq!(docker.id("shop").unwrap(), id);
    docker.pause("shop").unwrap();
    docker.run_detached("killed", &["sleep", "1000"]).unwrap();
    docker.kill("killed").unwrap();
    assert!(docker.container_pid("killed").is_err());
    docker
        .run_with(
            "host",
            &["--detach", "--pid=host", "--network=host"],
            &["sleep", "1000"],
        )
        .unwrap();
    let failed = docker.run("false", &["false"]).unwrap_err().to_string();
    assert!(failed.contains("busybox false` failed"), "{failed}");

    drop(docker);
    assert_eq!(left_of(&name), Vec::<String>::new());
}

#[test]
fn containerd_runs_containers_and_leaves_nothing() {
    let containerd = Containerd::start().unwrap();
    let name = name_of(containerd.socket());
    // It stays a moment: ctr may lose what a container prints that ends at once.
    let hello = ["sh", "-c", "echo hello; sleep 1"];
    assert_eq!(containerd.run("hi", &hello).unwrap(), "hello\n");

    containerd.run_detached("web", &["sleep", "1000"]).unwrap();
    assert_eq!(
        containerd.exec("web", &["echo", "inside"]).unwrap(),
        "inside\n"
    );
    let pid = containerd.container_pid("web").unwrap();
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(
        cgroup.contains(&format!("{}/web", containerd.cgroup_parent())),
        "{cgroup}"
    );
    containerd.restart("web").unwrap();
    assert_ne!(containerd.container_pid("web").unwrap(), pid);
    containerd.pause("web").unwrap();
    containerd.run_detached("gone", &["sleep", "1000"]).unwrap();
    containerd.rm("gone").unwrap();

    drop(containerd);
    assert_eq!(left_of(&name), Vec::<String>::new());
}

#[test]
fn runc_runs_containers_and_leaves_nothing() {
    let runc = Runc::start().unwrap();
    let name = name_of(runc.root());
    assert_eq!(runc.run("hi", &["echo", "hello"]).unwrap(), "hello\n");
    runc.run_detached(
        "web",
        &[("io.kubernetes.cri.container-name", "web")],
        &["sleep", "1000"],
    )
    .unwrap();
    assert_eq!(runc.exec("web", &["echo", "inside"]).unwrap(), "inside\n");
    assert_ne!(runc.container_pid("web").unwrap(), 0);
    assert!(
        runc.run_detached("none", &[], &["no-such-program"])
            .is_err()
    );

    drop(runc);
    assert_eq!(left_of(&name), Vec::<String>::new());
}

/// A test process that is killed cleans up no less.
#[test]
fn a_killed_test_leaves_nothing() {
    if let Ok(file) = std::env::var("HOLD_DOCKER") {
        let docker = Docker::start().unwrap();
        docker.run_detached("web", &["sleep", "1000"]).unwrap();
        fs::write(file, name_of(docker.socket())).unwrap();
        sleep(Duration::from_secs(1000));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_test_leaves_nothing"])
        .env("HOLD_DOCKER", file.path())
        .spawn()
        .unwrap();
    let name = eventually(|| {
        fs::read_to_string(file.path())
            .ok()
            .filter(|name| !name.is_empty())
    });
    assert_ne!(left_of(&name), Vec::<String>::new());
    test.kill().unwrap();
    test.wait().unwrap();
    eventually(|| left_of(&name).is_empty().then_some(()));
}

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "waited for a minute"
        );
        sleep(Duration::from_millis(50));
    }
}
