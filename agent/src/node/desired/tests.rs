use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use traceherd_crds::{ClusterTrace, Trace};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A ClusterTrace's spec with these fields.
fn spec(fields: Value) -> ClusterTraceSpec {
    let mut spec = json!({"gadget": "exec"});
    spec.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let trace = json!({
        "apiVersion": "traceherd.dev/v1alpha1", "kind": "ClusterTrace",
        "metadata": {"name": "t"}, "spec": spec,
    });
    serde_json::from_value::<ClusterTrace>(trace).unwrap().spec
}

fn of_namespace(fields: Value) -> ClusterTraceSpec {
    let mut spec = json!({"gadget": "exec"});
    spec.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let trace = json!({
        "apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace",
        "metadata": {"name": "t", "namespace": "shop"}, "spec": spec,
    });
    serde_json::from_value::<Trace>(trace)
        .unwrap()
        .spec
        .in_namespace("shop")
}

fn here<'a>(labels: Option<&'a Labels>, ceilings: &'a Ceilings) -> Here<'a> {
    Here {
        node: "n1",
        labels,
        namespaces: None,
        ceilings,
    }
}

fn runs(wish: &Wish) -> bool {
    matches!(wish, Wish::Run { .. })
}

#[test]
fn a_trace_runs_where_node_name_and_labels_match() {
    let edge = labels(&[("pool", "edge"), ("zone", "a")]);
    let ceilings = Ceilings::default();
    for (fields, known, expected) in [
        (json!({}), true, true),
        (json!({}), false, true),
        (json!({"nodeName": ""}), false, true),
        (json!({"nodeName": "n1"}), false, true),
        (json!({"nodeName": "n10"}), true, false),
        (json!({"nodeSelector": {"pool": "edge"}}), true, true),
        (
            json!({"nodeSelector": {"pool": "edge", "zone": "b"}}),
            true,
            false,
        ),
        (json!({"nodeSelector": {"pool": "edge"}}), false, false),
        (json!({"nodeSelector": {"absent": ""}}), true, false),
    ] {
        let here = here(known.then_some(&edge), &ceilings);
        let wish = here.wish(
            TraceKind::ClusterTrace,
            &spec(fields.clone()),
            Stage::Runs(None),
        );
        assert_eq!(runs(&wish), expected, "{fields} {known}");
    }
}

#[test]
fn what_is_done_follows_the_stage_of_its_life() {
    let ceilings = Ceilings::default();
    let here = here(None, &ceilings);
    let spec = spec(json!({}));
    let wish = |stage| here.wish(TraceKind::ClusterTrace, &spec, stage);
    assert_eq!(wish(Stage::Finished), Wish::Nothing);
    assert_eq!(wish(Stage::Over), Wish::Over);
    assert_eq!(wish(Stage::Suspended), Wish::Hold);
    let until = Some(Timestamp::UNIX_EPOCH);
    assert!(matches!(wish(Stage::Runs(until)), Wish::Run { until: told, .. } if told == until));
}

#[test]
fn what_the_administrator_refuses_does_not_run() {
    let short = Ceilings {
        max_duration: Some(Duration::from_secs(60)),
        ..Ceilings::default()
    };
    let quiet = Ceilings {
        namespaced_log: false,
        ..Ceilings::default()
    };
    for (ceilings, kind, fields, expected) in [
        (&short, TraceKind::ClusterTrace, json!({}), false),
        (
            &short,
            TraceKind::ClusterTrace,
            json!({"duration": "2m"}),
            false,
        ),
        (
            &short,
            TraceKind::ClusterTrace,
            json!({"duration": "60s"}),
            true,
        ),
        (&quiet, TraceKind::Trace, json!({}), false),
        (
            &quiet,
            TraceKind::Trace,
            json!({"outputs": ["Status"]}),
            true,
        ),
        (&quiet, TraceKind::ClusterTrace, json!({}), true),
    ] {
        let spec = match kind {
            TraceKind::Trace => of_namespace(fields.clone()),
            TraceKind::ClusterTrace => spec(fields.clone()),
        };
        let wish = here(None, ceilings).wish(kind, &spec, Stage::Runs(None));
        assert_eq!(runs(&wish), expected, "{kind:?} {fields}");
    }
}

