//! Values as JSON, written straight into a buffer.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::escape;
use crate::time;
use crate::value::Value;

/// Appends a value. With `indent`, the spaces before what stands in a list or map, it takes one
/// line for each element.
pub fn write_value(value: &Value<'_>, indent: Option<usize>, out: &mut String) {
    match value {
        Value::List(list) => write_list(list, indent, out, &write_value),
        Value::Map(map) => write_map(map, indent, out),
        _ => write_scalar(value, out),
    }
}

/// Appends a value that is neither a list nor a map.
pub fn write_scalar(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(n) => out.push_str(itoa::Buffer::new().format(*n)),
        Value::UInt(n) => out.push_str(itoa::Buffer::new().format(*n)),
        Value::Float(n) if n.is_finite() => out.push_str(zmij::Buffer::new().format_finite(*n)),
        Value::Null | Value::Float(_) | Value::List(_) | Value::Map(_) => out.push_str("null"),
        Value::Text(text) => write_string(text, out),
        Value::Bytes(bytes) => {
            out.push('"');
            for chunk in bytes.utf8_chunks() {
                write_escaped(chunk.valid(), out);
                if !chunk.invalid().is_empty() {
                    out.push(char::REPLACEMENT_CHARACTER);
                }
            }
            out.push('"');
        }
        Value::Time(nanos) => {
            out.push('"');
            time::write_rfc3339(*nanos, out);
            out.push('"');
        }
    }
}

/// Whether the value as text is less than the value: bytes that are not UTF-8.
pub fn loses(value: &Value<'_>) -> bool {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).is_err(),
        Value::List(list) => list.iter().any(loses),
        _ => false,
    }
}

/// Appends the value's bytes in base64; of a list each element's.
pub fn write_base64(value: &Value<'_>, indent: Option<usize>, out: &mut String) {
    match value {
        Value::List(list) => write_list(list, indent, out, &write_base64),
        _ => {
            out.push('"');
            STANDARD.encode_string(value.plain(), out);
            out.push('"');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    write_escaped(text, out);
    out.push('"');
}

fn write_map(map: &[(Cow<'_, str>, Cow<'_, str>)], indent: Option<usize>, out: &mut String) {
    out.push('{');
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        new_line(indent, out);
        write_string(key, out);
        out.push_str(if indent.is_some() { ": " } else { ":" });
        write_string(value, out);
    }
    if !map.is_empty() {
        new_line(indent.map(|spaces| spaces.saturating_sub(2)), out);
    }
    out.push('}');
}

type Write = dyn Fn(&Value<'_>, Option<usize>, &mut String);

fn write_list(list: &[Value<'_>], indent: Option<usize>, out: &mut String, write: &Write) {
    let inner = indent.map(|spaces| spaces + 2);
    out.push('[');
    for (i, element) in list.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        new_line(indent, out);
        write(element, inner, out);
    }
    if !list.is_empty() {
        new_line(indent.map(|spaces| spaces.saturating_sub(2)), out);
    }
    out.push(']');
}

/// Begins a line with that many spaces; nothing where all is one line.
pub fn new_line(indent: Option<usize>, out: &mut String) {
    if let Some(spaces) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', spaces));
    }
}

/// Appends what stands between the quotes. More is escaped than JSON asks for, since records are
/// read on terminals too: DEL, C1, bidirectional controls and line separators.
fn write_escaped(text: &str, out: &mut String) {
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
    {
        out.push_str(text);
        return;
    }
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        if c != '"' && c != '\\' && !escape::is_unsafe(c) {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + c.len_utf8();
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Below U+10000: one escape, no surrogates.
            c => {
                out.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = u32::from(c) >> shift & 0xf;
                    out.push(char::from_digit(digit, 16).unwrap_or('0'));
                }
            }
        }
    }
    out.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(value: &Value<'_>) -> String {
        let mut out = String::new();
        write_value(value, None, &mut out);
        out
    }

    #[test]
    fn values_have_their_json() {
        let cases = [
            (Value::Null, "null"),
            (Value::Bool(false), "false"),
            (Value::Int(i64::MIN), "-9223372036854775808"),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Float(0.1), "0.1"),
            (Value::Float(f64::INFINITY), "null"),
            (Value::Time(1), "\"1970-01-01T00:00:00.000000001Z\""),
            (
                Value::Text("a\"b\\c\nd\u{1b}e".into()),
                r#""a\"b\\c\nd\u001be""#,
            ),
            (
                Value::Text("\u{7f}\u{9b}\u{202e}é".into()),
                r#""\u007f\u009b\u202eé""#,
            ),
            (Value::Bytes(b"a\xffb".as_slice().into()), "\"a\u{fffd}b\""),
            (Value::List(vec![]), "[]"),
            (Value::List(vec![Value::Int(1), Value::Null]), "[1,null]"),
            (Value::Map(vec![]), "{}"),
            (
                Value::Map(vec![
                    ("app".into(), "web".into()),
                    ("a\"b".into(), "\u{1b}".into()),
                ]),
                r#"{"app":"web","a\"b":"\u001b"}"#,
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(json(&value), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_nothing_unsafe_is_raw(text in any::<String>()) {
            let out = json(&Value::Text(text.as_str().into()));
            prop_assert!(!out.contains(escape::is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }

        #[test]
        fn any_float_comes_back(n in any::<f64>()) {
            prop_assume!(n.is_finite());
            prop_assert_eq!(json(&Value::Float(n)).parse::<f64>().unwrap(), n);
        }
    }
}
