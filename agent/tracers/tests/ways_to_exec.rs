//! Every way to run a program is seen once, as what it was.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    fs::{self, File},
    io::Read as _,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::symlink, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::{fcntl::AtFlags, unistd};
use support::{
    call::Call,
    child::{Child, Spawned, on_a_thread},
    proc::{assert_agrees, executable},
    program,
    recorder::{Recorder, texts},
};
use tempfile::TempDir;
use traceherd_e2e::executable;
use traceherd_tracers::ExecEvent;

const SLEEP: &str = "/bin/sleep";

/// A folder whose path has no symbolic link in it.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap();
    (folder, path)
}

fn script(path: &Path, text: &str) {
    program::write(path, 0o755, text);
}

/// The event of a process that `action` becomes and that lives on; all of it checked by `/proc`.
fn seen(recorder: &Recorder, action: impl FnOnce() -> nix::errno::Errno) -> (ExecEvent, Child) {
    let child = Child::fork(action);
    let event = recorder.wait_for(|event| event.pid == child.pid());
    assert_agrees(&event);
    assert_eq!(event.exepath.as_deref(), Some(&*executable(event.pid)));
    assert!(!event.exepath_cut);
    (event, child)
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    path.as_ref().as_os_str().as_bytes().to_vec()
}

#[test]
fn a_program_is_known_by_the_path_given_and_the_path_found() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let real = fs::canonicalize(SLEEP).unwrap();
    let copy = here.join("real name");
    executable::copy(&real, &copy).unwrap();
    symlink("real name", here.join("link")).unwrap();
    symlink("link", here.join("link to the link")).unwrap();
    let absolute = |name: &str| bytes(here.join(name));
    let cases: [(Vec<u8>, &Path); 7] = [
        (bytes(SLEEP), &real),
        (absolute("real name"), &copy),
        (absolute("link"), &copy),
        (absolute("link to the link"), &copy),
        (b"./real name".to_vec(), &copy),
        (b"link".to_vec(), &copy),
        (
            b"..//./"
                .iter()
                .chain(here.file_name().unwrap().as_bytes())
                .chain(b"/link")
                .copied()
                .collect(),
            &copy,
        ),
    ];
    for (file, found) in cases {
        let call = Call::sleep(Path::new(std::ffi::OsStr::from_bytes(&file)));
        let (event, _child) = seen(&recorder, || {
            unistd::chdir(&here).unwrap();
            call.make()
        });
        assert_eq!(event.file, file);
        assert_eq!(event.exepath, Some(bytes(found)));
        assert_eq!(event.interpreter, None);
    }
}

#[test]
fn a_process_that_executes_itself_is_known_by_its_real_path() {
    let recorder = Recorder::plain();
    let own = "/proc/self/exe";
    let child = Child::fork(|| {
        Call::new(
            "/bin/sh",
            ["sh", "-c", "exec /proc/self/exe -c 'exec sleep 0'"],
        )
        .make()
    });
    let pid = child.succeeds();
    let events = recorder.of(pid);
    assert_eq!(events.len(), 3, "{events:#?}");
    assert_eq!(events[1].file, own.as_bytes());
    assert_eq!(events[1].exepath, events[0].exepath);
    assert!(
        events
            .windows(2)
            .all(|pair| pair[0].boottime < pair[1].boottime)
    );
}

#[test]
fn a_script_has_its_interpreter_beside_it() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let path = here.join("some script");
    script(&path, "#!/bin/sh -eu\nread -r _ </dev/zero\n");
    let (event, _child) = seen(&recorder, || {
        Call::new(&path, ["ignored", "one", ""]).make()
    });
    assert_eq!(event.file, bytes(&path));
    assert_eq!(event.interpreter.as_deref(), Some(&b"/bin/sh"[..]));
    assert_eq!(
        event.exepath,
        Some(bytes(fs::canonicalize("/bin/sh").unwrap()))
    );
    let args: [&[u8]; 5] = [b"/bin/sh", b"-eu", &bytes(&path), b"one", b""];
    assert_eq!(texts(&event), args);
    assert_eq!(event.args.count(), 5);
    assert_eq!(event.comm.as_bytes(), b"some script");
}

#[test]
fn a_script_run_by_a_script_has_the_program_that_runs_both() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    let (inner, outer) = (here.join("inner"), here.join("outer"));
    script(&inner, "#!/bin/sh\nread -r _ </dev/zero\n");
    script(&outer, &format!("#!{} -x\n", inner.display()));
    let (event, _child) = seen(&recorder, || Call::new(&outer, ["outer"]).make());
    assert_eq!(event.file, bytes(&outer));
    assert_eq!(event.interpreter.as_deref(), Some(&b"/bin/sh"[..]));
    let args: [&[u8]; 4] = [b"/bin/sh", &bytes(&inner), b"-x", &bytes(&outer)];
    assert_eq!(texts(&event), args);
    assert_eq!(event.comm.as_bytes(), b"outer");
}

