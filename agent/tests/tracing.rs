//! The command against the running kernel. Needs root.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod running;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use running::{Program, Running, within_patience};

#[test]
fn an_exec_is_shown_with_its_arguments_and_a_signal_ends_with_the_summary() {
    for (signal, word) in [(Signal::SIGINT, "sigint"), (Signal::SIGTERM, "sigterm")] {
        let program = Program::new(word);
        let filter = program.filter();
        let mut traceherd = Running::start(&["exec", "-F", &filter, "-o", "columns=pid,comm,args"]);
        program.run(&["one two", "\x1b[31m"]);
        let line = traceherd.line();
        assert!(line.contains(&program.name), "{line}");
        assert!(line.trim_end().ends_with(r#""one two" \x1b[31m"#), "{line}");
        traceherd.signal(signal);
        assert_eq!(traceherd.wait().code(), Some(0));
        assert_eq!(traceherd.rest(), "");
        let summary = traceherd.stderr();
        let told = "traceherd: 1 event, 0 lost, 0 suppressed";
        assert!(
            summary.starts_with(told) && summary.lines().count() == 1,
            "{summary}"
        );
    }
}

#[test]
fn records_have_the_names_that_scripts_know() {
    let program = Program::new("json");
    let child = Command::new(env!("CARGO_BIN_EXE_traceherd"))
        .args([
            "exec",
            "-o",
            "json",
            "--max-events",
            "1",
            "-F",
            &program.filter(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = child;
    // Nothing tells when it traces: run until it has seen one.
    within_patience("the event", || {
        program.run(&["a", ""]);
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let event: serde_json::Value = serde_json::from_str(&text).unwrap();
    for name in [
        "node",
        "type",
        "timestamp",
        "pid",
        "ppid",
        "uid",
        "gid",
        "comm",
        "pcomm",
        "ret",
        "mountnsid",
    ] {
        assert!(!event[name].is_null(), "{name}: {text}");
    }
    let arguments = event["args"].as_array().unwrap();
    assert_eq!((&arguments[1], &arguments[2]), (&"a".into(), &"".into()));
}

#[test]
fn it_ends_by_itself_after_its_time_and_after_its_last_event() {
    let program = Program::new("ends");
    let filter = program.filter();
    let mut traceherd = Running::start(&["exec", "-F", &filter, "--duration", "100ms"]);
    assert_eq!(traceherd.wait().code(), Some(0));
    let mut traceherd = Running::start(&["exec", "-F", &filter, "--max-events", "2"]);
    (0..5).for_each(|_| program.run(&[]));
    assert_eq!(traceherd.wait().code(), Some(0));
    assert_eq!(traceherd.rest().lines().count(), 2);
    assert!(
        traceherd
            .stderr()
            .starts_with("traceherd: 2 events, 0 lost, 0 suppressed")
    );
}

#[test]
fn a_manifest_is_run() {
    let program = Program::new("manifest");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "apiVersion: traceherd.dev/v1alpha1\nkind: ClusterTrace\nmetadata: {{name: t}}\nspec:\n  gadget: exec\n  \
         exec: {{args: Count}}\n  selector: {{host: true}}\n  filter: [\"{}\"]\n  maxEventsPerNode: 1\n",
        program.filter()
    )
    .unwrap();
    let file = file.path().to_str().unwrap();
    let mut traceherd = Running::start(&["run", "-f", file, "-o", "columns=pid,comm,argc"]);
    program.run(&["secret"]);
    let line = traceherd.line();
    assert!(
        line.contains(&program.name) && line.trim_end().ends_with(" 2"),
        "{line}"
    );
    assert_eq!(traceherd.wait().code(), Some(0));
}

#[test]
fn the_example_of_everything_shows_the_hosts_execs() {
    let program = Program::new("example");
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crds/examples/all-execs.yaml"
    );
    let mut traceherd = Running::start(&["run", "-f", file, "-o", "columns=pid,comm,args"]);
    program.run(&["shown"]);
    within_patience("the exec", || {
        let line = traceherd.line();
        line.contains(&program.name) && line.trim_end().ends_with(" shown")
    });
    traceherd.signal(Signal::SIGINT);
    assert_eq!(traceherd.wait().code(), Some(0));
}

#[test]
fn a_terminal_that_changes_its_width_gets_the_header_again() {
    // A name that is short enough for a narrow table.
    let program = Program::new("rs");
    let size = |columns| rustix::termios::Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = nix::pty::openpty(None, None).unwrap();
    rustix::termios::tcsetwinsize(&terminal.master, size(60)).unwrap();
    // The last is aligned to the right: the header is as wide as the table.
    let words = [
        "exec",
        "-F",
        &program.filter(),
        "-o",
        "columns=comm,args,pid",
    ];
    let master = terminal.master.try_clone().unwrap();
    let (mut traceherd, narrow) = Running::start_on(&words, terminal.slave.into(), master);
    assert!(narrow.trim_end().len() <= 60, "{narrow}");
    program.run(&[]);
    assert!(traceherd.line().contains(&program.name));

    rustix::termios::tcsetwinsize(&terminal.master, size(150)).unwrap();
    program.run(&["wide"]);
    let wide = traceherd.line();
    assert_eq!(
        wide.split_whitespace().collect::<Vec<_>>(),
        narrow.split_whitespace().collect::<Vec<_>>()
    );
    assert!(wide.trim_end().len() > narrow.trim_end().len(), "{wide}");
    let row = traceherd.line();
    assert!(
        row.starts_with(&program.name) && row.contains(" wide "),
        "{row}"
    );
}

#[test]
fn a_closed_pipe_ends_the_watch_of_containers_though_nothing_changes() {
    let mut traceherd = Running::start(&["containers", "--watch"]);
    traceherd.close_stdout();
    assert_eq!(traceherd.wait().code(), Some(0));
    assert_eq!(traceherd.stderr(), "");
}

#[test]
fn a_trace_of_a_namespace_shows_nothing_of_the_host() {
    let program = Program::new("confined");
    let mut traceherd = Running::start(&["exec", "-n", "shop", "-F", &program.filter()]);
    program.run(&[]);
    traceherd.signal(Signal::SIGTERM);
    assert_eq!(traceherd.wait().code(), Some(0));
    assert_eq!(traceherd.rest(), "");
}

#[test]
fn a_closed_pipe_ends_quietly_also_when_nothing_happens_any_more() {
    let program = Program::new("closed");
    let filter = program.filter();
    for wakes in [false, true] {
        let mut traceherd = Running::start(&["exec", "-F", &filter]);
        let programs = traceherd.programs();
        assert!(!programs.is_empty());
        traceherd.close_stdout();
        if wakes {
            program.run(&[]);
        }
        assert_eq!(traceherd.wait().code(), Some(0));
        assert_eq!(traceherd.stderr(), "");
        detached(&programs);
    }
}

#[test]
fn a_full_pipe_neither_stops_the_end_nor_hides_what_was_not_written() {
    let program = Program::new("full");
    let mut traceherd = Running::start(&[
        "exec",
        "-F",
        &program.filter(),
        "-o",
        "columns=pid,comm,file,args",
    ]);
    let long = "x".repeat(2000);
    let runs = 100;
    (0..runs).for_each(|_| program.run(&[&long]));
    traceherd.signal(Signal::SIGTERM);
    let asked = Instant::now();
    assert_eq!(traceherd.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10));
    let summary = traceherd.stderr();
    let numbers: Vec<u64> = summary
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(numbers[0] + numbers[1], runs, "{summary}");
    assert!(numbers[1] > 0, "{summary}");
}

#[test]
fn nothing_stays_attached_after_sigkill() {
    let mut traceherd = Running::start(&["exec", "--failed", "-F", "pid:0"]);
    let programs = traceherd.programs();
    assert!(!programs.is_empty());
    traceherd.signal(Signal::SIGKILL);
    traceherd.wait();
    detached(&programs);
}

/// Waits until none of these eBPF programs is in the kernel any more.
fn detached(programs: &[u32]) {
    within_patience("the end of the eBPF programs", || {
        let loaded: Vec<u32> = aya::programs::loaded_programs()
            .filter_map(|program| program.ok().map(|program| program.id()))
            .collect();
        programs.iter().all(|id| !loaded.contains(id))
    });
}
