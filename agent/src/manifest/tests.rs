//! Manifests and what is said of them.

use std::path::Path;

use super::*;

/// A Trace with `lines` at the end of its spec.
fn trace(lines: &str) -> String {
    resource("Trace", lines)
}

/// A ClusterTrace with `lines` at the end of its spec.
fn cluster_trace(lines: &str) -> String {
    resource("ClusterTrace", lines)
}

fn resource(kind: &str, lines: &str) -> String {
    format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: t\nspec:\n  gadget: exec\n{lines}\n"
    )
}

/// A Trace with `line` in its metadata.
fn with_metadata(line: &str) -> String {
    trace("").replace("  name: t", &format!("  name: t\n  {line}"))
}

fn error_of(bytes: &[u8]) -> String {
    Manifest::parse("t.yaml", bytes).unwrap_err().to_string()
}

#[test]
fn a_bad_manifest_gets_one_error_with_its_place_its_field_and_the_remedy() {
    let table = [
        ("empty", "".to_owned(), "1:1: nothing here: a Trace or a ClusterTrace is wanted"),
        ("only comments", "# nothing\n---\n".to_owned(), "1:1: nothing here: a Trace or a ClusterTrace is wanted"),
        ("a string", "hello\n".to_owned(), "1:1: must be a map that begins with apiVersion: and kind:"),
        ("a list", "- a\n".to_owned(), "1:1: must be a map that begins with apiVersion: and kind:"),
        ("no apiVersion", "kind: Trace\n".to_owned(), "1:1: apiVersion: is missing: write apiVersion: traceherd.dev/v1alpha1"),
        ("wrong apiVersion", "apiVersion: traceherd.dev/v1\nkind: Trace\n".to_owned(), r#"1:13: apiVersion: must be traceherd.dev/v1alpha1, not "traceherd.dev/v1""#),
        ("no kind", "apiVersion: traceherd.dev/v1alpha1\n".to_owned(), "1:1: kind: is missing: write kind: Trace or kind: ClusterTrace"),
        ("wrong kind", "apiVersion: traceherd.dev/v1alpha1\nkind: Pod\n".to_owned(), r#"2:7: kind: must be Trace or ClusterTrace, not "Pod""#),
        ("two documents", trace("---\napiVersion: traceherd.dev/v1alpha1\nkind: ClusterTrace\nmetadata:\n  name: t\nspec:\n  gadget: exec"), "8:1: a second document: give one resource at a time"),
        ("no metadata", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nspec:\n  gadget: exec\n".to_owned(), "1:1: metadata.name: is missing: give the trace a name"),
        ("no name", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  namespace: shop\nspec:\n  gadget: exec\n".to_owned(), "4:3: metadata.name: is missing: give the trace a name"),
        ("generateName", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  generateName: t-\nspec:\n  gadget: exec\n".to_owned(), "4:17: metadata.generateName: names are generated only in a cluster: give a name"),
        ("name no DNS label", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: My.Trace\nspec:\n  gadget: exec\n".to_owned(), "4:9: metadata.name must be a DNS label: at most 63 of a-z, 0-9 and -, with neither end a -"),
        ("namespace no DNS label", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\n  namespace: My_Shop\nspec:\n  gadget: exec\n".to_owned(), r#"5:14: metadata.namespace: "My_Shop" is not a DNS label: a-z, 0-9 and -, with neither end a -, as in shop"#),
        ("unknown metadata", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\n  nmaespace: shop\nspec:\n  gadget: exec\n".to_owned(), "5:3: metadata.nmaespace: no such field: did you mean namespace?"),
        ("metadata label value", with_metadata(r#"labels: {a: "c d!"}"#), r#"5:15: metadata.labels.a: "c d!" is not a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"#),
        ("long metadata label value", with_metadata(&format!("labels: {{a: {}}}", "x".repeat(64))), "5:15: metadata.labels.a: is 64 characters long: at most 63 are allowed"),
        ("metadata label key", with_metadata(r#"labels: {a: b, "a b": c}"#), r#"5:25: metadata.labels: "a b" is not a label's key: write [prefix/]name, as in app or app.kubernetes.io/name"#),
        ("capitals in a label's prefix", with_metadata("labels:\n    Shop.example/a: b"), r#"6:21: metadata.labels: "Shop.example/a" is not a label's key: write [prefix/]name, as in app or app.kubernetes.io/name"#),
        ("long metadata label key", with_metadata("labels: {x/kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: b}"), r#"5:80: metadata.labels: "x/kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" is not a label's key: its name has 64 characters, at most 63 are allowed"#),
        ("metadata annotation key", with_metadata("annotations: {a/b/c: any text}"), r#"5:24: metadata.annotations: "a/b/c" is not an annotation's key: write [prefix/]name, as in app or app.kubernetes.io/name"#),
        ("annotations too large", with_metadata(&format!("annotations: {{a: {}}}", "x".repeat(256 << 10))), "5:16: metadata.annotations: 262145 bytes in all: at most 262144 are allowed"),
        ("escape sequence in a label's key", with_metadata(r#"labels: {"\e[31m": "?"}"#), r#"5:22: metadata.labels.\u{1b}[31m: "?" is not a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"#),
        ("no spec", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\n".to_owned(), "1:1: spec: is missing"),
        ("empty spec", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\nspec:\n".to_owned(), "5:5: spec: has no value: must be a map, or remove the field"),
        ("no gadget", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\nspec: {}\n".to_owned(), "5:7: spec.gadget: is missing: write gadget: exec"),
        ("unknown gadget", "apiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\nspec:\n  gadget: open\n".to_owned(), r#"6:11: spec.gadget: "open" is not allowed: one of exec"#),
        ("misspelt field", trace("  durration: 10m"), "7:3: spec.durration: no such field: did you mean duration?"),
        ("wrong case field", trace("  selector:\n    podname: a"), "8:5: spec.selector.podname: no such field: did you mean podName?"),
        ("unknown field", trace("  frequency: 1"), "7:3: spec.frequency: no such field: the fields here are duration, exec, filter, gadget, maxEventsPerNode, nodeName, nodeSelector, outputs, rateLimit, reportRetention, run, selector, statusEvents, suspend"),
        ("cluster field in a Trace", trace("  selector:\n    host: true"), "8:5: spec.selector.host: no such field: only a ClusterTrace has it"),
        ("namespaces in a Trace", trace("  selector:\n    namespaces: [a]"), "8:5: spec.selector.namespaces: no such field: only a ClusterTrace has it"),
        ("unknown root field", trace("extra: {}"), "7:1: extra: no such field: the fields here are apiVersion, kind, metadata, spec, status"),
        ("duplicate key", trace("  suspend: true\n  suspend: false"), "8:3: spec.suspend: suspend is here twice, first in line 7: remove one"),
        ("duplicate label", trace("  nodeSelector:\n    pool: a\n    pool: b"), "9:5: spec.nodeSelector.pool: pool is here twice, first in line 8: remove one"),
        ("string for bool", trace(r#"  suspend: "yes""#), r#"7:12: spec.suspend: must be a boolean, not the string "yes": write true or false"#),
        ("number for string", trace("  run: 1"), "7:8: spec.run: must be a string, not the number 1: write it in quotes"),
        ("yes for string", trace("  selector:\n    podName: yes"), "8:14: spec.selector.podName: must be a string, not the boolean true, which is what yes means without quotes: write it in quotes"),
        ("bool label", trace("  nodeSelector:\n    edge: on"), "8:11: spec.nodeSelector.edge: must be a string, not the boolean true, which is what on means without quotes: write it in quotes"),
        ("string for int", trace(r#"  statusEvents: "10""#), r#"7:17: spec.statusEvents: must be a whole number, not the string "10": write digits without quotes"#),
        ("fraction for int", trace("  statusEvents: 1.5"), "7:17: spec.statusEvents: must be a whole number, not 1.5"),
        ("huge int", cluster_trace("  maxEventsPerNode: 99999999999999999999"), "7:21: spec.maxEventsPerNode: must be a whole number, not 99999999999999999999"),
        ("null for string", trace("  selector:\n    podName:"), "8:12: spec.selector.podName: has no value: must be a string, or remove the field"),
        ("map for list", trace("  selector:\n    containerNames: {a: b}"), "8:21: spec.selector.containerNames: must be a list, not a map: write its items below it, each after a dash"),
        ("string for list", trace("  selector:\n    containerNames: web"), r#"8:21: spec.selector.containerNames: must be a list, not the string "web": write its items below it, each after a dash"#),
        ("list for map", trace("  selector: [a]"), "7:13: spec.selector: must be a map, not a list: write key: value lines below it"),
        ("out of bounds high", trace("  statusEvents: 51"), "7:17: spec.statusEvents: 51 is out of bounds: from 0 to 50"),
        ("out of bounds low", trace("  statusEvents: -1"), "7:17: spec.statusEvents: -1 is out of bounds: from 0 to 50"),
        ("zero args", trace("  exec: {maxArgsBytes: 0}"), "7:24: spec.exec.maxArgsBytes: 0 is out of bounds: from 1 to 32768"),
        ("args enum", trace("  exec: {args: full}"), r#"7:16: spec.exec.args: "full" is not allowed: one of Full, Count, None"#),
        ("empty list", trace("  selector:\n    containerNames: []"), "8:21: spec.selector.containerNames: has 0 items: give at least 1, or remove the field"),
        ("too many items", trace(&format!("  filter: [{}]", vec!["x"; 33].join(", "))), "7:11: spec.filter: has 33 items: at most 32 are allowed"),
        ("item twice", trace("  selector:\n    containerNames: [web, db, web]"), r#"8:31: spec.selector.containerNames[2]: "web" is in the list twice: remove one"#),
        ("outputs twice", trace("  outputs: [Log, Log]"), r#"7:18: spec.outputs[1]: "Log" is in the list twice: remove one"#),
        ("output enum", trace("  outputs: [File]"), r#"7:13: spec.outputs[0]: "File" is not allowed: one of Log, Status"#),
        ("empty filter", trace(r#"  filter: [""]"#), "7:12: spec.filter[0]: is empty: give a value, or remove the field"),
        ("long run", trace(&format!("  run: {}", "a".repeat(64))), "7:8: spec.run: is 64 characters long: at most 63 are allowed"),
        ("bad image", cluster_trace("  selector:\n    images: [\"a b\"]"), r#"8:14: spec.selector.images[0]: "a b" is not an image: repository, repository:tag or digest, as in nginx:1.25"#),
        ("bad pod name", trace("  selector:\n    podName: Cart_0"), r#"8:14: spec.selector.podName: "Cart_0" is not a DNS name: a-z, 0-9, - and ., as in cart-0"#),
        ("duration without unit", trace(r#"  duration: "10""#), r#"7:13: spec.duration: "10" is not a duration: numbers with units h, m, s or ms, as in 90s, 10m or 1h30m"#),
        ("duration number", trace("  duration: 10"), "7:13: spec.duration: must be a string, not the number 10: write it in quotes"),
        ("duration zero", trace("  duration: 0s"), "7:13: spec.duration: must be from 1s to 720h, as in 90s, 10m or 1h30m"),
        ("duration too long", trace("  duration: 721h"), "7:13: spec.duration: must be from 1s to 720h, as in 90s, 10m or 1h30m"),
        ("duration nonsense", trace("  duration: soon"), r#"7:13: spec.duration: "soon" is not a duration: numbers with units h, m, s or ms, as in 90s, 10m or 1h30m"#),
        ("negative duration", trace("  duration: -5s"), r#"7:13: spec.duration: "-5s" is not a duration: numbers with units h, m, s or ms, as in 90s, 10m or 1h30m"#),
        ("retention too long", trace("  reportRetention: 1000h"), "7:20: spec.reportRetention: must be from 0s to 720h, as in 90s, 10m or 1h30m"),
        ("node twice", trace("  nodeName: a\n  nodeSelector: {pool: edge}"), "6:3: spec: nodeName and nodeSelector exclude each other: remove one"),
        ("include and exclude", trace("  selector:\n    containerNames: [web]\n    excludeContainerNames: [web]"), "8:5: spec.selector: a name is both in containerNames and in excludeContainerNames: remove it from one of them"),
        ("bad label key", trace(r#"  nodeSelector: {"a b": c}"#), "7:17: spec.nodeSelector: a key is not a label key: write [prefix/]name, as in app or app.kubernetes.io/name"),
        ("bad label value", trace(r#"  nodeSelector: {a: "c d!"}"#), r#"7:21: spec.nodeSelector.a: "c d!" is not a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"#),
        ("operator enum", trace("  selector:\n    podSelector:\n      matchExpressions:\n        - {key: a, operator: in, values: [b]}"), r#"10:30: spec.selector.podSelector.matchExpressions[0].operator: "in" is not allowed: one of In, NotIn, Exists, DoesNotExist"#),
        ("In without values", trace("  selector:\n    podSelector:\n      matchExpressions:\n        - {key: a, operator: In}"), "10:11: spec.selector.podSelector.matchExpressions[0]: values must be given with operator In or NotIn, and left out with Exists or DoesNotExist"),
        ("Exists with values", trace("  selector:\n    podSelector:\n      matchExpressions:\n        - {key: a, operator: Exists, values: [b]}"), "10:11: spec.selector.podSelector.matchExpressions[0]: values must be given with operator In or NotIn, and left out with Exists or DoesNotExist"),
        ("rate limit without burst", trace("  rateLimit: {eventsPerSecond: 5}"), "7:14: spec.rateLimit.burst: is missing"),
        ("tag", trace("  selector:\n    excludeContainerNames:\n      - !sidecar"), r#"9:9: spec.selector.excludeContainerNames[0]: !sidecar is a YAML tag, not text: write "!sidecar" in quotes"#),
        ("core tag", trace(r#"  run: !!int "5""#), "7:8: spec.run: the YAML tag !!int: leave it out"),
        ("filter bang unquoted", trace("  filter: [!uid:0]"), r#"7:12: spec.filter[0]: !uid:0 is a YAML tag, not text: write "!uid:0" in quotes"#),
        ("tab", trace("\tsuspend: true"), "7:1: spec.gadget: a tab in the indentation: write spaces"),
        ("not yaml", trace("  selector: {podName: a"), "8:1: spec.selector: not YAML: while parsing a flow mapping, did not find expected ',' or '}': close the bracket, or put a comma"),
        ("unclosed quote", trace(r#"  run: "a"#), "7:8: spec.run: not YAML: while scanning a quoted scalar, found unexpected end of stream: a quote is not closed"),
        ("colon in value", trace("  run: a: b"), "7:9: spec: not YAML: mapping values are not allowed in this context: quote a value that holds a colon and a space"),
        ("alias bomb", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n".to_owned(), "4:29: d[7]: more than 10000 values, aliases written out: no resource of Traceherd's has so many"),
        ("alias of itself", "a: &a [*a]\n".to_owned(), "1:8: a[0]: an alias within its own anchor: write the value out"),
        ("unknown alias", trace("  run: *x"), "7:8: spec.run: not YAML: while parsing node, found unknown anchor: quote a value that begins with *"),
        ("merge key", "x: &x {a: b}\napiVersion: traceherd.dev/v1alpha1\nkind: Trace\nmetadata:\n  name: t\nspec:\n  gadget: exec\n  <<: *x\n".to_owned(), "8:3: spec: a merge key (<<): write the fields out"),
        ("key no string", trace("  nodeSelector: {on: a}"), r#"7:18: spec.nodeSelector: the key on is no string to Kubernetes: write "on""#),
        ("list as key", "? [a]\n: b\n".to_owned(), "1:3: a list or map as a key: quote it if it was meant as text"),
        ("deep", trace(&format!("  selector: {}{}", "[".repeat(40), "]".repeat(40))), "7:44: spec.selector[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested more than 32 deep"),
        ("control character", trace("  run: \"a\u{7}b\""), r#"7:10: the control character \u{7}: remove it"#),
        ("escape sequence in a value", trace(r#"  run: "\e[31m""#), r#"7:8: spec.run: "\u{1b}[31m" is not a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"#),
    ];
    for (name, text, message) in table {
        assert_eq!(
            error_of(text.as_bytes()),
            format!("t.yaml:{message}"),
            "{name}"
        );
    }
}

#[test]
fn what_is_not_utf_8_is_refused_with_its_place() {
    let mut bytes = trace("  run: \"").into_bytes();
    bytes.pop();
    bytes.push(0xff);
    assert_eq!(
        error_of(&bytes),
        "t.yaml:7:9: not UTF-8: save the file as UTF-8"
    );
    assert_eq!(
        error_of(b"\xff\xfea\0"),
        "t.yaml:1:1: not UTF-8: save the file as UTF-8"
    );
}

#[test]
fn a_huge_file_is_refused_before_it_is_read_to_its_end() {
    let error = Manifest::read(Path::new("/dev/zero"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "/dev/zero:1:1: larger than 1024 KiB: this is no manifest of one resource"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Manifest::read(Path::new("/nonexistent/trace.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /nonexistent/trace.yaml");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn every_example_is_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crds/examples");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let manifest = Manifest::read(&file).unwrap();
        assert!(!manifest.name.is_empty());
        read += 1;
    }
    assert!(read >= 9, "{read}");
}

#[test]
fn what_kubernetes_accepts_is_accepted() {
    for text in [
        trace(""),
        trace("").replace("\n", "\r\n"),
        format!("\u{feff}{}", trace("")),
        format!("---\n{}---\n# nothing more\n", trace("")),
        r#"{"apiVersion": "traceherd.dev/v1alpha1", "kind": "Trace", "metadata": {"name": "t"}, "spec": {"gadget": "exec"}}"#.to_owned(),
        trace("").replace("  name: t", "  name: t\n  creationTimestamp: null\n  labels: {a: b}"),
        with_metadata("labels: {app.kubernetes.io/Name: \"\"}"),
        with_metadata("annotations: {Shop.Example/a: \"c d!\"}"),
        trace("  suspend: yes\n  maxEventsPerNode: 1e3\n  run: !!str 5"),
        trace("  nodeSelector: &x {pool: edge}\n  selector:\n    podSelector: {matchLabels: *x}"),
        trace("  duration: 1h30m\n  reportRetention: 0s"),
        // As `kubectl get -o yaml` prints it.
        trace("status:\n  observedGeneration: 1\n  phase: NotOfThisVersion"),
        trace("  nodeName: \"\"\n  nodeSelector: {pool: edge}"),
        trace("  selector: {containerNames: [My_docker.name-1]}"),
    ] {
        if let Err(error) = Manifest::parse("t.yaml", text.as_bytes()) {
            panic!("{error}\n{text}");
        }
    }
}

#[test]
fn a_trace_is_confined_to_its_namespace() {
    let text = trace("").replace("name: t", "name: t\n  namespace: shop");
    let manifest = Manifest::parse("t.yaml", text.as_bytes()).unwrap();
    assert_eq!(manifest.spec.selector.namespaces, ["shop"]);
    assert!(!manifest.spec.selector.host);
    let manifest = Manifest::parse("t.yaml", trace("").as_bytes()).unwrap();
    assert_eq!(manifest.spec.selector.namespaces, ["default"]);
}

#[test]
fn what_no_schema_can_say_is_refused_at_its_field() {
    let manifest = Manifest::parse(
        "t.yaml",
        trace("  filter:\n    - pid:1\n    - x:2").as_bytes(),
    );
    let error = manifest.unwrap().refuse("spec.filter[1]", "no such column");
    assert_eq!(
        error.to_string(),
        "t.yaml:9:7: spec.filter[1]: no such column"
    );
}
