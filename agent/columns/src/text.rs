//! A value as a table shows it.

use std::fmt::Write as _;

use crate::escape;
use crate::time;
use crate::value::{Value, pair_text};

/// Appends the value, safe for a terminal; `precision` is the number of a float's decimals.
pub fn write_text(value: &Value<'_>, precision: Option<u8>, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(n) => out.push_str(itoa::Buffer::new().format(*n)),
        Value::UInt(n) => out.push_str(itoa::Buffer::new().format(*n)),
        Value::Float(n) => {
            // Writing to a String cannot fail.
            let _ = match precision {
                Some(decimals) => write!(out, "{n:.*}", usize::from(decimals)),
                None => write!(out, "{n}"),
            };
        }
        Value::Text(text) => escape::write_str(text, false, out),
        Value::Bytes(bytes) => escape::write_bytes(bytes, false, out),
        Value::Time(nanos) => time::write_clock(*nanos, out),
        Value::List(list) => {
            for (i, element) in list.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                write_element(element, precision, out);
            }
        }
        Value::Map(map) => {
            for (i, pair) in map.iter().enumerate() {
                if i > 0 {
                    out.push(' ');
                }
                write_element(&Value::Text(pair_text(pair).into()), precision, out);
            }
        }
    }
}

/// An element of a list: in quotes where its ends could not be seen otherwise.
fn write_element(element: &Value<'_>, precision: Option<u8>, out: &mut String) {
    let quoted = match element {
        Value::Text(text) => needs_quotes(text.as_bytes()),
        Value::Bytes(bytes) => needs_quotes(bytes),
        Value::List(_) | Value::Map(_) => {
            out.push('[');
            write_text(element, precision, out);
            out.push(']');
            return;
        }
        _ => return write_text(element, precision, out),
    };
    if !quoted {
        return write_text(element, precision, out);
    }
    out.push('"');
    match element {
        Value::Text(text) => escape::write_str(text, true, out),
        Value::Bytes(bytes) => escape::write_bytes(bytes, true, out),
        _ => {}
    }
    out.push('"');
}

fn needs_quotes(bytes: &[u8]) -> bool {
    bytes.is_empty()
        || bytes.utf8_chunks().any(|chunk| {
            chunk
                .valid()
                .contains(|c: char| c == '"' || (c.is_whitespace() && !escape::is_unsafe(c)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value<'_>, precision: Option<u8>) -> String {
        let mut out = String::new();
        write_text(value, precision, &mut out);
        out
    }

    #[test]
    fn values_are_shown_plainly() {
        let cases = [
            (Value::Null, None, ""),
            (Value::Bool(true), None, "true"),
            (Value::Int(-5), None, "-5"),
            (Value::UInt(u64::MAX), None, "18446744073709551615"),
            (Value::Float(1.0 / 3.0), Some(2), "0.33"),
            (Value::Float(0.25), None, "0.25"),
            (Value::Float(f64::NAN), Some(2), "NaN"),
            (Value::Time(61_001_000_000), None, "00:01:01.001"),
            (Value::Text("a\nb".into()), None, "a\\nb"),
        ];
        for (value, precision, expected) in cases {
            assert_eq!(text(&value, precision), expected);
        }
    }

    #[test]
    fn a_lists_elements_can_be_told_apart() {
        let cases: [(&[&[u8]], &str); 8] = [
            (&[b"ls", b"-l"], "ls -l"),
            (&[b"sh", b"-c", b"echo hi"], "sh -c \"echo hi\""),
            (&[b"", b""], "\"\" \"\""),
            (&[b"say \"hi\""], "\"say \\\"hi\\\"\""),
            (&[b"a\nb"], "a\\nb"),
            (&[b"a\\nb"], "a\\\\nb"),
            (&["a\u{a0}b".as_bytes()], "\"a\u{a0}b\""),
            (&[b"\xff"], "\\xff"),
        ];
        for (list, expected) in cases {
            let list = list.iter().map(|e| Value::Bytes((*e).into())).collect();
            assert_eq!(text(&Value::List(list), None), expected);
        }
        let map = Value::Map(vec![
            ("app".into(), "web".into()),
            ("note".into(), "a b".into()),
        ]);
        assert_eq!(text(&map, None), "app=web \"note=a b\"");
        let nested = Value::List(vec![Value::List(vec![Value::Int(1), Value::Int(2)])]);
        assert_eq!(text(&nested, None), "[1 2]");
    }
}
