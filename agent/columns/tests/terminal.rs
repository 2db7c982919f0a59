//! What holds of a table whatever the events hold.

use proptest::prelude::*;
use traceherd_columns::{Columns, Encoder, Encoding, Table};
use unicode_width::UnicodeWidthStr;

#[derive(Columns, Debug)]
struct Event {
    #[column(width = 7, fixed, align = right)]
    pid: u32,
    #[column(width = 16, min_width = 4, max_width = 20)]
    comm: Vec<u8>,
    #[column(width = 20, ellipsis = start)]
    path: String,
    #[column(width = 12, ellipsis = middle, align = right)]
    image: Option<String>,
    #[column(width = 9, ellipsis = none)]
    ratio: f64,
    #[column(width = 30)]
    args: Vec<Vec<u8>>,
}

fn is_raw(c: char) -> bool {
    c.is_control()
        || "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}".contains(c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Text that terminals find hard: controls, combining marks, wide letters, joined emoji, flags.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9#* \"\\\\\\x00-\\x1f\\x7f-\\u{9f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{2028}\u{200d}\u{fe0f}\u{fe0e}\u{20e3}\u{301}日本👩👍🏽🇩🇪✌❤लाक्षلا]{0,60}",
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        text().prop_map(String::into_bytes),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let image = prop::option::of(text());
    let args = prop::collection::vec(bytes(), 0..6);
    (any::<u32>(), bytes(), text(), image, any::<f64>(), args).prop_map(
        |(pid, comm, path, image, ratio, args)| Event {
            pid,
            comm,
            path,
            image,
            ratio,
            args,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_fitted_row_is_never_wider_than_the_terminal(event in event(), width in 0usize..200) {
        let mut table = Table::new(&Event::columns());
        table.fit(Some(width));
        for header in [true, false] {
            let mut out = String::new();
            if header {
                table.write_header(&mut out);
            } else {
                table.write_row(&event, &mut out);
            }
            let row = out.strip_suffix('\n').unwrap();
            prop_assert!(row.width() <= width, "{row:?} takes {} of {width}", row.width());
        }
    }

    #[test]
    fn no_control_character_is_ever_raw(event in event(), width in prop::option::of(0usize..200)) {
        let mut table = Table::new(&Event::columns());
        table.fit(width);
        let mut out = String::new();
        table.write_row(&event, &mut out);
        let row = out.strip_suffix('\n').unwrap();
        prop_assert!(!row.contains(is_raw), "{row:?}");
        for encoding in [Encoding::Json, Encoding::JsonPretty, Encoding::Yaml] {
            out.clear();
            Encoder::new(&Event::columns(), encoding).write(&event, &mut out);
            prop_assert!(!out.contains(|c| c != '\n' && is_raw(c)), "{out:?}");
            prop_assert!(encoding != Encoding::Json || out.find('\n') == Some(out.len() - 1));
        }
    }

    #[test]
    fn json_is_valid_and_bytes_come_back_exactly(event in event()) {
        use base64::Engine;
        let mut out = String::new();
        Encoder::new(&Event::columns(), Encoding::Json).write(&event, &mut out);
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let exact = |text: &serde_json::Value, base64: &serde_json::Value| match base64.as_str() {
            Some(encoded) => base64::engine::general_purpose::STANDARD.decode(encoded).unwrap(),
            None => text.as_str().unwrap().as_bytes().to_vec(),
        };
        prop_assert_eq!(exact(&json["comm"], &json["comm_base64"]), event.comm);
        for (i, arg) in event.args.iter().enumerate() {
            prop_assert_eq!(&exact(&json["args"][i], &json["args_base64"][i]), arg);
        }
        prop_assert_eq!(json["path"].as_str().unwrap(), event.path);
    }

    #[test]
    fn yaml_says_what_json_says(event in event()) {
        let [json, yaml] = [Encoding::Json, Encoding::Yaml].map(|encoding| {
            let mut out = String::new();
            Encoder::new(&Event::columns(), encoding).write(&event, &mut out);
            out
        });
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let yaml: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
        for key in ["pid", "comm", "path", "image", "args", "comm_base64", "args_base64"] {
            prop_assert_eq!(&json[key], &yaml[key]);
        }
    }
}
