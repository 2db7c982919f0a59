//! `make run`'s program, as somebody without a terminal runs it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn it_shows_containers_by_name_ends_by_itself_and_leaves_nothing() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    let output = demo.env("RUN_SECONDS", "8").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (shown, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(shown.starts_with("CONTAINER"), "{shown}\n{said}");
    let summary = said.lines().last().unwrap();
    assert!(summary.contains(" events, 0 lost, 0 suppressed"), "{said}");
    if !said.contains("No container runtime runs on this machine") {
        return;
    }
    for (container, args) in [
        ("demo-web", "/bin/wget"),
        ("demo-cron", "/bin/date"),
        ("demo-shell", "/bin/ls"),
    ] {
        let its = |line: &&str| line.starts_with(container) && line.contains(args);
        assert!(shown.lines().any(|line| its(&line)), "{container}: {shown}");
    }
    let left = Command::new("find")
        .args(["/sys/fs/cgroup", "-name", "demo-*"])
        .output();
    assert_eq!(text(&left.unwrap().stdout), "");
}