#[test]
fn execveat_is_seen_with_what_the_kernel_calls_its_file() {
    let recorder = Recorder::plain();
    let (_folder, here) = folder();
    executable::copy(SLEEP, here.join("prog")).unwrap();
    script(&here.join("script"), "#!/bin/sh\nread -r _ </dev/zero\n");
    let opened = |name: &str| File::open(here.join(name)).unwrap();
    let (prog, script) = (opened("prog"), opened("script"));
    // A script is opened again by its interpreter: the descriptor must stay open.
    let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty());
    nix::fcntl::fcntl(&script, flags).unwrap();
    let folder = File::open(&here).unwrap();
    let dir = folder.as_raw_fd();
    let cases = [
        (
            Call::sleep("").at(prog.as_raw_fd(), AtFlags::AT_EMPTY_PATH),
            format!("/dev/fd/{}", prog.as_raw_fd()),
            "prog",
            None,
        ),
        (
            Call::sleep("prog").at(dir, AtFlags::empty()),
            format!("/dev/fd/{dir}/prog"),
            "prog",
            None,
        ),
        (
            Call::sleep(here.join("prog")).at(dir, AtFlags::empty()),
            format!("{}/prog", here.display()),
            "prog",
            None,
        ),
        (
            Call::sleep("").at(script.as_raw_fd(), AtFlags::AT_EMPTY_PATH),
            format!("/dev/fd/{}", script.as_raw_fd()),
            "",
            Some("/bin/sh"),
        ),
    ];
    for (call, file, found, interpreter) in cases {
        let (event, _child) = seen(&recorder, || call.make());
        assert_eq!(String::from_utf8_lossy(&event.file), file);
        assert_eq!(event.interpreter.as_deref(), interpreter.map(str::as_bytes));
        let expected = match interpreter {
            Some(interpreter) => fs::canonicalize(interpreter).unwrap(),
            None => here.join(found),
        };
        assert_eq!(event.exepath, Some(bytes(expected)));
    }
}

#[test]
fn a_program_in_memory_has_a_name_but_no_path() {
    let recorder = Recorder::plain();
    let program = fs::read(SLEEP).unwrap();
    // SAFETY: the name is closed by NUL; the descriptor is new.
    let memory = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"hidden".as_ptr(), 0)) };
    let mut file = File::from(memory);
    std::io::Write::write_all(&mut file, &program).unwrap();
    let fd = file.as_raw_fd();
    let call = Call::sleep("").at(fd, AtFlags::AT_EMPTY_PATH);
    let child = Child::fork(|| call.make());
    let event = recorder.wait_for(|event| event.pid == child.pid());
    assert_agrees(&event);
    assert_eq!(event.file, format!("/dev/fd/{fd}").into_bytes());
    assert_eq!(event.exepath.as_deref(), Some(&b"memfd:hidden"[..]));
    assert!(!event.exepath_cut);
    // `/proc` has it so.
    assert_eq!(executable(child.pid()), b"/memfd:hidden (deleted)");
}

#[test]
fn an_exec_by_another_thread_is_the_processs_and_names_the_thread() {
    let recorder = Recorder::plain();
    let (reader, writer) = unistd::pipe().unwrap();
    let child = Child::fork(|| {
        on_a_thread(|| {
            unistd::write(&writer, &unistd::gettid().as_raw().to_ne_bytes()).unwrap();
            Call::new("/bin/true", ["true"]).make()
        })
    });
    let pid = child.succeeds();
    let mut tid = [0; 4];
    File::from(reader).read_exact(&mut tid).unwrap();
    let tid = i32::from_ne_bytes(tid) as u32;
    let event = recorder.only(pid);
    assert_ne!(tid, pid);
    assert_eq!(event.tid, Some(tid));
    assert_eq!((event.pid, event.nspid), (pid, pid));
    assert_eq!(texts(&event), [b"true"]);
    // Under the number that the thread gave up there is nothing.
    assert!(recorder.of(tid).is_empty());
}

#[test]
fn children_made_by_vfork_are_seen() {
    let recorder = Recorder::plain();
    // The standard library spawns with CLONE_VFORK and CLONE_VM where it can.
    let mut command = Command::new(SLEEP);
    command.arg("1000");
    let spawned = Spawned(command.spawn().unwrap());
    // The parent goes on when the child's memory is new, which is before the exec is through.
    let event = recorder.wait_for(|event| event.pid == spawned.0.id());
    assert_agrees(&event);
    assert_eq!(event.ppid, std::process::id());
    // And by fork: a closure before the exec forbids the other.
    // SAFETY: the closure does nothing.
    unsafe { command.pre_exec(|| Ok(())) };
    let forked = Spawned(command.spawn().unwrap());
    assert_agrees(&recorder.wait_for(|event| event.pid == forked.0.id()));
}

#[test]
fn each_exec_of_a_process_is_an_event() {
    let recorder = Recorder::plain();
    let script = "exec env -i A=1 env -i B=2 sleep 0";
    let pid = Child::fork(|| Call::new("/bin/sh", ["sh", "-c", script]).make()).succeeds();
    let events = recorder.of(pid);
    let comms: Vec<_> = events.iter().map(|event| event.comm.to_string()).collect();
    assert_eq!(comms, ["sh", "env", "env", "sleep"]);
}
