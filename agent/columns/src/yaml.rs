//! Values as YAML.
//!
//! A text is written plain only where every reader takes it for a text, and as a JSON string, which
//! is a YAML string too, everywhere else.

use crate::json;
use crate::value::Value;

/// Appends what follows a key and its colon, with the newline at its end.
pub fn write_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::List(list) if !list.is_empty() => {
            out.push('\n');
            for element in list {
                out.push_str("- ");
                write_element(element, out);
                out.push('\n');
            }
        }
        Value::Map(map) if !map.is_empty() => {
            out.push('\n');
            for (key, value) in map {
                out.push_str("  ");
                write_text(key, out);
                out.push_str(": ");
                write_text(value, out);
                out.push('\n');
            }
        }
        _ => {
            out.push(' ');
            write_element(value, out);
            out.push('\n');
        }
    }
}

/// Appends a key or a scalar; a list or a map within a list stands in brackets.
pub fn write_element(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Text(text) => write_text(text, out),
        Value::Bytes(bytes) if is_plain(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        _ => json::write_value(value, None, out),
    }
}

fn write_text(text: &str, out: &mut String) {
    if is_plain(text.as_bytes()) {
        out.push_str(text);
    } else {
        json::write_value(&Value::Text(text.into()), None, out);
    }
}

fn is_plain(bytes: &[u8]) -> bool {
    const TAKEN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'/' | b'_');
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'.');
    bytes.first().is_some_and(starts)
        && bytes.iter().all(inside)
        && !TAKEN
            .iter()
            .any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_only_where_nobody_takes_it_for_something_else() {
        let cases = [
            ("nginx", "nginx"),
            ("/usr/bin/env", "/usr/bin/env"),
            ("node-1.example", "node-1.example"),
            ("No", "\"No\""),
            ("null", "\"null\""),
            ("1e3", "\"1e3\""),
            ("-l", "\"-l\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a b", "\"a b\""),
            ("a\nb", "\"a\\nb\""),
        ];
        for (text, expected) in cases {
            let mut out = String::new();
            write_element(&Value::Text(text.into()), &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn a_map_comes_back() {
        let pairs = [("app", "web"), ("a/b.c", "true"), ("no", "x: y"), ("e", "")];
        let map = pairs
            .map(|(key, value)| (key.into(), value.into()))
            .to_vec();
        let mut out = String::from("labels:");
        write_value(&Value::Map(map), &mut out);
        let back: std::collections::HashMap<String, std::collections::HashMap<String, String>> =
            serde_yaml::from_str(&out).unwrap();
        let expected = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(back["labels"], expected.into(), "{out}");

        let mut out = String::from("labels:");
        write_value(&Value::Map(Vec::new()), &mut out);
        assert_eq!(out, "labels: {}\n");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC{0,20}|[a-zA-Z0-9._/~:# -]{0,6}|[\\x00-\\x7f\u{85}\u{a0}\u{2028}\u{feff}\u{fffe}\u{ffff}\u{1fffe}\u{10ffff}]{0,9}") {
            let mut out = String::from("key:");
            write_value(&Value::List(vec![Value::Text(text.as_str().into())]), &mut out);
            let back: std::collections::HashMap<String, Vec<String>> =
                serde_yaml::from_str(&out).unwrap();
            prop_assert_eq!(&back["key"], &vec![text]);
        }
    }
}
