//! The YAML that is checked in is what the types say, and everything in it has a bound.

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

#[test]
fn a_misspelt_field_is_refused_by_the_types_too() {
    let spec = serde_json::json!({"gadget": "exec", "durration": "10m"});
    assert!(serde_json::from_value::<traceherd_crds::TraceSpec>(spec).is_err());
    let spec = serde_json::json!({"gadget": "exec", "selector": {"host": true}});
    assert!(serde_json::from_value::<traceherd_crds::TraceSpec>(spec.clone()).is_err());
    assert!(serde_json::from_value::<traceherd_crds::ClusterTraceSpec>(spec).is_ok());
}
