//! Plans and what they were made from.

use clap::Parser;
use traceherd_containers::{LabelExpression, LabelOperator};

use super::*;
use crate::cli::{Cli, Command};

fn of_options(line: &str) -> Plan {
    let words = ["traceherd", "exec"]
        .into_iter()
        .chain(line.split_whitespace());
    match Cli::parse_from(words).command {
        Command::Exec(args) => Plan::of_options(&args),
        other => panic!("{other:?}"),
    }
}

fn manifest(kind: &str, lines: &str) -> Manifest {
    let text = format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: t, namespace: shop}}\nspec:\n  gadget: exec\n{lines}"
    );
    Manifest::parse("t.yaml", text.as_bytes()).unwrap()
}

fn of_manifest(kind: &str, lines: &str) -> Plan {
    Plan::of_manifest(&manifest(kind, lines), "node-1.example.org").unwrap()
}

#[test]
fn without_a_filter_the_host_and_every_container_are_shown() {
    let everything = Selector {
        host: true,
        ..Selector::default()
    };
    assert_eq!(of_options("").selector, everything);
    assert_eq!(of_options("--host -F uid:0").selector, everything);
    assert_eq!(
        of_manifest("ClusterTrace", "  selector: {host: true}").selector,
        everything
    );
}

#[test]
fn a_filter_on_containers_leaves_the_host_out() {
    let plan = of_options("-c web -c db -n shop -p cart-0 -l app=cart");
    assert_eq!(
        plan.selector,
        Selector {
            names: vec!["web".into(), "db".into()],
            namespaces: vec!["shop".into()],
            pods: vec!["cart-0".into()],
            labels: [("app".to_owned(), "cart".to_owned())].into(),
            ..Selector::default()
        }
    );
    assert!(of_options("-c web --host").selector.host);
}

#[test]
fn options_say_what_is_recorded_and_when_it_ends() {
    let plan =
        of_options("--failed --max-args-bytes 100 --max-events 3 --duration 1m -F uid:0 -F pid:1");
    assert!(plan.exec.include_failed);
    assert_eq!(plan.exec.max_args_bytes, 100);
    assert_eq!(plan.max_events, Some(3));
    assert_eq!(plan.duration, Some(Duration::from_secs(60)));
    assert_eq!(plan.filters, ["uid:0", "pid:1"]);
}

#[test]
fn the_longest_arguments_are_those_of_the_tracer() {
    assert_eq!(
        traceherd_crds::MAX_ARGS_BYTES,
        traceherd_tracers::MAX_ARGS_BYTES
    );
    let plan = of_options("--max-args-bytes 32768 --failed");
    let spec = plan.spec(None);
    assert_eq!(spec.exec.max_args_bytes, 32768);
    assert!(spec.exec.include_failed);
    assert!(spec.selector.host);
}

#[test]
fn a_trace_stays_in_its_namespace_and_off_the_host() {
    let plan = of_manifest("Trace", "");
    assert_eq!(
        plan.selector,
        Selector {
            namespaces: vec!["shop".into()],
            ..Selector::default()
        }
    );
    assert_eq!(plan.notes, Vec::<String>::new());
}

#[test]
fn all_of_a_manifest_is_taken_over() {
    let plan = of_manifest(
        "Trace",
        r#"  exec: {includeFailed: true, maxArgsBytes: 100, args: Count}
  selector:
    podName: cart-0
    podSelector:
      matchLabels: {app: cart}
      matchExpressions: [{key: tier, operator: NotIn, values: [test]}]
    containerNames: [web]
    excludeContainerNames: [sidecar]
    images: [nginx]
  nodeName: node-1
  filter: ["uid:0"]
  duration: 10m
  maxEventsPerNode: 5
  rateLimit: {eventsPerSecond: 2, burst: 3}
  suspend: true
"#,
    );
    assert_eq!(
        plan.selector,
        Selector {
            names: vec!["web".into()],
            exclude_names: vec!["sidecar".into()],
            namespaces: vec!["shop".into()],
            pods: vec!["cart-0".into()],
            labels: [("app".to_owned(), "cart".to_owned())].into(),
            label_expressions: vec![LabelExpression {
                key: "tier".into(),
                operator: LabelOperator::NotIn(vec!["test".into()]),
            }],
            images: vec!["nginx".into()],
            ..Selector::default()
        }
    );
    assert_eq!(plan.exec.max_args_bytes, 100);
    assert_eq!(
        plan.rate_limit,
        Some(RateLimit {
            events_per_second: 2,
            burst: 3
        })
    );
    assert_eq!(plan.duration, Some(Duration::from_secs(600)));
    assert_eq!(plan.max_events, Some(5));
    assert_eq!(plan.filters, ["uid:0"]);
    assert!(plan.suspended);
}

#[test]
fn what_needs_a_cluster_is_never_ignored_in_silence() {
    for (kind, lines, note) in [
        (
            "ClusterTrace",
            "",
            "metadata.namespace: a ClusterTrace is in none",
        ),
        (
            "Trace",
            "  nodeSelector: {a: b}",
            "spec.nodeSelector: a host without",
        ),
        (
            "Trace",
            "  selector: {podSelector: {matchLabels: {a: b}}}",
            "spec.selector.podSelector: without",
        ),
        ("Trace", "  outputs: [Status]", "spec.outputs: without"),
        (
            "Trace",
            "  statusEvents: 3\n  run: a",
            "mean nothing: spec.statusEvents, spec.run",
        ),
        (
            "Trace",
            "  reportRetention: 2h",
            "mean nothing: spec.reportRetention",
        ),
    ] {
        let notes = of_manifest(kind, lines).notes;
        assert!(
            notes.len() == 1 && notes[0].contains(note),
            "{lines}: {notes:?}"
        );
    }
}

#[test]
fn options_that_can_never_match_are_told() {
    for (line, told) in [
        ("-n shop -l app=cart", true),
        ("-p cart-0 -l app=cart", true),
        ("-l app=cart", false),
        ("-n shop -p cart-0", false),
        ("", false),
    ] {
        let notes = of_options(line).notes;
        assert_eq!(notes.len(), usize::from(told), "{line}: {notes:?}");
    }
}

#[test]
fn what_cannot_be_done_on_this_host_is_refused() {
    for (kind, lines, message) in [
        (
            "Trace",
            "  nodeName: node-2",
            "t.yaml:6:13: spec.nodeName: is node-2, and this host is node-1.example.org: run it there, or remove the field",
        ),
        (
            "ClusterTrace",
            "  selector: {namespaceSelector: {matchLabels: {a: b}}}",
            "t.yaml:6:33: spec.selector.namespaceSelector: only a cluster knows the labels of namespaces: name them in namespaces",
        ),
    ] {
        let error = Plan::of_manifest(&manifest(kind, lines), "node-1.example.org").unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    for node in ["", "node-1", "node-1.example.org"] {
        of_manifest("Trace", &format!("  nodeName: \"{node}\""));
    }
}