fn selector(kind: TraceKind, spec: &ClusterTraceSpec, here: &Here<'_>) -> Selector {
    match here.wish(kind, spec, Stage::Runs(None)) {
        Wish::Run { tracing, .. } => tracing.selector,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trace_sees_confirmed_pods_of_its_own_namespace_alone() {
    let ceilings = Ceilings::default();
    let spec = of_namespace(json!({"selector": {"podName": "cart-0"}}));
    let selector = selector(TraceKind::Trace, &spec, &here(None, &ceilings));
    let expected = Selector {
        namespaces: vec!["shop".into()],
        pods: vec!["cart-0".into()],
        confirmed_pods: true,
        ..Selector::default()
    };
    assert_eq!(selector, expected);
}

#[test]
fn namespaces_are_chosen_by_their_labels() {
    let ceilings = Ceilings::default();
    let known: BTreeMap<String, Labels> = [
        ("shop".to_owned(), labels(&[("team", "a"), ("env", "prod")])),
        ("bank".to_owned(), labels(&[("team", "b")])),
        ("lab".to_owned(), labels(&[])),
    ]
    .into();
    let team = |operator: &str, values: Value| {
        let mut requirement = json!({"key": "team", "operator": operator});
        if !values.is_null() {
            requirement["values"] = values;
        }
        json!({"namespaceSelector": {"matchExpressions": [requirement]}})
    };
    for (asked, expected) in [
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "a"}}}),
            Some(vec!["shop"]),
        ),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "c"}}}),
            None,
        ),
        (team("In", json!(["a", "b"])), Some(vec!["bank", "shop"])),
        (team("NotIn", json!(["a"])), Some(vec!["bank", "lab"])),
        (team("Exists", Value::Null), Some(vec!["bank", "shop"])),
        (team("DoesNotExist", Value::Null), Some(vec!["lab"])),
        (
            json!({"namespaces": ["lab", "bank"], "namespaceSelector": {"matchLabels": {"team": "b"}}}),
            Some(vec!["bank"]),
        ),
        (
            json!({"namespaces": ["lab"], "namespaceSelector": {"matchLabels": {"team": "b"}}}),
            None,
        ),
        (json!({"namespaceSelector": {}}), Some(vec![])),
        (
            json!({"namespaceSelector": {}, "namespaces": ["lab"]}),
            Some(vec!["lab"]),
        ),
    ] {
        let spec = spec(json!({"selector": asked}));
        let mut here = here(None, &ceilings);
        here.namespaces = Some(&known);
        let found = selector(TraceKind::ClusterTrace, &spec, &here);
        assert_eq!(found.no_containers, expected.is_none(), "{asked}");
        assert_eq!(found.namespaces, expected.unwrap_or_default(), "{asked}");
        assert!(!found.confirmed_pods);
    }
    let spec = spec(
        json!({"selector": {"namespaceSelector": {"matchLabels": {"team": "a"}}, "host": true}}),
    );
    let unknown = selector(TraceKind::ClusterTrace, &spec, &here(None, &ceilings));
    assert!(
        unknown.no_containers && unknown.host,
        "until namespaces are known none matches"
    );
}

#[test]
fn outputs_are_as_asked_for() {
    let ceilings = Ceilings::default();
    for (fields, log, status_events, max_events) in [
        (json!({}), true, 10, None),
        (
            json!({"outputs": ["Log"], "statusEvents": 20}),
            true,
            0,
            None,
        ),
        (
            json!({"outputs": ["Status"], "statusEvents": 20}),
            false,
            20,
            None,
        ),
        (
            json!({"statusEvents": 0, "maxEventsPerNode": 7}),
            true,
            0,
            Some(7),
        ),
    ] {
        let spec = spec(fields.clone());
        let wish = here(None, &ceilings).wish(TraceKind::ClusterTrace, &spec, Stage::Runs(None));
        let expected = Outputs {
            log,
            status_events,
            max_events,
        };
        assert!(
            matches!(wish, Wish::Run { outputs, .. } if outputs == expected),
            "{fields}"
        );
    }
}
