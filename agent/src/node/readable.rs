//! Untrusted text made fit to be read.

/// Readable text of at most `most` bytes, and whether that is not all: what is not UTF-8 as
/// U+FFFD, what a terminal would act on or a reader would not see escaped, as in \n or \u{1b}.
pub fn readable(bytes: &[u8], most: usize) -> (String, bool) {
    let mut out = String::new();
    // No byte becomes less than a byte.
    let looked_at = &bytes[..bytes.len().min(most + 4)];
    for c in String::from_utf8_lossy(looked_at).chars() {
        let before = out.len();
        if is_safe(c) {
            out.push(c);
        } else {
            out.extend(c.escape_default());
        }
        if out.len() > most {
            out.truncate(before);
            return (out, true);
        }
    }
    (out, looked_at.len() < bytes.len())
}

fn is_safe(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_readable_whole_characters_and_bounded() {
        for (bytes, most, text, cut) in [
            (&b"plain"[..], 10, "plain", false),
            (b"plain", 5, "plain", false),
            (b"plain", 4, "plai", true),
            (b"", 0, "", false),
            (b"a\nb\x1b[31m", 30, "a\\nb\\u{1b}[31m", false),
            (b"a\x1b", 4, "a", true),
            (b"\xff", 3, "\u{fffd}", false),
            (b"\xff", 2, "", true),
            ("日本".as_bytes(), 5, "日", true),
            ("\u{202e}x".as_bytes(), 20, "\\u{202e}x", false),
        ] {
            let (out, was_cut) = readable(bytes, most);
            assert_eq!((out.as_str(), was_cut), (text, cut), "{bytes:?} {most}");
        }
        let long = vec![b'x'; 1 << 20];
        assert_eq!(readable(&long, 1024).0.len(), 1024);
    }
}
