//! What the administrator never wants to be seen in arguments.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::Regex;
use traceherd_columns::{Column, ColumnSet, Columns, Kind, Value};
use traceherd_tracers::{Arguments, ExecEvent};

/// What stands for it.
const REDACTED: &[u8] = b"[redacted]";

/// Patterns whose matches are replaced: in one argument, and in all of them joined by single
/// spaces, so that `--password [^ ]+` finds the option's value in the next argument.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    patterns: Arc<[Regex]>,
}

impl Redactor {
    /// One that replaces what any of `patterns` matches.
    pub fn new(patterns: impl IntoIterator<Item = Regex>) -> Self {
        Self {
            patterns: patterns.into_iter().collect(),
        }
    }

    /// An exec's columns, with nothing in them that is to be hidden. Filters of these cannot be
    /// used to find it out either.
    pub fn columns(&self) -> ColumnSet<ExecEvent> {
        let columns = ExecEvent::columns();
        if self.patterns.is_empty() {
            return columns;
        }
        let redactor = self.clone();
        let redacted = Column::new("args", move |event: &ExecEvent| {
            let arguments = redactor.arguments(&event.args);
            Value::List(arguments.into_iter().map(Value::Bytes).collect())
        });
        let about = columns.get("args").map_or("", Column::about);
        let redacted = redacted.kind(Kind::Text).description(about);
        columns.with(redacted.order(ARGS_ORDER))
    }

    /// The arguments, with nothing in them that is to be hidden.
    pub fn arguments<'a>(&self, arguments: &'a Arguments) -> Vec<Cow<'a, [u8]>> {
        let plain: Vec<&[u8]> = arguments.iter().map(|argument| argument.bytes).collect();
        self.redact(&plain)
    }

    fn redact<'a>(&self, arguments: &[&'a [u8]]) -> Vec<Cow<'a, [u8]>> {
        let mut hidden: Vec<Vec<Range<usize>>> = vec![Vec::new(); arguments.len()];
        if !self.patterns.is_empty() {
            let joined = arguments.join(&b' ');
            for pattern in self.patterns.iter() {
                for (ranges, argument) in hidden.iter_mut().zip(arguments) {
                    ranges.extend(pattern.find_iter(argument).map(|found| found.range()));
                }
                for found in pattern.find_iter(&joined) {
                    spread(&found.range(), arguments, &mut hidden);
                }
            }
        }
        let all = arguments.iter().zip(hidden);
        all.map(|(argument, ranges)| replaced(argument, ranges))
            .collect()
    }
}

/// The place of the column args among its like.
const ARGS_ORDER: i32 = 30;

/// What a match in the joined arguments hides of each.
fn spread(found: &Range<usize>, arguments: &[&[u8]], hidden: &mut [Vec<Range<usize>>]) {
    let mut start = 0;
    for (argument, ranges) in arguments.iter().zip(hidden) {
        let end = start + argument.len();
        let part = found.start.max(start)..found.end.min(end);
        if part.start < part.end {
            ranges.push(part.start - start..part.end - start);
        }
        start = end + 1;
    }
}

fn replaced(argument: &[u8], mut ranges: Vec<Range<usize>>) -> Cow<'_, [u8]> {
    if ranges.is_empty() {
        return Cow::Borrowed(argument);
    }
    ranges.sort_by_key(|range| range.start);
    let mut out = Vec::with_capacity(argument.len());
    let mut done = 0;
    for range in ranges {
        if range.start >= done {
            out.extend_from_slice(&argument[done..range.start]);
            out.extend_from_slice(REDACTED);
        }
        done = done.max(range.end);
    }
    out.extend_from_slice(&argument[done..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(patterns: &[&str], arguments: &[&str]) -> Vec<String> {
        let patterns = patterns.iter().map(|pattern| Regex::new(pattern).unwrap());
        let arguments: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
        let redacted = Redactor::new(patterns).redact(&arguments);
        let text = |bytes: &Cow<'_, [u8]>| String::from_utf8_lossy(bytes).into_owned();
        redacted.iter().map(text).collect()
    }

    #[test]
    fn what_matches_is_replaced_and_nothing_else() {
        let hidden = "[redacted]";
        for (patterns, arguments, expected) in [
            (&[][..], &["a", "b"][..], vec!["a", "b"]),
            (
                &["s[0-9]+"],
                &["x", "s1 and s22"],
                vec!["x", "[redacted] and [redacted]"],
            ),
            (
                &["^AKIA[A-Z]+$"],
                &["aws", "AKIAX", "xAKIAX"],
                vec!["aws", hidden, "xAKIAX"],
            ),
            (
                &["--password[= ][^ ]+"],
                &["db", "--password=x", "-v"],
                vec!["db", hidden, "-v"],
            ),
            (
                &["--password[= ][^ ]+"],
                &["db", "--password", "x", "-v"],
                vec!["db", hidden, hidden, "-v"],
            ),
            (&["bc", "ab"], &["abcd"], vec!["[redacted]d"]),
            (
                &["a", "a"],
                &["banana"],
                vec!["b[redacted]n[redacted]n[redacted]"],
            ),
            (&["."], &["", "x"], vec!["", hidden]),
        ] {
            assert_eq!(redacted(patterns, arguments), expected, "{patterns:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_left_and_found() {
        let redactor = Redactor::new([Regex::new(r"(?-u)\xff.").unwrap()]);
        let arguments: [&[u8]; 1] = [b"\xfe\xffs\xfd"];
        assert_eq!(*redactor.redact(&arguments)[0], *b"\xfe[redacted]\xfd");
    }

    #[test]
    fn the_column_stays_in_its_place() {
        let redactor = Redactor::new([Regex::new("x").unwrap()]);
        let names =
            |set: &ColumnSet<ExecEvent>| -> Vec<_> { set.iter().map(Column::name).collect() };
        assert_eq!(names(&redactor.columns()), names(&ExecEvent::columns()));
    }
}
