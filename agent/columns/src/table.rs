//! Events as the rows of a table.

use std::fmt;

use crate::cell;
use crate::column::Column;
use crate::escape;
use crate::layout::{self, Share};
use crate::set::ColumnSet;
use crate::text::write_text;

/// Writes events as rows of text, fitted to a terminal.
///
/// What it writes has no control characters but the newline at the end of each row, whatever the
/// event holds: they come as `\n`, `\x1b` or `\u{202e}`, bytes that are not UTF-8 as `\xff`, and a
/// backslash as `\\`. The elements of a list are joined by spaces; those that are empty or have
/// spaces or quotes are in quotes.
pub struct Table<T> {
    columns: Vec<Column<T>>,
    /// The terminal's width, where there is one.
    total: Option<usize>,
    widths: Vec<usize>,
    text: String,
}

impl<T> Table<T> {
    /// A table of the columns of `set` that are not hidden, not fitted yet: see [`fit`](Self::fit).
    pub fn new(set: &ColumnSet<T>) -> Self {
        let columns: Vec<_> = set.iter().filter(|c| !c.hidden).cloned().collect();
        let widths = columns.iter().map(|c| share(c).wished).collect();
        Self {
            columns,
            total: None,
            widths,
            text: String::new(),
        }
    }

    /// Fits the columns to a terminal of `width` cells, and tells whether that changed any: then
    /// the header is due again. Cheap enough to call before each row.
    ///
    /// With `None` (not a terminal, see [`terminal_width`](crate::terminal_width)) each column has
    /// the width that it wished for and longer texts are not cut.
    pub fn fit(&mut self, width: Option<usize>) -> bool {
        if width == self.total {
            return false;
        }
        self.total = width;
        let shares: Vec<Share> = self.columns.iter().map(share).collect();
        let widths = match width {
            Some(width) => layout::fit(&shares, width.min(usize::from(u16::MAX))),
            None => shares.iter().map(|share| share.wished).collect(),
        };
        let changed = widths != self.widths;
        self.widths = widths;
        changed
    }

    /// Appends the header and a newline.
    pub fn write_header(&mut self, out: &mut String) {
        self.write_line(out, |column, text| {
            escape::write_str(&column.name.to_ascii_uppercase(), false, text);
        });
    }

    /// Appends the row of an event and a newline.
    pub fn write_row(&mut self, event: &T, out: &mut String) {
        self.write_line(out, |column, text| {
            write_text(&column.value(event), column.precision, text);
        });
    }

    fn write_line(&mut self, out: &mut String, write: impl Fn(&Column<T>, &mut String)) {
        let shown = self.widths.len();
        for (i, (column, width)) in self.columns.iter().zip(&self.widths).enumerate() {
            if i > 0 {
                out.push(' ');
            }
            self.text.clear();
            write(column, &mut self.text);
            let width = match self.total {
                Some(_) => *width,
                None => (*width).max(cell::cells(&self.text)),
            };
            let last = i + 1 == shown;
            cell::write_cell(&self.text, width, column.align, column.ellipsis, last, out);
        }
        out.push('\n');
    }
}

// By hand, since deriving would ask for `T: Debug`.
impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns.iter().map(|column| column.name);
        f.debug_map()
            .entries(columns.zip(&self.widths))
            .finish_non_exhaustive()
    }
}

fn share<T>(column: &Column<T>) -> Share {
    let min = usize::from(column.min_width.unwrap_or(0)).max(1);
    let max = column.max_width.map_or(usize::MAX, usize::from).max(min);
    let wished = usize::from(column.width).clamp(min, max);
    if column.fixed {
        return Share {
            wished,
            min: wished,
            max: wished,
        };
    }
    let min = match column.min_width {
        Some(_) => min,
        None => column.name.len().clamp(1, wished),
    };
    Share { wished, min, max }
}
