//! The names that runtimes give to cgroups, by runtime, cgroup driver and OCI runtime: which of
//! them is the container where nobody says so, and what is the host's.

use super::*;
use crate::shape::ancestors;
use Runtime::{Containerd, Crio, Docker, Podman};

/// A process's cgroup; its container's own cgroup and runtime, if it is in one.
type Row = (String, Option<(String, Option<Runtime>)>);

fn own(path: String, runtime: Option<Runtime>) -> Row {
    (path.clone(), Some((path, runtime)))
}

fn below(path: String, nested: &str, runtime: Option<Runtime>) -> Row {
    (format!("{path}{nested}"), Some((path, runtime)))
}

fn host(path: String) -> Row {
    (path, None)
}

fn check(table: Vec<Row>) {
    for (path, expected) in table {
        let mut state = State::new("/", false);
        let now = Instant::now();
        let all: Vec<&str> = ancestors(&path).chain([&*path]).collect();
        for (number, path) in all.iter().enumerate() {
            state.apply(now, created(2 + number as u64, path));
        }
        // Nobody knows any of them, the innermost first.
        for number in (0..all.len()).rev() {
            state.apply(now, nobody(2 + number as u64));
        }
        let found = state.resolve(now, CgroupId(1 + all.len() as u64));
        let found = found.map(|container| {
            assert_eq!(container.name, None, "{path}");
            assert!(container.id.len() == 64, "{path}: {}", container.id);
            (container.cgroup.clone().unwrap().path, container.runtime)
        });
        assert_eq!(found, expected, "{path}");
        assert_eq!(
            state.containers().len(),
            usize::from(expected.is_some()),
            "{path}"
        );
    }
}

#[test]
fn of_docker() {
    let a = id('a');
    let rootless = "/user.slice/user-1000.slice/user@1000.service/user.slice";
    check(vec![
        // cgroupfs driver
        own(format!("/docker/{a}"), Some(Docker)),
        below(format!("/docker/{a}"), "/init.scope", Some(Docker)),
        own(format!("/a-parent/{a}"), None),
        // systemd driver
        own(format!("/system.slice/docker-{a}.scope"), Some(Docker)),
        own(format!("/a.slice/docker-{a}.scope"), Some(Docker)),
        below(
            format!("/system.slice/docker-{a}.scope"),
            "/system.slice/web.service",
            Some(Docker),
        ),
        own(format!("{rootless}/docker-{a}.scope"), Some(Docker)),
        // docker in docker
        below(
            format!("/docker/{a}"),
            &format!("/docker/{}", id('b')),
            Some(Docker),
        ),
        // its own processes, and its shims
        host("/system.slice/docker.service".into()),
        host("/docker".into()),
        host("/docker/buildkit".into()),
    ]);
}

#[test]
fn of_containerd() {
    let a = id('a');
    let uid = "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
    let pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f4b2c1d_7a3e_4d52_9c0b_1e2f3a4b5c6d.slice";
    check(vec![
        // the kubelet's, cgroupfs driver
        own(format!("/kubepods/pod{uid}/{a}"), None),
        own(format!("/kubepods/besteffort/pod{uid}/{a}"), None),
        own(format!("/kubelet/kubepods/burstable/pod{uid}/{a}"), None),
        own(
            format!("/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/{a}"),
            None,
        ),
        // systemd driver
        own(format!("{pod}/cri-containerd-{a}.scope"), Some(Containerd)),
        below(
            format!("{pod}/cri-containerd-{a}.scope"),
            "/init.scope",
            Some(Containerd),
        ),
        own(
            format!("/kubelet.slice{pod}/cri-containerd-{a}.scope"),
            Some(Containerd),
        ),
        // nerdctl
        own(format!("/default/{a}"), None),
        own(format!("/system.slice/nerdctl-{a}.scope"), Some(Containerd)),
        // pods themselves, and what is beside containers
        host(format!("/kubepods/besteffort/pod{uid}")),
        host(pod.into()),
        host("/system.slice/containerd.service".into()),
        host("/system.slice/kubelet.service".into()),
        // ctr's and plain runc's have any name: someone has to say so
        host("/default/web".into()),
        host("/system.slice/runc-web.scope".into()),
    ]);
}

#[test]
fn of_cri_o() {
    let a = id('a');
    let pod = "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod0f4b2c1d_7a3e_4d52_9c0b_1e2f3a4b5c6d.slice";
    let cgroupfs = "/kubepods/besteffort/pod0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
    check(vec![
        // runc
        own(format!("{pod}/crio-{a}.scope"), Some(Crio)),
        own(format!("{cgroupfs}/crio-{a}"), Some(Crio)),
        // crun
        below(format!("{pod}/crio-{a}.scope"), "/container", Some(Crio)),
        below(format!("{cgroupfs}/crio-{a}"), "/container", Some(Crio)),
        below(
            format!("{pod}/crio-{a}.scope"),
            "/container/init.scope",
            Some(Crio),
        ),
        // conmon
        host(format!("{pod}/crio-conmon-{a}.scope")),
        host(format!("{cgroupfs}/crio-conmon-{a}")),
        host(format!("/system.slice/crio-conmon-{a}.scope")),
        host("/system.slice/crio.service".into()),
    ]);
}

#[test]
fn of_podman() {
    let (a, pod) = (id('a'), id('e'));
    let rootless = "/user.slice/user-1000.slice/user@1000.service/user.slice";
    check(vec![
        // systemd: runc, and crun
        own(format!("/machine.slice/libpod-{a}.scope"), Some(Podman)),
        below(
            format!("/machine.slice/libpod-{a}.scope"),
            "/container",
            Some(Podman),
        ),
        below(
            format!("{rootless}/libpod-{a}.scope"),
            "/container",
            Some(Podman),
        ),
        own(
            format!("/machine.slice/machine-libpod_pod_{pod}.slice/libpod-{a}.scope"),
            Some(Podman),
        ),
        // cgroupfs
        own(format!("/libpod_parent/libpod-{a}"), Some(Podman)),
        own(format!("/libpod_parent/{pod}/libpod-{a}"), Some(Podman)),
        // conmon, and pods
        host(format!("/machine.slice/libpod-conmon-{a}.scope")),
        host(format!("{rootless}/libpod-conmon-{a}.scope")),
        host("/libpod_parent/conmon".into()),
        host(format!("/libpod_parent/{pod}")),
        host(format!("/machine.slice/machine-libpod_pod_{pod}.slice")),
    ]);
}

#[test]
fn of_nobody_known() {
    let a = id('a');
    check(vec![
        host("/init.scope".into()),
        host("/user.slice/user-0.slice/session-1.scope".into()),
        host("/system.slice/sshd.service".into()),
        host(format!("/{}", &a[1..])),
        host(format!("/docker/{}", a.to_uppercase())),
        host(format!("/docker-{a}.slice")),
        host(format!("/x-{a}.scope")),
        host(format!("/docker-{a}x.scope")),
        host(format!("/crio-{}", &a[1..])),
    ]);
}
