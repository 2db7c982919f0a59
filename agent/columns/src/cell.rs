//! A text in the cell of a table: cut to its width, and padded.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::column::{Align, Ellipsis};

const MARK: &str = "…";

/// Appends `text` in exactly `width` terminal cells, or in fewer where it is the row's last.
pub fn write_cell(
    text: &str,
    width: usize,
    align: Align,
    ellipsis: Ellipsis,
    last: bool,
    out: &mut String,
) {
    let (head, mark, tail) = clip(text, width, ellipsis);
    let used = cells(head) + cells(mark) + cells(tail);
    let padding = width.saturating_sub(used);
    if align == Align::Right {
        pad(padding, out);
    }
    out.push_str(head);
    out.push_str(mark);
    out.push_str(tail);
    if align == Align::Left && !last {
        pad(padding, out);
    }
}

/// How many terminal cells a text takes, one user-perceived character after the other.
pub fn cells(text: &str) -> usize {
    if is_plain(text) {
        return text.len();
    }
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

fn pad(cells: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', cells));
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// What of `text` fits into `width` cells: a beginning, a mark, an end.
fn clip(text: &str, width: usize, ellipsis: Ellipsis) -> (&str, &'static str, &str) {
    let fits = front(text, width);
    if fits == text.len() {
        return (text, "", "");
    }
    if width == 0 || ellipsis == Ellipsis::None {
        return (&text[..fits], "", "");
    }
    let room = width - cells(MARK);
    let (head, tail) = match ellipsis {
        Ellipsis::Start => (0, room),
        Ellipsis::Middle => (room - room / 2, room / 2),
        Ellipsis::End | Ellipsis::None => (room, 0),
    };
    (&text[..front(text, head)], MARK, &text[back(text, tail)..])
}

/// The end of the longest beginning that takes at most `width` cells.
fn front(text: &str, width: usize) -> usize {
    if is_plain(text) {
        return text.len().min(width);
    }
    fitting(text.graphemes(true), width)
}

/// The start of the longest end that takes at most `width` cells.
fn back(text: &str, width: usize) -> usize {
    if is_plain(text) {
        return text.len().saturating_sub(width);
    }
    text.len() - fitting(text.graphemes(true).rev(), width)
}

/// How many bytes of the clusters fit into `width` cells.
fn fitting<'a>(clusters: impl Iterator<Item = &'a str>, width: usize) -> usize {
    let (mut bytes, mut used) = (0, 0);
    for cluster in clusters {
        used += cluster.width();
        if used > width {
            break;
        }
        bytes += cluster.len();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell(text: &str, width: usize, align: Align, ellipsis: Ellipsis) -> String {
        let mut out = String::new();
        write_cell(text, width, align, ellipsis, false, &mut out);
        out
    }

    #[test]
    fn a_text_is_cut_where_the_column_says() {
        use Ellipsis::*;
        let cases = [
            ("abc", 5, End, "abc  "),
            ("abcde", 5, End, "abcde"),
            ("abcdef", 5, End, "abcd…"),
            ("abcdef", 5, Start, "…cdef"),
            ("abcdef", 5, Middle, "ab…ef"),
            ("abcdefg", 6, Middle, "abc…fg"),
            ("abcdef", 5, None, "abcde"),
            ("abcdef", 1, End, "…"),
            ("abcdef", 1, Middle, "…"),
            ("abcdef", 0, End, ""),
            ("日本語", 6, End, "日本語"),
            ("日本語", 5, End, "日本…"),
            ("日本語", 4, End, "日… "),
            ("日本語", 4, Start, "…語 "),
            ("日本語", 3, None, "日 "),
            ("e\u{301}e\u{301}e\u{301}", 2, End, "e\u{301}…"),
            ("👩‍👩‍👧ab", 3, End, "👩‍👩‍👧…"),
            ("👍🏽👍🏽", 3, End, "👍🏽…"),
        ];
        for (text, width, ellipsis, expected) in cases {
            assert_eq!(
                cell(text, width, Align::Left, ellipsis),
                expected,
                "{text:?} in {width}"
            );
        }
        assert_eq!(cell("ab", 4, Align::Right, End), "  ab");
    }

    proptest! {
        #[test]
        fn a_cell_is_never_wider_than_it_may_be(
            text in "[\\PC\u{200d}\u{fe0f}\u{301}0-9#👍🇩]{0,40}",
            width in 0usize..30,
            way in 0usize..4,
        ) {
            let ellipsis = [Ellipsis::End, Ellipsis::Start, Ellipsis::Middle, Ellipsis::None][way];
            let out = cell(&text, width, Align::Left, ellipsis);
            prop_assert!(out.width() <= width, "{out:?} takes {}", out.width());
        }
    }
}
