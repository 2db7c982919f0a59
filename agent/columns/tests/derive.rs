//! What `#[derive(Columns)]` makes of a struct.

use std::sync::Arc;

use traceherd_columns::{
    Column, ColumnSet, ColumnValue, Columns, Encoder, Encoding, Filter, NameError, Sort, Table,
    Value,
};

#[derive(Columns, Clone, Default)]
struct Pod {
    #[column(order = -1)]
    namespace: Option<String>,
    #[column(order = -1)]
    pod: Option<String>,
}

#[derive(Columns, Clone, Default)]
struct Counter {
    #[column(group = sum, order = 1)]
    bytes: Option<u64>,
}

/// A type of another crate, which knows no columns.
struct Container {
    name: String,
    image: Option<String>,
}

fn container_name(container: &Option<Arc<Container>>) -> Value<'_> {
    container.as_ref().map_or(Value::Null, |c| c.name.value())
}

fn image(event: &Event) -> Value<'_> {
    let container = event.container.as_deref();
    container.map_or(Value::Null, |container| container.image.value())
}

#[derive(Columns, Clone, Default)]
#[columns(
    virtual(name = "image", value = image, hidden, description = "The image."),
    virtual(name = "short", value = |event| Value::Bool(event.args.len() < 2), kind = bool),
)]
struct Event {
    #[column(flatten)]
    pod: Option<Arc<Pod>>,
    #[column(value = container_name, order = -1)]
    container: Option<Arc<Container>>,
    /// Process id
    /// on the host.
    ///
    /// And more about it.
    #[column(width = 7, fixed, align = right)]
    pid: u32,
    #[column(value = |nanos| Value::Time(*nanos), kind = time, hidden)]
    timestamp: u64,
    #[column(name = "command", ellipsis = middle, width = 10, max_width = 10)]
    r#type: Vec<u8>,
    args: Vec<Vec<u8>>,
    #[column(precision = 1, width = 5)]
    load: f64,
    #[column(group = sum, width = 5)]
    count: u8,
    #[column(flatten)]
    counter: Counter,
    #[column(skip)]
    _secret: Option<Container>,
}

impl Clone for Container {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            image: self.image.clone(),
        }
    }
}

fn event() -> Event {
    Event {
        pod: Some(Arc::new(Pod {
            namespace: Some("shop".into()),
            pod: Some("cart-0".into()),
        })),
        container: Some(Arc::new(Container {
            name: "web".into(),
            image: Some("nginx".into()),
        })),
        pid: 42,
        timestamp: 1,
        r#type: b"a-long-command".to_vec(),
        args: vec![b"ls".to_vec(), b"\xff".to_vec()],
        load: 0.25,
        count: 200,
        counter: Counter { bytes: Some(5) },
        _secret: None,
    }
}

fn encoded(set: &ColumnSet<Event>, event: &Event, encoding: Encoding) -> String {
    let mut out = String::new();
    Encoder::new(set, encoding).write(event, &mut out);
    out
}

#[test]
fn columns_are_named_ordered_and_described() {
    let set = Event::columns();
    let names: Vec<_> = set.iter().map(Column::name).collect();
    let expected = [
        "namespace",
        "pod",
        "container",
        "pid",
        "timestamp",
        "command",
        "args",
        "load",
        "count",
        "image",
        "short",
        "bytes",
    ];
    assert_eq!(names, expected);
    let about = |name| set.get(name).map(Column::about);
    assert_eq!(about("pid"), Some("Process id on the host."));
    assert_eq!(about("image"), Some("The image."));
    let hidden: Vec<_> = set
        .iter()
        .filter(|c| c.is_hidden())
        .map(Column::name)
        .collect();
    assert_eq!(hidden, ["timestamp", "image"]);
}

#[test]
fn json_has_every_column_and_bytes_exactly() {
    assert_eq!(
        encoded(&Event::columns(), &event(), Encoding::Json),
        concat!(
            r#"{"namespace":"shop","pod":"cart-0","container":"web","pid":42,"#,
            r#""timestamp":"1970-01-01T00:00:00.000000001Z","command":"a-long-command","#,
            r#""args":["ls",""#,
            "\u{fffd}",
            r#""],"args_base64":["bHM=","/w=="],"load":0.25,"#,
            r#""count":200,"image":"nginx","short":false,"bytes":5}"#,
            "\n",
        )
    );
}

