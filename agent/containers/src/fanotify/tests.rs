use super::*;
use nix::sched::{CloneFlags, unshare};
use std::ffi::CString;
use std::process::Command;
use std::time::Duration;
use tokio::time::timeout;
use traceherd_e2e::executable;

fn need_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "fanotify needs root: run this test as root"
    );
}

/// This process's fanotify groups with a mark on the file.
fn groups(file: FileId) -> usize {
    let mark = format!("fanotify ino:{:x} ", file.inode);
    std::fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter(|info| info.contains(&mark))
        .count()
}

/// This process's open files in the directory.
fn open_in(directory: &Path) -> usize {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|path| path.starts_with(directory))
        .count()
}

/// A copy of `true` under another name, in a directory of its own.
fn program() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("runc");
    executable::copy("/bin/true", &program).unwrap();
    (directory, program)
}

async fn next(watch: &ExecWatch) -> Vec<Seen> {
    timeout(Duration::from_secs(5), watch.next())
        .await
        .expect("a notification")
        .unwrap()
}

#[tokio::test]
async fn an_exec_is_told_with_its_pid_and_program() {
    need_root();
    let (_directory, program) = program();
    let mut watch = ExecWatch::new(vec![program.clone()]).unwrap();
    assert!(watch.mark());
    assert!(!watch.mark());
    let mut child = Command::new(&program).spawn().unwrap();
    let file = FileId::at(&program).unwrap();
    let opened = Seen::Opened {
        pid: child.id(),
        program: file,
    };
    assert_eq!(next(&watch).await, [opened]);
    child.wait().unwrap();
}

#[tokio::test]
async fn a_program_replaced_by_rename_or_put_there_later_is_seen() {
    need_root();
    let (directory, program) = program();
    let later = directory.path().join("crun");
    let mut watch = ExecWatch::new(vec![program.clone(), later.clone()]).unwrap();
    watch.mark();
    let fresh = directory.path().join("fresh");
    for target in [&program, &later] {
        executable::copy("/bin/true", &fresh).unwrap();
        std::fs::rename(&fresh, target).unwrap();
        assert_eq!(next(&watch).await, [Seen::Replaced]);
        assert!(watch.mark());
        let mut child = Command::new(target).spawn().unwrap();
        assert!(matches!(next(&watch).await[..], [Seen::Opened { pid, .. }] if pid == child.id()));
        child.wait().unwrap();
    }
}

#[tokio::test]
async fn a_link_is_followed_to_its_target() {
    need_root();
    let (directory, program) = program();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("runc.real");
    std::fs::rename(&program, &target).unwrap();
    std::os::unix::fs::symlink(&target, &program).unwrap();
    let mut watch = ExecWatch::new(vec![program.clone()]).unwrap();
    assert!(watch.mark());
    let fresh = elsewhere.path().join("fresh");
    executable::copy("/bin/true", &fresh).unwrap();
    std::fs::rename(&fresh, &target).unwrap();
    assert_eq!(next(&watch).await, [Seen::Replaced]);
    assert!(watch.mark());
    drop(directory);
}

#[tokio::test]
async fn a_queue_that_overflows_is_told() {
    need_root();
    // Failing execs of a file that is no program, by as many names as no queue can hold:
    // notifications of the same name would be merged.
    let directory = tempfile::Builder::new().tempdir_in("/dev/shm").unwrap();
    let program = directory.path().join("runc");
    let none = directory.path().join("none");
    std::fs::write(&none, b"\0not a program").unwrap();
    executable::copy(&none, &program).unwrap();
    let limit = std::fs::read_to_string("/proc/sys/fs/fanotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    let mut watch = ExecWatch::new(vec![program.clone()]).unwrap();
    watch.mark();
    let names = directory.path().to_owned();
    std::thread::spawn(move || {
        // While a thread tries to exec, no other that shares its `fs_struct` can start a thread
        // (EAGAIN): not in the other tests' way.
        unshare(CloneFlags::CLONE_FS).unwrap();
        for number in 0..limit + 10 {
            let name = names.join(number.to_string());
            std::fs::hard_link(&program, &name).unwrap();
            let name = CString::new(name.to_str().unwrap()).unwrap();
            let none: [CString; 0] = [];
            assert_eq!(
                nix::unistd::execve(&name, &[&name], &none),
                Err(Errno::ENOEXEC)
            );
        }
    })
    .join()
    .unwrap();
    let mut count = 0;
    loop {
        let seen = next(&watch).await;
        count += seen.len();
        if seen.contains(&Seen::Lost) {
            break;
        }
    }
    assert!(count > limit / 2, "{count}");
    assert_eq!(
        open_in(directory.path()),
        0,
        "each notification's descriptor is closed"
    );
}

#[tokio::test]
async fn dropping_the_watch_closes_the_group() {
    need_root();
    let (_directory, program) = program();
    let file = FileId::at(&program).unwrap();
    for _ in 0..200 {
        let mut watch = ExecWatch::new(vec![program.clone()]).unwrap();
        watch.mark();
        assert_eq!(groups(file), 1);
    }
    assert_eq!(groups(file), 0);
}
