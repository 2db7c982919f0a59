//! The executable's path, as the process sees it, whatever is mounted where.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd,
};
use support::{call::Call, child::Child, recorder::Recorder};
use tempfile::TempDir;
use traceherd_e2e::{Runtimes, executable};

const SLEEP: &str = "/bin/sleep";
const NO_DATA: Option<&str> = None;

/// A folder whose path has no symbolic link in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap();
    (folder, path)
}

/// Mounts of the calling child's own.
fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(
        NO_DATA,
        "/",
        NO_DATA,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        NO_DATA,
    )
    .unwrap();
}

fn tmpfs(at: &Path) {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), NO_DATA).unwrap();
}

fn bind(from: &Path, to: &Path) {
    mount(Some(from), to, NO_DATA, MsFlags::MS_BIND, NO_DATA).unwrap();
}

fn make(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    folder.into()
}

/// What is told of a process that does this, and whether it is cut.
fn path_of(recorder: &Recorder, action: impl FnOnce() -> Errno) -> (Vec<u8>, bool) {
    let child = Child::fork(action);
    let event = recorder.wait_for(|event| event.pid == child.pid());
    (event.exepath.unwrap(), event.exepath_cut)
}

fn assert_path(recorder: &Recorder, expected: &Path, action: impl FnOnce() -> Errno) {
    let (path, cut) = path_of(recorder, action);
    assert_eq!(
        path.escape_ascii().to_string(),
        expected.as_os_str().as_bytes().escape_ascii().to_string()
    );
    assert!(!cut);
}

#[test]
fn on_a_mounted_file_system_the_path_leads_through_its_mount_point() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let at = make(&here.join("some/where"));
    let program = at.join("below/sleep");
    assert_path(&recorder, &program, || {
        own_mounts();
        tmpfs(&at);
        make(&at.join("below"));
        fs::copy(SLEEP, &program).unwrap();
        Call::sleep(&program).make()
    });
}

#[test]
fn mounts_in_mounts_and_over_mounts_are_all_crossed() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let outer = make(&here.join("outer"));
    let inner = outer.join("a/inner");
    let program = inner.join("b/sleep");
    assert_path(&recorder, &program, || {
        own_mounts();
        // Two at the same place: the lower one's root is where the upper one is mounted.
        tmpfs(&outer);
        tmpfs(&outer);
        make(&inner);
        tmpfs(&inner);
        tmpfs(&inner);
        tmpfs(&inner);
        make(&inner.join("b"));
        fs::copy(SLEEP, &program).unwrap();
        Call::sleep(&program).make()
    });
}

#[test]
fn a_bind_mount_is_known_by_where_it_is_mounted() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let from = make(&here.join("from/deep/down"));
    let to = make(&here.join("to"));
    executable::copy(SLEEP, from.join("sleep")).unwrap();
    assert_path(&recorder, &to.join("sleep"), || {
        own_mounts();
        bind(&from, &to);
        Call::sleep(to.join("sleep")).make()
    });
    // A file can be mounted too.
    let file = here.join("file");
    fs::write(&file, "").unwrap();
    assert_path(&recorder, &file, || {
        own_mounts();
        bind(&from.join("sleep"), &file);
        Call::sleep(&file).make()
    });
}

#[test]
fn on_an_overlay_the_path_is_the_overlays() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let all = here.join("all");
    let program = all.join("merged/usr/sleep");
    assert_path(&recorder, &program, || {
        own_mounts();
        tmpfs(&make(&all));
        let [lower, upper, work, merged] =
            ["lower", "upper", "work", "merged"].map(|name| make(&all.join(name)));
        fs::copy(SLEEP, make(&lower.join("usr")).join("sleep")).unwrap();
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        mount(
            Some("overlay"),
            &merged,
            Some("overlay"),
            MsFlags::empty(),
            Some(layers.as_str()),
        )
        .unwrap();
        Call::sleep(&program).make()
    });
}

