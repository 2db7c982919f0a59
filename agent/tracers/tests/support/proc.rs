//! What `/proc` says of a process: the other witness.

use std::{fs, os::unix::ffi::OsStrExt as _, os::unix::fs::MetadataExt as _};

use traceherd_containers::Hierarchy;
use traceherd_tracers::ExecEvent;

use super::recorder::texts;

/// Everything in the event of a process that lives is what `/proc` says of it, but for the two
/// that follow another's mounts.
pub fn assert_agrees(event: &ExecEvent) {
    let pid = event.pid;
    assert_eq!(event.comm.as_bytes(), read(pid, "comm").trim_ascii_end());
    assert_eq!(
        event.pcomm.as_bytes(),
        read(event.ppid, "comm").trim_ascii_end()
    );
    assert_eq!(event.ppid, number(pid, "PPid", 0));
    assert_eq!(
        (event.uid, event.euid),
        (number(pid, "Uid", 0), number(pid, "Uid", 1))
    );
    assert_eq!(event.gid, number(pid, "Gid", 0));
    assert_eq!(Some(event.nspid), status(pid, "NSpid").last().copied());
    assert_eq!(event.sid, session(pid));
    assert_eq!(event.loginuid, login(pid, "loginuid"));
    assert_eq!(event.sessionid, login(pid, "sessionid"));
    let namespace = fs::metadata(format!("/proc/{pid}/ns/mnt")).unwrap().ino();
    assert_eq!(u64::from(event.mountnsid), namespace);
    let cgroup = Hierarchy::detect().unwrap().cgroup_of(pid).unwrap();
    assert_eq!(event.cgroupid, cgroup.id);

    let block = read(pid, "cmdline");
    assert_eq!(
        texts(event).join(&0),
        block.strip_suffix(&[0]).unwrap_or(&block)
    );
    assert_eq!(event.tid, None);
    assert_eq!(event.ret, 0);
}

/// The executable of a process in this process's mount namespace.
pub fn executable(pid: u32) -> Vec<u8> {
    fs::read_link(format!("/proc/{pid}/exe"))
        .unwrap()
        .as_os_str()
        .as_bytes()
        .to_vec()
}

fn read(pid: u32, file: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{file}")).unwrap()
}

fn status(pid: u32, field: &str) -> Vec<u32> {
    let text = String::from_utf8_lossy(&read(pid, "status")).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect()
}

fn number(pid: u32, field: &str, place: usize) -> u32 {
    status(pid, field)[place]
}

fn session(pid: u32) -> u32 {
    let stat = String::from_utf8_lossy(&read(pid, "stat")).into_owned();
    let after_comm = stat.rsplit(')').next().unwrap();
    after_comm
        .split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap()
}

fn login(pid: u32, file: &str) -> Option<u32> {
    let text = String::from_utf8(read(pid, file)).unwrap();
    Some(text.parse().unwrap()).filter(|&number| number != u32::MAX)
}
