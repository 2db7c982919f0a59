//! Who did it: ids in and out of namespaces, session, terminal, cgroup, time.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    fs,
    os::{
        fd::AsRawFd as _,
        unix::fs::{PermissionsExt as _, chown},
    },
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    time::{ClockId, clock_gettime},
    unistd::{self, Gid, Uid},
};
use support::{call::Call, child::Child, proc::assert_agrees, recorder::Recorder};
use traceherd_containers::Hierarchy;
use traceherd_e2e::executable;
use traceherd_tracers::ExecEvent;

const SLEEP: &str = "/bin/sleep";
/// A user that need not exist.
const SOMEONE: u32 = 12_345;

fn become_someone() {
    unistd::setgroups(&[]).unwrap();
    unistd::setresgid(
        Gid::from_raw(SOMEONE + 1),
        Gid::from_raw(SOMEONE + 1),
        Gid::from_raw(SOMEONE + 1),
    )
    .unwrap();
    unistd::setresuid(
        Uid::from_raw(SOMEONE),
        Uid::from_raw(SOMEONE),
        Uid::from_raw(SOMEONE),
    )
    .unwrap();
}

fn seen(recorder: &Recorder, action: impl FnOnce() -> Errno) -> (ExecEvent, Child) {
    let child = Child::fork(action);
    let event = recorder.wait_for(|event| event.pid == child.pid());
    assert_agrees(&event);
    (event, child)
}

#[test]
fn user_and_group_are_the_callers() {
    let recorder = Recorder::plain();
    let (event, _child) = seen(&recorder, || {
        become_someone();
        Call::sleep(SLEEP).make()
    });
    assert_eq!(
        (event.uid, event.euid, event.gid),
        (SOMEONE, SOMEONE, SOMEONE + 1)
    );
}

#[test]
fn a_setuid_program_has_its_callers_user_and_its_owners_rights() {
    let recorder = Recorder::plain();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("setuid");
    executable::copy(SLEEP, &program).unwrap();
    chown(&program, Some(SOMEONE + 7), Some(0)).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let (event, _child) = seen(&recorder, || {
        become_someone();
        Call::sleep(&program).make()
    });
    assert_eq!((event.uid, event.euid), (SOMEONE, SOMEONE + 7));
}

#[test]
fn in_a_pid_namespace_both_numbers_are_told() {
    let recorder = Recorder::plain();
    let outside = Child::fork(|| {
        unshare(CloneFlags::CLONE_NEWPID).unwrap();
        Child::fork(|| Call::sleep(SLEEP).make()).wait();
        Errno::ECHILD
    });
    let event = recorder.wait_for(|event| event.ppid == outside.pid());
    assert_agrees(&event);
    assert_eq!(event.nspid, 1);
    assert_ne!(event.pid, 1);
}

#[test]
fn in_a_user_namespace_the_ids_are_the_hosts() {
    let recorder = Recorder::plain();
    let (event, _child) = seen(&recorder, || {
        become_someone();
        // SAFETY: no preconditions. Whoever changed its user may not write its own files in /proc.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) };
        unshare(CloneFlags::CLONE_NEWUSER).unwrap();
        fs::write("/proc/self/setgroups", "deny").unwrap();
        fs::write("/proc/self/uid_map", format!("0 {SOMEONE} 1")).unwrap();
        fs::write("/proc/self/gid_map", format!("0 {} 1", SOMEONE + 1)).unwrap();
        assert!(unistd::geteuid().is_root());
        Call::sleep(SLEEP).make()
    });
    assert_eq!(
        (event.uid, event.euid, event.gid),
        (SOMEONE, SOMEONE, SOMEONE + 1)
    );
}

#[test]
fn in_a_mount_namespace_its_number_is_told() {
    let recorder = Recorder::plain();
    let (event, _child) = seen(&recorder, || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        Call::sleep(SLEEP).make()
    });
    let own = std::os::unix::fs::MetadataExt::ino(&fs::metadata("/proc/self/ns/mnt").unwrap());
    assert_ne!(u64::from(event.mountnsid), own);
}

#[test]
fn a_session_with_a_terminal_is_told() {
    let recorder = Recorder::plain();
    let pty = nix::pty::openpty(None, None).unwrap();
    let name = unistd::ttyname(&pty.slave).unwrap();
    let terminal = name
        .strip_prefix("/dev")
        .unwrap()
        .to_string_lossy()
        .replace('/', "");
    let (event, _child) = seen(&recorder, || {
        unistd::setsid().unwrap();
        // SAFETY: a terminal that is nobody's.
        unsafe { libc::ioctl(pty.slave.as_raw_fd(), libc::TIOCSCTTY, 0) };
        Call::sleep(SLEEP).make()
    });
    assert_eq!(event.sid, event.pid);
    assert_eq!(
        event.tty.map(|name| name.to_string().replace('/', "")),
        Some(terminal)
    );

    let (event, _child) = seen(&recorder, || {
        unistd::setsid().unwrap();
        Call::sleep(SLEEP).make()
    });
    assert_eq!((event.sid, event.tty), (event.pid, None));
}

