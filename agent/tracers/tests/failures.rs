//! Execs that failed: what was asked for, why not, and by whom.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    ffi::CString,
    fs::File,
    io::Read as _,
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::Path,
    ptr,
};

use nix::{
    errno::Errno,
    fcntl::AtFlags,
    sys::mman::{MapFlags, ProtFlags, mmap_anonymous},
    unistd,
};
use support::{
    call::{Call, execve_raw},
    child::{Child, on_a_thread},
    program,
    recorder::{Recorder, texts},
};
use traceherd_columns::{Columns as _, Encoder, Encoding, Table};
use traceherd_tracers::{ArgumentList, ExecEvent};

/// Files that cannot be executed, each for another reason.
fn refused(here: &Path) -> [(&'static str, Errno); 4] {
    program::write(here.join("forbidden"), 0o644, "#!/bin/sh\n");
    program::write(here.join("nonsense"), 0o755, "\x01\x02\x03 nonsense");
    let unknown = "#!/no/such/interpreter\n";
    program::write(here.join("no interpreter"), 0o755, unknown);
    [
        ("missing", Errno::ENOENT),
        ("forbidden", Errno::EACCES),
        ("nonsense", Errno::ENOEXEC),
        ("no interpreter", Errno::ENOENT),
    ]
}

/// Does it in the first thread of a child or in another; returns the child's pid and the caller's.
fn refuse(call: &Call, thread: bool, errno: Errno) -> (u32, u32) {
    let (reader, writer) = unistd::pipe().unwrap();
    let act = || {
        unistd::write(&writer, &unistd::gettid().as_raw().to_ne_bytes()).unwrap();
        call.make()
    };
    let pid = Child::fork(|| if thread { on_a_thread(act) } else { act() }).fails_with(errno);
    let mut tid = [0; 4];
    File::from(reader).read_exact(&mut tid).unwrap();
    (pid, i32::from_ne_bytes(tid) as u32)
}

#[test]
fn every_failure_is_told_with_file_result_arguments_and_caller() {
    let recorder = Recorder::failures();
    let folder = tempfile::tempdir().unwrap();
    let dir = File::open(folder.path()).unwrap();
    let args: [&[u8]; 4] = [b"zero", b"", b"\xff\n\x1b[m", b"last"];
    for (name, errno) in refused(folder.path()) {
        let absolute = folder.path().join(name);
        let calls = [
            (Call::new(&absolute, args), absolute.as_os_str().as_bytes()),
            (
                Call::new(&absolute, args).at(dir.as_raw_fd(), AtFlags::empty()),
                absolute.as_os_str().as_bytes(),
            ),
            (
                Call::new(name, args).at(dir.as_raw_fd(), AtFlags::empty()),
                name.as_bytes(),
            ),
        ];
        for (call, file) in calls {
            for thread in [false, true] {
                let case = format!("{call:?}, thread: {thread}");
                let (pid, tid) = refuse(&call, thread, errno);
                let event = recorder.only(pid);
                assert_eq!(event.ret, -(errno as i32), "{case}");
                assert_eq!(event.file, file, "{case}");
                assert!(!event.file_unreadable, "{case}");
                assert_eq!(texts(&event), args, "{case}");
                assert_eq!(event.args.count(), 4, "{case}");
                assert!(event.args.unreadable().is_empty(), "{case}");
                assert!(event.args.iter().all(|argument| !argument.cut), "{case}");
                assert_eq!(event.tid, thread.then_some(tid), "{case}");
                assert_eq!(event.ppid, std::process::id(), "{case}");
                assert_eq!((event.uid, event.gid, event.euid), (0, 0, 0), "{case}");
                assert_eq!((event.exepath, event.interpreter), (None, None), "{case}");
            }
        }
    }
}

#[test]
fn too_many_bytes_are_told_with_what_there_was_room_for() {
    let recorder = Recorder::failures();
    for thread in [false, true] {
        // A single argument may have 128 KiB.
        let long = vec![b'x'; 200_000];
        let call = Call::new("/bin/true", [b"true", &long[..], b"after"]);
        let (pid, _) = refuse(&call, thread, Errno::E2BIG);
        let event = recorder.only(pid);
        assert_eq!(event.ret, -(Errno::E2BIG as i32));
        assert_eq!(event.file, b"/bin/true");
        assert_eq!(event.args.count(), 3);
        let found: Vec<_> = event.args.iter().collect();
        assert_eq!(found[0].bytes, b"true");
        assert!(long.starts_with(found[1].bytes));
        assert!(found[1].bytes.len() >= 4000 && found[1].cut);
    }
}

#[test]
fn what_was_cut_of_the_arguments_is_told_in_every_output() {
    let recorder = Recorder::failures();
    let failing = |args: &[Vec<u8>]| {
        let call = Call::new("/no/such/file", args);
        recorder.only(Child::fork(|| call.make()).fails_with(Errno::ENOENT))
    };
    let event = failing(&[b"true".to_vec(), vec![b'x'; 10_000], b"after".to_vec()]);
    let shown = shown(&event);
    assert!(
        shown
            .json
            .contains(r#""args_truncated":[1],"args_missing":1"#),
        "{}",
        shown.json
    );
    assert!(
        shown
            .yaml
            .contains("args_truncated:\n- 1\nargs_missing: 1\n"),
        "{}",
        shown.yaml
    );
    assert_eq!(
        shown.row.split_whitespace().collect::<Vec<_>>(),
        ["3", "1", "1"]
    );
    // How long what is missing was nobody knows.
    assert!(!shown.json.contains("args_cut"), "{}", shown.json);

    let event = failing(&vec![vec![b'x'; 20]; 300]);
    let missing = event.args.missing();
    assert!(missing > 0);
    assert_eq!(missing as usize + event.args.iter().len(), 300);
    let told = format!(r#""args_missing":{missing}"#);
    assert!(self::shown(&event).json.contains(&told));

    let event = failing(&[b"true".to_vec(), b"whole".to_vec()]);
    let whole = self::shown(&event);
    assert!(!whole.json.contains("args_"), "{}", whole.json);
}

/// An event as each output has it; of the row, how many arguments there were and what of them is
/// not there.
struct Shown {
    json: String,
    yaml: String,
    row: String,
}

fn shown(event: &ExecEvent) -> Shown {
    let columns = ExecEvent::columns();
    let encoded = |encoding| {
        let mut out = String::new();
        Encoder::new(&columns, encoding).write(event, &mut out);
        out
    };
    let marks = columns.select("argc,args_truncated,args_missing").unwrap();
    let mut row = String::new();
    Table::new(&marks).write_row(event, &mut row);
    Shown {
        json: encoded(Encoding::Json),
        yaml: encoded(Encoding::Yaml),
        row,
    }
}

#[test]
fn an_argument_that_cannot_be_read_is_marked_and_the_others_are_kept() {
    let recorder = Recorder::failures();
    let page = 4096.try_into().unwrap();
    // SAFETY: a new mapping.
    let guarded =
        unsafe { mmap_anonymous(None, page, ProtFlags::PROT_NONE, MapFlags::MAP_PRIVATE) }.unwrap();
    let text = |text: &str| CString::new(text).unwrap();
    let (first, last, missing) = (text("first"), text("last"), text("/no/such/file"));
    let argv = [
        first.as_ptr(),
        guarded.as_ptr().cast(),
        last.as_ptr(),
        ptr::without_provenance(8),
        ptr::null(),
    ];
    // SAFETY: the kernel checks the pointers.
    let child = Child::fork(|| unsafe { execve_raw(missing.as_ptr(), argv.as_ptr()) });
    let event = recorder.only(child.fails_with(Errno::ENOENT));
    assert_eq!(event.file, b"/no/such/file");
    assert_eq!(texts(&event), [&b"first"[..], b"", b"last", b""]);
    assert_eq!(event.args.unreadable(), [1, 3]);
    assert_eq!(event.args.count(), 4);
}

#[test]
fn a_list_of_arguments_that_cannot_be_read_is_marked() {
    let recorder = Recorder::failures();
    let file = c"/bin/true";
    // SAFETY: the kernel checks the pointers.
    let child = Child::fork(|| unsafe { execve_raw(file.as_ptr(), ptr::without_provenance(8)) });
    let event = recorder.only(child.fails_with(Errno::EFAULT));
    assert_eq!(event.file, b"/bin/true");
    assert_eq!(event.ret, -(Errno::EFAULT as i32));
    assert_eq!(
        (event.args.count(), event.args.list()),
        (0, ArgumentList::Unreadable)
    );
    assert_eq!(event.args.iter().len(), 0);
}

#[test]
fn arguments_are_counted_up_to_512_and_more_are_told_as_more() {
    let recorder = Recorder::failures();
    for (given, counted, list) in [
        (511, 511, ArgumentList::Whole),
        (512, 512, ArgumentList::Whole),
        (513, 512, ArgumentList::Cut),
        (5000, 512, ArgumentList::Cut),
    ] {
        for bytes_each in [1, 100] {
            let call = Call::new("/no/such/file", vec![vec![b'x'; bytes_each]; given]);
            let event = recorder.only(Child::fork(|| call.make()).fails_with(Errno::ENOENT));
            assert_eq!(
                (event.args.count(), event.args.list()),
                (counted, list),
                "{given}"
            );
            assert!(
                event
                    .args
                    .iter()
                    .all(|argument| argument.cut || argument.bytes.len() == bytes_each)
            );
        }
    }
}

#[test]
fn a_file_name_that_cannot_be_read_is_marked() {
    let recorder = Recorder::failures();
    // Not a literal: its page need not be there before somebody looks at it.
    let named = CString::new("named").unwrap();
    let argv = [named.as_ptr(), ptr::null()];
    // SAFETY: the kernel checks the pointers.
    let child = Child::fork(|| unsafe { execve_raw(ptr::without_provenance(8), argv.as_ptr()) });
    let event = recorder.only(child.fails_with(Errno::EFAULT));
    assert!(event.file_unreadable && event.file.is_empty());
    assert_eq!(texts(&event), [b"named"]);
}

#[test]
fn an_exec_that_succeeds_is_no_failure() {
    let recorder = Recorder::failures();
    let dir = File::open("/bin").unwrap();
    for call in [
        Call::new("/bin/true", ["true"]),
        Call::new("true", ["true"]).at(dir.as_raw_fd(), AtFlags::empty()),
    ] {
        for thread in [false, true] {
            let pid = Child::fork(|| {
                if thread {
                    on_a_thread(|| call.make())
                } else {
                    call.make()
                }
            })
            .succeeds();
            assert_eq!(recorder.only(pid).ret, 0);
        }
    }
}

#[test]
fn a_search_of_the_path_is_told_step_by_step() {
    let recorder = Recorder::failures();
    let script = "PATH=/no/such/folder:/dev/null:/bin; exec env env true";
    let child = Child::fork(|| Call::new("/bin/sh", ["sh", "-c", script]).make());
    let events = recorder.of(child.succeeds());
    let steps: Vec<_> = events
        .iter()
        .map(|event| (String::from_utf8_lossy(&event.file).into_owned(), event.ret))
        .filter(|(file, _)| file.ends_with("/true"))
        .collect();
    let expected = [
        ("/no/such/folder/true".into(), -(Errno::ENOENT as i32)),
        ("/dev/null/true".into(), -(Errno::ENOTDIR as i32)),
        ("/bin/true".into(), 0),
    ];
    assert_eq!(steps, expected, "{events:#?}");
}

#[test]
fn nobody_who_did_not_ask_gets_failures() {
    let recorder = Recorder::plain();
    let call = Call::new("/no/such/file", ["file"]);
    let pid = Child::fork(|| call.make()).fails_with(Errno::ENOENT);
    assert!(recorder.of(pid).is_empty());
}