#[test]
fn what_is_not_there_is_left_out() {
    assert_eq!(
        encoded(&Event::columns(), &Event::default(), Encoding::Json),
        concat!(
            r#"{"pid":0,"timestamp":"1970-01-01T00:00:00.000000000Z","command":"","args":[],"#,
            r#""load":0.0,"count":0,"short":true}"#,
            "\n",
        )
    );
    let set = Event::columns().select("image").unwrap();
    assert_eq!(encoded(&set, &Event::default(), Encoding::Json), "{}\n");
    assert_eq!(
        encoded(&set, &Event::default(), Encoding::JsonPretty),
        "{}\n"
    );
    assert_eq!(encoded(&set, &Event::default(), Encoding::Yaml), "--- {}\n");
}

#[test]
fn pretty_json_and_yaml_are_laid_out_and_say_the_same() {
    let set = Event::columns().select("pid,args,load").unwrap();
    let pretty = encoded(&set, &event(), Encoding::JsonPretty);
    assert_eq!(
        pretty,
        "{\n  \"pid\": 42,\n  \"args\": [\n    \"ls\",\n    \"\u{fffd}\"\n  ],\n  \
         \"args_base64\": [\n    \"bHM=\",\n    \"/w==\"\n  ],\n  \"load\": 0.25\n}\n"
    );
    let yaml = encoded(&set, &event(), Encoding::Yaml);
    assert_eq!(
        yaml,
        "---\npid: 42\nargs:\n- ls\n- \"\u{fffd}\"\nargs_base64: [\"bHM=\",\"/w==\"]\nload: 0.25\n"
    );
    let all = Event::columns();
    let [one, two, three] = [Encoding::Json, Encoding::JsonPretty, Encoding::Yaml]
        .map(|encoding| encoded(&all, &event(), encoding))
        .map(|text| serde_yaml::from_str::<serde_json::Value>(&text).unwrap());
    assert_eq!(one, two);
    assert_eq!(one, three);
}

#[test]
fn a_table_shows_what_is_not_hidden() {
    let set = Event::columns()
        .select("container,pid,command,args,load")
        .unwrap();
    let mut table = Table::new(&set);
    let mut out = String::new();
    table.write_header(&mut out);
    table.write_row(&event(), &mut out);
    table.write_row(&Event::default(), &mut out);
    assert_eq!(
        out,
        "CONTAINER            PID COMMAND    ARGS             LOAD\n\
         web                   42 a-long-command ls \\xff          0.2\n\
         \x20                      0                             0.0\n"
    );
    assert!(table.fit(Some(40)));
    assert!(!table.fit(Some(40)));
    out.clear();
    table.write_row(&event(), &mut out);
    assert_eq!(out, "web              42 a-lo…and ls \\x… 0.2\n");
}

#[test]
fn filters_hold_all_of_their_conditions() {
    let set = Event::columns();
    let cases: [(&[&str], bool); 8] = [
        (&[], true),
        (&["pid:42", "container:web"], true),
        (&["pid:42", "container:!web"], false),
        (&["namespace:shop", "image:~^ngi"], true),
        (&["short:false"], true),
        (&["timestamp:>=1970-01-01T00:00:00Z"], true),
        (&["args:ls"], true),
        (&["container:"], false),
    ];
    for (conditions, expected) in cases {
        let filter = Filter::parse(&set, conditions).unwrap();
        assert_eq!(filter.matches(&event()), expected, "{conditions:?}");
    }
    assert!(Filter::default().matches(&event()));
    assert!(
        Filter::parse(&set, ["container:"])
            .unwrap()
            .matches(&Event::default())
    );
}

#[test]
fn a_wrong_filter_says_which_and_why() {
    let set = Event::columns().select("pid,short,args").unwrap();
    let cases = [
        ("pid", "filter 2 (\"pid\"): expected COLUMN:VALUE"),
        (
            "pod:a",
            "filter 2 (\"pod:a\"): unknown column \"pod\"; the columns are pid, short, args",
        ),
        (
            "pid:>x",
            "filter 2 (\"pid:>x\"): \"x\" is not a whole number",
        ),
        (
            "short:1",
            "filter 2 (\"short:1\"): \"1\" is not true or false",
        ),
        (
            "args:~a(",
            "filter 2 (\"args:~a(\"): regular expression, at character 2: unclosed group",
        ),
    ];
    for (condition, expected) in cases {
        let error = Filter::parse(&set, ["pid:1", condition]).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.position, 2);
    }
}