#[test]
fn a_login_is_told_where_there_was_one() {
    let recorder = Recorder::plain();
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    let (event, _child) = seen(&recorder, || {
        // May be set where it never was, and where the kernel audits at all.
        if fs::write("/proc/self/loginuid", SOMEONE.to_string()).is_ok() {
            fs::write(&set, "").unwrap();
        }
        Call::sleep(SLEEP).make()
    });
    // That the numbers are right, `seen` has checked.
    println!("login {:?}, session {:?}", event.loginuid, event.sessionid);
    if set.exists() {
        assert_eq!(event.loginuid, Some(SOMEONE));
        assert!(event.sessionid.is_some());
    }
}

#[test]
fn the_parent_is_the_process_and_not_its_thread() {
    let recorder = Recorder::plain();
    // A test runs in a thread, whose name is not the process's.
    let (event, _child) = seen(&recorder, || Call::sleep(SLEEP).make());
    assert_eq!(event.ppid, std::process::id());
    let own = fs::read("/proc/self/comm").unwrap();
    assert_eq!(event.pcomm.as_bytes(), own.trim_ascii_end());
}

#[test]
fn a_name_is_cut_as_the_kernel_cuts_it() {
    let recorder = Recorder::plain();
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "fifteen--bytes-",
        "sixteen---bytes-",
        "with \n and \x1b[31m",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let program = folder.path().join(name);
        executable::copy(SLEEP, &program).unwrap();
        let (event, _child) = seen_raw(&recorder, || Call::sleep(&program).make());
        let kept = &name.as_bytes()[..name.len().min(15)];
        assert_eq!(event.comm.as_bytes(), kept);
    }
}

/// Without `/proc`, which escapes names.
fn seen_raw(recorder: &Recorder, action: impl FnOnce() -> Errno) -> (ExecEvent, Child) {
    let child = Child::fork(action);
    (recorder.wait_for(|event| event.pid == child.pid()), child)
}

/// A cgroup of the test's own.
struct Ground(PathBuf);

impl Ground {
    fn new(below: &str) -> Self {
        let hierarchy = Hierarchy::detect().unwrap();
        let top = hierarchy
            .mount_point
            .join(format!("traceherd-identity-{}", std::process::id()));
        fs::create_dir_all(top.join(below)).unwrap();
        Self(top)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let mut below = vec![self.0.clone()];
        while let Some(last) = below.last().cloned() {
            let inside = fs::read_dir(&last).unwrap().flatten();
            match inside
                .into_iter()
                .find(|entry| entry.file_type().unwrap().is_dir())
            {
                Some(inside) => below.push(inside.path()),
                None => {
                    fs::remove_dir(&last).unwrap();
                    below.pop();
                }
            }
        }
    }
}

#[test]
fn the_cgroup_is_the_processs_own_however_deep() {
    use std::os::unix::fs::MetadataExt as _;
    let recorder = Recorder::plain();
    let deep = "a/b/c/d/e/f/g/h";
    let ground = Ground::new(deep);
    for cgroup in [ground.0.clone(), ground.0.join("a"), ground.0.join(deep)] {
        let procs = cgroup.join("cgroup.procs");
        let (event, child) = seen(&recorder, || {
            fs::write(&procs, "0").unwrap();
            Call::sleep(SLEEP).make()
        });
        assert_eq!(event.cgroupid.0, fs::metadata(&cgroup).unwrap().ino());
        drop(child);
    }
}

#[test]
fn the_time_is_when_it_happened() {
    let recorder = Recorder::plain();
    let boot = || Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap()).as_nanos() as u64;
    let wall = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos() as u64
    };
    // The wall clock is worked out from the other: what it was when the last events were read.
    let slack = 2_000_000;
    for _ in 0..20 {
        let (boot_before, wall_before) = (boot(), wall());
        let pid = Child::fork(|| Call::new("/bin/true", ["true"]).make()).succeeds();
        let (boot_after, wall_after) = (boot(), wall());
        let event = recorder.only(pid);
        assert!((boot_before..=boot_after).contains(&event.boottime));
        let window = wall_before - slack..=wall_after + slack;
        assert!(
            window.contains(&event.timestamp),
            "{window:?} {}",
            event.timestamp
        );
    }
}
