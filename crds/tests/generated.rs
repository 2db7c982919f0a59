//! The YAML that is checked in is what the types say, and everything in it has a bound.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use serde_json::Value;

#[test]
fn the_files_are_what_crdgen_writes() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, crd) in traceherd_crds::crd_files() {
        let files = [
            ("crds", traceherd_crds::file_of(&crd).unwrap()),
            (
                "charts/traceherd/templates/crds",
                traceherd_crds::template_of(&crd).unwrap(),
            ),
        ];
        for (folder, wanted) in files {
            let file = tree.join(folder).join(&name);
            let found = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                found == wanted,
                "{folder}/{name} is not up to date: cargo run -p traceherd-crds --bin crdgen"
            );
        }
    }
}

/// Every value below `schema` that has no bound, by its path.
fn unbounded(schema: &Value, path: &str, found: &mut Vec<String>) {
    let needed: &[&str] = match schema["type"].as_str() {
        Some("string") if schema.get("enum").is_none() => &["maxLength"],
        Some("integer") => &["minimum", "maximum"],
        Some("array") => &["maxItems"],
        Some("object") if schema.get("additionalProperties").is_some() => &["maxProperties"],
        _ => &[],
    };
    for bound in needed.iter().filter(|bound| schema.get(**bound).is_none()) {
        found.push(format!("{path}: no {bound}"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unbounded(property, &format!("{path}.{name}"), found);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(below) {
            unbounded(schema, &format!("{path}[]"), found);
        }
    }
}

#[test]
fn every_string_list_map_and_number_of_a_spec_is_bounded_and_explained() {
    for (name, crd) in traceherd_crds::crd_files() {
        let crd = serde_json::to_value(&crd).unwrap();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        unbounded(schema, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
        unexplained(&schema["properties"]["spec"], "spec", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

/// Every field that `kubectl explain` would show without a word.
fn unexplained(schema: &Value, path: &str, found: &mut Vec<String>) {
    if schema.get("description").is_none() {
        found.push(format!("{path}: no description"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unexplained(property, &format!("{path}.{name}"), found);
    }
}

/// An API server that refuses a text shows the pattern: the rule beside it says what is allowed.
#[test]
fn every_pattern_of_a_trace_is_said_in_words_too() {
    for name in ["traces", "clustertraces"] {
        let crd = crd(name);
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        unworded(&schema["properties"]["spec"], "spec", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{name}");
    }
}

fn unworded(schema: &Value, path: &str, found: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    if has("pattern") && !has("x-kubernetes-validations") {
        found.push(path.to_owned());
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unworded(property, &format!("{path}.{name}"), found);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(below) {
            unworded(schema, &format!("{path}[]"), found);
        }
    }
}

/// What `kubectl get` shows, and by which names: scripts hang on it.
#[test]
fn every_kind_has_its_names_and_columns() {
    let of_traces = "Gadget Phase Ready Desired Events Lost Duration* Age";
    for (plural, short, columns) in [
        ("traces", "trc", of_traces),
        ("clustertraces", "ctrc", of_traces),
        (
            "tracereports",
            "trr",
            "Trace Node Phase Containers Events Lost Age",
        ),
    ] {
        let crd = crd(plural);
        let names = &crd["spec"]["names"];
        assert_eq!(names["shortNames"], serde_json::json!([short]));
        assert_eq!(names["categories"], serde_json::json!(["traceherd"]));
        let version = &crd["spec"]["versions"][0];
        let shown = version["additionalPrinterColumns"].as_array().unwrap();
        let titles: Vec<_> = shown.iter().map(title).collect();
        assert_eq!(titles.join(" "), columns, "{plural}");
        for column in shown {
            // What is nowhere would be shown as nothing.
            let path = column["jsonPath"].as_str().unwrap();
            assert!(
                is_there(&version["schema"]["openAPIV3Schema"], path),
                "{path}"
            );
        }
    }
}

/// Its name, with a star when only `-o wide` shows it.
fn title(column: &Value) -> String {
    let wide = column["priority"].as_i64() > Some(0);
    let name = column["name"].as_str().unwrap();
    format!("{name}{}", if wide { "*" } else { "" })
}

fn is_there(schema: &Value, path: &str) -> bool {
    let mut names = path.split('.').skip(1);
    // Metadata is the API server's own.
    path.starts_with(".metadata.")
        || names
            .try_fold(schema, |schema, name| schema["properties"].get(name))
            .is_some()
}

fn crd(plural: &str) -> Value {
    let mut crds = traceherd_crds::crd_files()
        .into_iter()
        .map(|(_, crd)| serde_json::to_value(crd).unwrap());
    crds.find(|crd| crd["spec"]["names"]["plural"] == plural)
        .unwrap()
}

#[test]
fn a_misspelt_field_is_refused_by_the_types_too() {
    let spec = serde_json::json!({"gadget": "exec", "durration": "10m"});
    assert!(serde_json::from_value::<traceherd_crds::TraceSpec>(spec).is_err());
    let spec = serde_json::json!({"gadget": "exec", "selector": {"host": true}});
    assert!(serde_json::from_value::<traceherd_crds::TraceSpec>(spec.clone()).is_err());
    assert!(serde_json::from_value::<traceherd_crds::ClusterTraceSpec>(spec).is_ok());
}
