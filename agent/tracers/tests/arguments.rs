//! Arguments arrive as the process got them, and are cut where they are told to be.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use nix::errno::Errno;
use support::{
    call::{Call, execve_raw},
    child::Child,
    proc::assert_agrees,
    recorder::{Recorder, assert_nothing_of_the_arguments, texts},
};
use traceherd_tracers::{ArgsMode, ExecEvent, ExecOptions, MAX_ARGS_BYTES};

const TRUE: &str = "/bin/true";

/// Name and arguments.
fn cases() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let with = |rest: &[&[u8]]| {
        let first = [b"true".to_vec()];
        first
            .into_iter()
            .chain(rest.iter().map(|arg| arg.to_vec()))
            .collect::<Vec<_>>()
    };
    let many: Vec<_> = (0..499)
        .map(|n| format!("argument-{n}").into_bytes())
        .collect();
    let every_byte: Vec<u8> = (1..=255).collect();
    vec![
        ("one", with(&[])),
        ("500 arguments", [with(&[]), many].concat()),
        ("an argument of 20 KB", with(&[&[b'x'; 20_000], b"last"])),
        ("empty ones", with(&[b"", b"x", b"", b""])),
        ("only empty ones", vec![vec![], vec![], vec![]]),
        ("not UTF-8", with(&[&every_byte, b"\xff\xfe", b"\xc3\x28"])),
        (
            "controls",
            with(&[b"a\nb", b"\t\r\n", b"\x1b[2J\x1b]0;owned\x07", b"\x7f\x9b"]),
        ),
        (
            "the longest that is whole",
            with(&[&vec![b'y'; MAX_ARGS_BYTES as usize - 6]]),
        ),
        (
            "one more",
            with(&[&vec![b'z'; MAX_ARGS_BYTES as usize - 5]]),
        ),
        (
            "three times too long",
            with(&[&[b'z'; 50_000], &[b'z'; 50_000]]),
        ),
    ]
}

fn run(args: &[Vec<u8>]) -> u32 {
    let call = Call::new(TRUE, args);
    Child::fork(|| call.make()).succeeds()
}

fn fail(args: &[Vec<u8>]) -> u32 {
    let call = Call::new("/no/such/file", args);
    Child::fork(|| call.make()).fails_with(Errno::ENOENT)
}

/// As [`assert_cut_at`]; of a failed exec's arguments each has at most a page, its NUL included.
fn assert_failure_cut_at(event: &ExecEvent, args: &[Vec<u8>], most: usize, case: &str) {
    let mut left = most;
    let mut expected: Vec<(&[u8], bool)> = Vec::new();
    for arg in args {
        if left == 0 {
            break;
        }
        let kept = arg.len().min(4095).min(left);
        // That many and no NUL: it may go on.
        let cut = kept == 4095 || kept == left;
        expected.push((&arg[..kept], cut));
        left -= left.min(kept + 1);
    }
    let found: Vec<_> = event.args.iter().map(|arg| (arg.bytes, arg.cut)).collect();
    assert!(found == expected, "{case}, {most} bytes, failed");
    assert_eq!(
        event.args.missing() as usize,
        args.len() - expected.len(),
        "{case}, {most} bytes, failed"
    );
}

/// That the event has the first `most` bytes of the block which these arguments make.
fn assert_cut_at(event: &ExecEvent, args: &[Vec<u8>], most: usize, case: &str) {
    let block: Vec<u8> = args
        .iter()
        .flat_map(|arg| arg.iter().copied().chain([0]))
        .collect();
    let kept = &block[..block.len().min(most)];
    let mut expected: Vec<&[u8]> = kept.split(|&byte| byte == 0).collect();
    // What follows the last NUL is the argument that was cut, or nothing.
    let last_is_cut = expected.last().is_some_and(|last| !last.is_empty());
    if !last_is_cut {
        expected.pop();
    }
    let found = texts(event);
    assert_eq!(found.len(), expected.len(), "{case}, {most} bytes");
    for (n, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(
            found == expected,
            "{case}, {most} bytes: argument {n} differs"
        );
    }
    let marks: Vec<bool> = event.args.iter().map(|argument| argument.cut).collect();
    let whole = expected.len() - usize::from(last_is_cut);
    assert!(
        marks[..whole].iter().all(|cut| !cut),
        "{case}, {most} bytes: {marks:?}"
    );
    assert!(
        marks[whole..].iter().all(|cut| *cut),
        "{case}, {most} bytes: {marks:?}"
    );
    assert_eq!(
        event.args.cut_bytes(),
        Some((block.len() - kept.len()) as u32),
        "{case}, {most} bytes"
    );
    assert_eq!(
        event.args.count() as usize,
        args.len(),
        "{case}, {most} bytes"
    );
    assert!(event.args.unreadable().is_empty(), "{case}, {most} bytes");
}

#[test]
fn arguments_are_exact_up_to_the_most_and_cut_exactly_behind_it() {
    let recorder = Recorder::longest();
    for (case, args) in cases() {
        let event = recorder.only(run(&args));
        assert_cut_at(&event, &args, MAX_ARGS_BYTES as usize, case);
    }
}

#[test]
fn arguments_are_cut_exactly_at_the_default() {
    let recorder = Recorder::plain();
    for (case, args) in cases() {
        let event = recorder.only(run(&args));
        assert_cut_at(&event, &args, 4096, case);
    }
}

#[test]
fn any_limit_is_kept_to_the_byte() {
    for max_args_bytes in [0, 1, 5, 4095, 4097, 32_767, u32::MAX] {
        let recorder = Recorder::start(ExecOptions {
            include_failed: true,
            max_args_bytes,
            ..ExecOptions::default()
        });
        let most = max_args_bytes.min(MAX_ARGS_BYTES) as usize;
        for (case, args) in cases() {
            let event = recorder.only(run(&args));
            assert_cut_at(&event, &args, most, case);
            assert_failure_cut_at(&recorder.only(fail(&args)), &args, most, case);
        }
    }
}

#[test]
fn without_arguments_the_event_has_what_the_kernel_made_of_it() {
    let recorder = Recorder::plain();
    let empty = [std::ptr::null()];
    for argv in [std::ptr::null(), empty.as_ptr()] {
        // It waits for what it could copy, so that there is time to look at it.
        let (input, _kept_open) = nix::unistd::pipe().unwrap();
        let child = Child::fork(|| {
            nix::unistd::dup2_stdin(&input).unwrap();
            // SAFETY: replaces the child.
            unsafe { execve_raw(c"/bin/cat".as_ptr(), argv) }
        });
        let event = recorder.wait_for(|event| event.pid == child.pid());
        assert_agrees(&event);
        // Linux 5.18 and newer give such a program one empty argument.
        assert_eq!(event.args.count() as usize, event.args.iter().len());
        assert!(texts(&event).iter().all(Vec::is_empty), "{event:#?}");
        assert_eq!(event.args.cut_bytes(), Some(0));
    }
}

#[test]
fn of_what_is_not_asked_for_nothing_is_recorded_but_the_count_where_that_is() {
    let recorder = Recorder::start(ExecOptions {
        args: ArgsMode::Count,
        ..ExecOptions::default()
    });
    let args = ["true", "secret", "more"].map(|arg| arg.as_bytes().to_vec());
    let event = recorder.only(run(&args));
    assert_eq!((event.args.count(), event.args.iter().len()), (3, 0));
    drop(recorder);

    let recorder = Recorder::start(ExecOptions {
        args: ArgsMode::None,
        ..ExecOptions::default()
    });
    let event = recorder.only(run(&args));
    assert_nothing_of_the_arguments(&event);
}