#[test]
fn in_a_chroot_the_path_starts_at_its_root() {
    let recorder = Recorder::plain();
    let root = Runtimes::get().unwrap().rootfs();
    // Its root is a folder, not a mount.
    assert_path(&recorder, Path::new("/bin/busybox"), || {
        unistd::chroot(&root).unwrap();
        Call::sleep("/bin/sleep").make()
    });
    // Its root is a mount, and the program on another.
    assert_path(&recorder, Path::new("/tmp/busybox"), || {
        own_mounts();
        bind(&root, &root);
        tmpfs(&root.join("tmp"));
        fs::copy(root.join("bin/busybox"), root.join("tmp/busybox")).unwrap();
        unistd::chroot(&root).unwrap();
        Call::sleep("/tmp/busybox").make()
    });
    // As container runtimes do it.
    assert_path(&recorder, Path::new("/bin/busybox"), || {
        own_mounts();
        bind(&root, &root);
        unistd::chdir(&root).unwrap();
        unistd::pivot_root(".", ".").unwrap();
        nix::mount::umount2(".", nix::mount::MntFlags::MNT_DETACH).unwrap();
        Call::sleep("/bin/sleep").make()
    });
}

/// A folder so many components below the root, and a program in it: so many and one.
fn nested(here: &Path, components: usize, name: &str) -> PathBuf {
    let have = here.components().count() - 1;
    let mut path = here.to_path_buf();
    for _ in have..components {
        path.push(name);
    }
    make(&path)
}

#[test]
fn a_path_of_48_components_is_whole_and_a_longer_one_keeps_its_end() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let whole = nested(&here, 47, "d").join("sleep");
    executable::copy(SLEEP, &whole).unwrap();
    assert_path(&recorder, &whole, || Call::sleep(&whole).make());

    for folders in [48, 60, 200] {
        let program = nested(&here, folders, "e").join("sleep");
        executable::copy(SLEEP, &program).unwrap();
        let (path, cut) = path_of(&recorder, || Call::sleep(&program).make());
        assert!(cut, "{folders}");
        let kept: PathBuf = program.components().skip(folders + 2 - 48).collect();
        assert_eq!(path, kept.as_os_str().as_bytes(), "{folders}");
    }
}

#[test]
fn a_deep_path_across_mounts_is_cut_and_not_wrong() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let outer = nested(&here, 40, "o");
    let program = outer.join("i/".repeat(40)).join("sleep");
    let child = Child::fork(|| {
        own_mounts();
        tmpfs(&outer);
        make(program.parent().unwrap());
        fs::copy(SLEEP, &program).unwrap();
        Call::sleep(&program).make()
    });
    let event = recorder.wait_for(|event| event.pid == child.pid());
    let path = event.exepath.unwrap();
    if event.exepath_cut {
        assert!(
            program.as_os_str().as_bytes().ends_with(&path),
            "{}",
            path.escape_ascii()
        );
        assert!(path.ends_with(format!("{}sleep", "i/".repeat(40)).as_bytes()));
    } else {
        assert_eq!(path, program.as_os_str().as_bytes());
    }
}

#[test]
fn the_longest_names_arrive_whole() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let long = "n".repeat(255);
    let program = make(&here.join(&long).join(&long)).join(&long);
    executable::copy(SLEEP, &program).unwrap();
    assert_path(&recorder, &program, || Call::sleep(&program).make());

    let odd = here.join(std::ffi::OsStr::from_bytes(b"\xff\n\x1b[2J \\"));
    executable::copy(SLEEP, &odd).unwrap();
    assert_path(&recorder, &odd, || Call::sleep(&odd).make());
}

#[test]
fn a_path_longer_than_is_recorded_keeps_its_end() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let long = "n".repeat(255);
    // No path may be this long: it must be gone down step by step.
    let child = Child::fork(|| {
        unistd::chdir(&here).unwrap();
        for _ in 0..30 {
            fs::create_dir(&long).unwrap();
            unistd::chdir(long.as_str()).unwrap();
        }
        fs::copy(SLEEP, "sleep").unwrap();
        Call::sleep("./sleep").make()
    });
    let event = recorder.wait_for(|event| event.pid == child.pid());
    assert!(event.exepath_cut);
    let path = event.exepath.unwrap();
    let components: Vec<_> = path.split(|&byte| byte == b'/').collect();
    let (last, folders) = components.split_last().unwrap();
    assert_eq!(*last, b"sleep");
    assert!(folders.len() >= 14, "{}", folders.len());
    assert!(folders.iter().all(|folder| *folder == long.as_bytes()));
    drop(child);
    // `remove_dir_all` of the folder's guard goes by descriptors, so the length does not matter.
}
