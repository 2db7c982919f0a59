//! Untrusted text made safe for a terminal.

use std::fmt::Write as _;

/// Whether a terminal, a reader's eye or a YAML parser could be misled by the character: the control
/// characters (C0, DEL, C1), Unicode's bidirectional controls, the line and paragraph separators,
/// the byte order mark, and what is no character. All of them lie below U+10000.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fffe}'
                | '\u{ffff}'
        )
}

/// Appends bytes so that nothing unsafe is left and everything can be told apart: `\n`, `\x1b`,
/// `\u{202e}`, `\\`; what is not UTF-8 as `\xff`. With `quoted` a `"` is escaped too.
pub fn write_bytes(bytes: &[u8], quoted: bool, out: &mut String) {
    for chunk in bytes.utf8_chunks() {
        write_str(chunk.valid(), quoted, out);
        for byte in chunk.invalid() {
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// As [`write_bytes`], for what is known to be UTF-8.
pub fn write_str(text: &str, quoted: bool, out: &mut String) {
    if text
        .bytes()
        .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
    {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' if quoted => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if !is_unsafe(c) => out.push(c),
            c if c.is_ascii() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unsafe_is_left_raw() {
        let cases: [(&[u8], &str); 14] = [
            (b"plain text", "plain text"),
            (b"a\nb\tc\rd", "a\\nb\\tc\\rd"),
            (b"\x1b[31mred", "\\x1b[31mred"),
            (b"\x00\x7f", "\\x00\\x7f"),
            (b"C:\\new", "C:\\\\new"),
            (b"say \"hi\"", "say \"hi\""),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            (b"\x9b31m", "\\x9b31m"),
            ("a\u{202e}b\u{2066}c".as_bytes(), "a\\u{202e}b\\u{2066}c"),
            ("a\u{200f}b\u{61c}".as_bytes(), "a\\u{200f}b\\u{61c}"),
            ("a\u{2028}b\u{2029}".as_bytes(), "a\\u{2028}b\\u{2029}"),
            ("a\u{feff}b\u{ffff}".as_bytes(), "a\\u{feff}b\\u{ffff}"),
            (b"\xff\xfea\xe2\x82", "\\xff\\xfea\\xe2\\x82"),
            ("näïve 日本 👍".as_bytes(), "näïve 日本 👍"),
        ];
        for (bytes, expected) in cases {
            let mut out = String::new();
            write_bytes(bytes, false, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        write_bytes(b"say \"hi\"", true, &mut out);
        assert_eq!(out, "say \\\"hi\\\"");
    }
}
