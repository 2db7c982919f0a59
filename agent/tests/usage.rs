//! The command without tracing anything: its usage, its pages, and what it refuses.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use assert_cmd::assert::OutputAssertExt;

fn traceherd(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_traceherd"))
        .args(words)
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn bad_usage_exits_2_and_writes_nothing_to_standard_output() {
    for words in [
        &[][..],
        &["nonsense"],
        &["exec", "--nonsense"],
        &["exec", "--max-events", "0"],
        &["exec", "-o", "xml"],
        &["exec", "-o", "columns=nonsense"],
        &["exec", "-o", "columns=pid,pid"],
        &["exec", "-F", "nonsense:1"],
        &["exec", "-F", "pid:many"],
        &["exec", "-F", "comm:~("],
        &["run"],
        &["run", "-f", "/dev/null"],
        &["containers", "-o", "columns=nonsense"],
        &[
            "agent",
            "--node-name",
            "n",
            "--namespace",
            "t",
            "--redact",
            "(",
        ],
        &[
            "agent",
            "--node-name",
            "n",
            "--namespace",
            "t",
            "--log-level",
            "a=b=c",
        ],
        &["completions", "nonsense"],
        &["man", "nonsense"],
    ] {
        let output = traceherd(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(stdout(&output), "", "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn a_bad_filter_is_told_in_one_line() {
    for (filter, reason) in [
        ("pid:many", r#""many" is not a whole number"#),
        ("comm=sh", "expected COLUMN:VALUE: did you mean comm:sh?"),
    ] {
        let output = traceherd(&["exec", "-F", "uid:0", "-F", filter]);
        let line = format!("traceherd: filter 2 ({filter:?}): {reason}\n");
        assert_eq!(stderr(&output), line);
    }
}

#[test]
fn a_bad_manifest_is_told_in_one_line_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace.yaml");
    let file = file.to_str().unwrap();
    let good = "apiVersion: traceherd.dev/v1alpha1\nkind: ClusterTrace\nmetadata:\n  name: t\nspec:\n  gadget: exec\n";
    for (lines, message) in [
        (
            "  durration: 10m\n",
            "7:3: spec.durration: no such field: did you mean duration?",
        ),
        (
            "  filter: [\"uid:0\", \"pid:many\"]\n",
            "7:21: spec.filter[1]: \"pid:many\": \"many\" is not a whole number",
        ),
        (
            "  nodeName: elsewhere\n",
            "7:13: spec.nodeName: is elsewhere, and this host is",
        ),
    ] {
        std::fs::write(file, format!("{good}{lines}")).unwrap();
        let output = traceherd(&["run", "-f", file]);
        assert_eq!(output.status.code(), Some(2));
        let told = stderr(&output);
        assert!(
            told.starts_with(&format!("traceherd: {file}:{message}")),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let output = traceherd(&["run", "-f", "/nonexistent/trace.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "traceherd: cannot read /nonexistent/trace.yaml: No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_manifest_comes_from_standard_input_too_and_a_suspended_one_traces_nothing() {
    let manifest = "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata: {name: t}\nspec: {gadget: exec, suspend: true}\n";
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_traceherd"))
        .args(["run", "-f", "-"])
        .write_stdin(manifest)
        .assert()
        .success()
        .stdout("")
        .stderr(
            "traceherd: no metadata.namespace: taken as default\n\
             traceherd: spec.suspend is true: nothing is traced\n",
        );
}

#[test]
fn without_privileges_there_is_one_clear_error_and_exit_code_1() {
    let traceherd = env!("CARGO_BIN_EXE_traceherd");
    // Root is not enough: what a container's root has are not these capabilities.
    let mut powerless = Command::new("setpriv");
    powerless.args(["--bounding-set", "-all", "--inh-caps", "-all", traceherd]);
    for mut command in [as_nobody(), powerless] {
        let output = command.arg("exec").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert_eq!(stdout(&output), "");
        let told = stderr(&output);
        assert!(
            told.starts_with("traceherd: ") && told.contains("CAP_BPF"),
            "{command:?}: {told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

/// The command without any privilege. It must be root that gives it up.
fn as_nobody() -> Command {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
    let nobody = 65534;
    let mut command = Command::new(env!("CARGO_BIN_EXE_traceherd"));
    command.uid(nobody).gid(nobody);
    command
}

#[test]
fn a_list_of_containers_that_may_be_incomplete_says_so() {
    let output = as_nobody().arg("containers").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = stderr(&output);
    assert!(
        told.starts_with("traceherd: not root: this list may be incomplete"),
        "{told}"
    );
}

#[test]
fn a_socket_that_was_given_and_is_not_there_is_told() {
    for option in ["--docker-socket", "--containerd-socket"] {
        let output = traceherd(&["containers", option, "/nonexistent/runtime.sock"]);
        output.clone().assert().success();
        let told = stderr(&output);
        assert!(
            told.contains("/nonexistent/runtime.sock is not there"),
            "{told}"
        );
    }
}

#[test]
fn options_that_match_nothing_without_a_cluster_are_told() {
    let words = ["exec", "-n", "shop", "-l", "app=cart", "--duration", "10ms"];
    let output = traceherd(&words);
    output.clone().assert().success();
    let told = stderr(&output);
    assert!(told.contains("-l together with -n or -p"), "{told}");
}

#[test]
fn an_agent_that_cannot_run_says_why_in_one_record() {
    let output = Command::new(env!("CARGO_BIN_EXE_traceherd"))
        .args(["agent", "--node-name", "n", "--namespace", "t"])
        .env("KUBECONFIG", "/nonexistent")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let record: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
    assert_eq!(record["level"], "ERROR");
    let why = record["error"].as_str().unwrap();
    // Whoever runs the tests may not be allowed to trace.
    assert!(
        why.contains("API server") || why.contains("capabilities"),
        "{why}"
    );
}

#[test]
fn help_names_every_command_and_every_option_of_exec() {
    let output = traceherd(&["--help"]);
    output.clone().assert().success();
    for command in ["exec", "run", "containers", "completions", "man"] {
        assert!(
            stdout(&output).contains(&format!("\n  {command} ")),
            "{command}"
        );
    }
    let output = traceherd(&["exec", "--help"]);
    for option in [
        "-c, --containername <NAME>",
        "-n, --namespace <NAMESPACE>",
        "-p, --podname <POD>",
        "-l, --label <KEY=VALUE>",
        "--host",
        "--failed",
        "-F, --filter <COLUMN:CONDITION>",
        "-o, --output <FORMAT>",
        "--duration <TIME>",
        "--max-events <N>",
        "--max-args-bytes <BYTES>",
    ] {
        assert!(stdout(&output).contains(option), "{option}");
    }
    for column in [
        "\n  container            The container that it happened in",
        "\n  pid                  Process id. *",
        "\n  loginuid             The login's user id",
    ] {
        assert!(stdout(&output).contains(column), "{column}");
    }
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = traceherd(&["completions", shell]);
        output.clone().assert().success();
        assert!(stdout(&output).contains("containername"), "{shell}");
    }
    for (words, title) in [
        (&["man"][..], ".TH traceherd 1"),
        (&["man", "exec"], ".TH traceherd-exec 1"),
    ] {
        let output = traceherd(words);
        output.clone().assert().success();
        assert!(
            stdout(&output).contains(title),
            "{title}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let script = format!(
        "{} completions bash | head -1",
        env!("CARGO_BIN_EXE_traceherd")
    );
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &script])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), stderr(&output).as_str()),
        (Some(0), "")
    );
}

#[test]
fn containers_are_listed_as_columns_and_as_json() {
    let output = traceherd(&["containers"]);
    output.clone().assert().success();
    assert!(
        stdout(&output).starts_with("RUNTIME "),
        "{}",
        stdout(&output)
    );
    let output = traceherd(&["containers", "-o", "json"]);
    output.clone().assert().success();
    for line in stdout(&output).lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(record["id"].is_string(), "{line}");
    }
}
