//! Argo CD's health script, in the Lua that Argo CD has.

use std::fmt::Write;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::tree;

/// A JSON value as Lua writes it.
fn lua(value: &Value) -> String {
    match value {
        Value::Null => "nil".into(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(lua).collect();
            format!("{{{}}}", items.join(","))
        }
        Value::Object(members) => {
            members
                .iter()
                .fold("{".to_owned(), |mut text, (key, value)| {
                    write!(text, "[{key:?}]={},", lua(value)).unwrap();
                    text
                })
                + "}"
        }
        other => other.to_string(),
    }
}

/// What the script says of each trace: its status and its message.
fn judged(traces: &[Value]) -> Vec<(String, String)> {
    let installed = Command::new(tree().join("e2e/install-lua.sh"))
        .output()
        .unwrap();
    let folder = String::from_utf8(installed.stdout).unwrap();
    let folder = folder.trim();
    let script = tree().join("docs/argocd/health.lua");
    let mut program = String::new();
    for trace in traces {
        writeln!(program, "obj = {}", lua(trace)).unwrap();
        writeln!(program, "h = dofile({:?})", script.to_string_lossy()).unwrap();
        program += "print(h.status .. '|' .. (h.message or ''))\n";
    }
    let output = Command::new(format!("{folder}/bin/lua5.1"))
        .env("LD_LIBRARY_PATH", format!("{folder}/lib"))
        .args(["-e", &program])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let split = |line: &str| line.split_once('|').map(|(a, b)| (a.into(), b.into()));
    text.lines().filter_map(split).collect()
}

fn trace(status: &Value) -> Value {
    json!({"apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace",
        "metadata": {"name": "shells", "namespace": "shop", "generation": 3},
        "spec": {"gadget": "exec"}, "status": status})
}

fn status(phase: &str, ready: (&str, &str), stalled: (&str, &str)) -> Value {
    let condition = |name: &str, (status, message): (&str, &str)| {
        json!({"type": name, "status": status, "observedGeneration": 3,
            "lastTransitionTime": "2026-11-24T12:00:00Z", "reason": "Because", "message": message})
    };
    json!({"observedGeneration": 3, "phase": phase, "conditions": [
        condition("Lossless", ("False", "3 events were lost")),
        condition("Ready", ready), condition("Stalled", stalled)]})
}

#[test]
fn every_state_of_a_trace_has_its_health() {
    let mut old = status("Running", ("True", "2 of 2 nodes are ready"), ("False", ""));
    old["observedGeneration"] = json!(2);
    let waiting = "waiting for Traceherd's operator";
    let refused = "spec.filter[0]: no such column";
    let table = [
        (Value::Null, "Progressing", waiting),
        (json!({"observedGeneration": -1}), "Progressing", waiting),
        (json!({"observedGeneration": 3}), "Progressing", waiting),
        (old, "Progressing", waiting),
        (
            status(
                "Pending",
                ("False", "0 of 2 nodes are ready"),
                ("False", ""),
            ),
            "Progressing",
            "0 of 2 nodes are ready",
        ),
        (
            status("Running", ("True", "2 of 2 nodes are ready"), ("False", "")),
            "Healthy",
            "2 of 2 nodes are ready",
        ),
        (
            status("Completed", ("True", "it is over"), ("False", "")),
            "Healthy",
            "it is over",
        ),
        (
            status("Suspended", ("True", "held by spec.suspend"), ("False", "")),
            "Suspended",
            "held by spec.suspend",
        ),
        (
            status(
                "Failed",
                ("False", "see the condition Stalled"),
                ("True", refused),
            ),
            "Degraded",
            refused,
        ),
    ];
    let traces: Vec<_> = table.iter().map(|(status, _, _)| trace(status)).collect();
    let expected: Vec<_> = table
        .iter()
        .map(|(_, health, message)| ((*health).to_owned(), (*message).to_owned()))
        .collect();
    assert_eq!(judged(&traces), expected);
}
