//! `make bench`, as short as it gets: it measures everything, and shows all of it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, process::Command};

use serde_json::Value;

#[test]
fn a_short_run_measures_everything() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .env("BENCH_QUICK", "1")
        .env("BENCH_OUT", folder.path())
        .env_remove("BENCH_PUBLISH")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let tables = String::from_utf8(output.stdout).unwrap();
    for subject in [
        "no tracer",
        "one trace, matching",
        "one trace, not matching, --failed",
        "1000 traces, one matching, --failed",
        "traceherd, all traces match",
        "traceherd",
    ] {
        let row = format!("| {subject} ");
        assert!(tables.contains(&row), "no {subject} in {tables}");
    }
    let results = fs::read_to_string(folder.path().join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let costs = results["costs"]["samples"].as_array().unwrap();
    let of = |subject: &str| {
        costs
            .iter()
            .find(|sample| sample["subject"] == subject)
            .unwrap()
    };
    let number = |subject: &str, field: &str| of(subject)[field].as_u64().unwrap();
    assert!(number("no tracer", "execs") > 0);
    assert_eq!(number("no tracer", "kernel_ns"), 0);
    // Filtered out in the kernel, which takes time there, and no events.
    assert!(number("one trace, not matching", "kernel_ns") > 0);
    assert_eq!(number("one trace, not matching", "events"), 0);
    assert!(number("one trace, matching", "events") > 0);
    for plot in ["traces.svg", "arguments.svg"] {
        let plot = fs::read_to_string(folder.path().join(plot)).unwrap();
        assert!(
            plot.contains("<polyline") && plot.contains("traceherd"),
            "{plot}"
        );
    }
}