#[test]
fn a_filter_goes_to_other_threads() {
    fn goes<T: Clone + Send + Sync + std::fmt::Debug + 'static>(_: T) {}
    goes(Filter::parse(&Event::columns(), ["pid:1"]).unwrap());
    goes(Event::columns());
}

#[test]
fn every_record_begins_with_the_constants() {
    let set = Event::columns().select("pid,image").unwrap();
    let written = |encoding| {
        let encoder = Encoder::new(&set, encoding)
            .constant("trace", &Value::Text("shop/shells".into()))
            .constant("none", &Value::Null)
            // In the place of the column.
            .constant("pid", &Value::UInt(7))
            .constant("raw", &Value::Bytes(b"\xff".as_slice().into()));
        let mut out = String::new();
        encoder.write(&event(), &mut out);
        encoder.write(&Event::default(), &mut out);
        out
    };
    let start = "{\"trace\":\"shop/shells\",\"pid\":7,\"raw\":\"\u{fffd}\",\"raw_base64\":\"/w==\"";
    let expected = format!("{start},\"image\":\"nginx\"}}\n{start}}}\n");
    assert_eq!(written(Encoding::Json), expected);
    let lines = [
        "{",
        "\"trace\": \"shop/shells\",",
        "\"pid\": 7,",
        "\"raw\": \"\u{fffd}\",",
        "\"raw_base64\": \"/w==\"",
    ];
    let start = lines.join("\n  ");
    let expected = format!("{start},\n  \"image\": \"nginx\"\n}}\n{start}\n}}\n");
    assert_eq!(written(Encoding::JsonPretty), expected);
    let start = "---\ntrace: shop/shells\npid: 7\nraw: \"\u{fffd}\"\nraw_base64: \"/w==\"\n";
    let expected = format!("{start}image: nginx\n{start}");
    assert_eq!(written(Encoding::Yaml), expected);
}

#[test]
fn sorting_is_stable_and_by_several_columns() {
    let set = Event::columns();
    let made = |pid, load: f64, count| Event {
        pid,
        load,
        count,
        ..Event::default()
    };
    let mut events = vec![
        Arc::new(made(10, 1.0, 1)),
        Arc::new(made(9, 2.0, 2)),
        Arc::new(made(10, 3.0, 3)),
        Arc::new(made(9, 2.0, 4)),
    ];
    let cases = [
        ("pid,-load", [2, 4, 3, 1]),
        ("-pid", [1, 3, 2, 4]),
        ("load", [1, 2, 4, 3]),
    ];
    for (keys, expected) in cases {
        events.sort_by_key(|event| event.count);
        Sort::parse(&set, keys).unwrap().apply(&mut events);
        let order: Vec<u8> = events.iter().map(|event| event.count).collect();
        assert_eq!(order, expected, "{keys}");
    }
    let unknown = Sort::parse(&set, "pid,-x").unwrap_err();
    assert!(matches!(unknown, NameError::Unknown { name, .. } if name == "x"));
}

#[test]
fn groups_add_up_what_is_declared_so() {
    let made = |pid, count, bytes| Event {
        pid,
        count,
        counter: Counter { bytes },
        ..Event::default()
    };
    let events = [
        made(2, 200, Some(1)),
        made(1, 1, None),
        made(2, 100, None),
        made(1, 2, Some(7)),
    ];
    let groups = Event::columns().group("pid", &events).unwrap();
    let groups: Vec<_> = groups
        .iter()
        .map(|e| (e.pid, e.count, e.counter.bytes))
        .collect();
    assert_eq!(groups, [(2, 255, Some(1)), (1, 3, Some(7))]);
    assert!(Event::columns().group("-pid", &events).is_err());
}

#[test]
#[ignore = "a measurement: cargo test --release -- --ignored --nocapture"]
fn cost_of_json() {
    let mut set = Event::columns();
    for name in [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
    ] {
        set = set.with(Column::new(name, |event: &Event| event.pid.value()));
    }
    assert_eq!(set.iter().count(), 25);
    let encoder = Encoder::new(&set, Encoding::Json);
    let event = Event {
        args: ["sh", "-c", "echo hello world"]
            .map(|arg| arg.into())
            .to_vec(),
        ..event()
    };
    let mut out = String::new();
    let rounds = 200_000;
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        out.clear();
        encoder.write(&event, &mut out);
    }
    let each = start.elapsed() / rounds;
    println!(
        "{} columns, {} bytes: {each:?}",
        set.iter().count(),
        out.len()
    );
}
