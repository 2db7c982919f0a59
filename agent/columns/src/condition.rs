//! One condition of a filter: what follows the column's name.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::bytes::Regex;

use crate::set::NameError;
use crate::time;
use crate::value::{Kind, Value, pair_text};

/// What a value is held against.
#[derive(Debug)]
pub struct Test {
    negated: bool,
    check: Check,
}

#[derive(Debug)]
enum Check {
    Empty,
    Equal(Operand),
    Regex(Regex),
    Compare(fn(Ordering) -> bool, Operand),
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterReason {
    /// There is no colon.
    #[error("expected COLUMN:VALUE")]
    NoColon,
    /// There is an equals sign in the colon's place.
    #[error("expected COLUMN:VALUE: did you mean {0}?")]
    Equals(String),
    /// The column does not exist.
    #[error(transparent)]
    Column(#[from] NameError),
    /// The column's values are something else.
    #[error("{value:?} is not {expected}")]
    Operand {
        /// What stands after the operator.
        value: String,
        /// What would have been right, such as "a whole number".
        expected: &'static str,
    },
    /// Nothing stands after `>`, `>=`, `<` or `<=`.
    #[error("nothing to compare with after {0:?}")]
    Nothing(&'static str),
    /// The regular expression is wrong.
    #[error("regular expression, at character {at}: {reason}")]
    Regex {
        /// Where, in characters of the expression, counted from 1.
        at: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The regular expression is right but would take too much memory.
    #[error("the regular expression is too large")]
    Large,
}

/// A condition's value, as each kind that it can be read as.
#[derive(Debug)]
struct Operand {
    text: String,
    bool: Option<bool>,
    number: Option<Value<'static>>,
    float: Option<f64>,
    time: Option<u64>,
}

impl Test {
    /// Reads what follows `column:`, for a column that has values of `kind`.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, FilterReason> {
        type Accept = fn(Ordering) -> bool;
        const COMPARISONS: [(&str, Accept); 4] = [
            (">=", Ordering::is_ge),
            (">", Ordering::is_gt),
            ("<=", Ordering::is_le),
            ("<", Ordering::is_lt),
        ];
        for (operator, accept) in COMPARISONS {
            if let Some(value) = text.strip_prefix(operator) {
                if value.is_empty() {
                    return Err(FilterReason::Nothing(operator));
                }
                return Ok(Self {
                    negated: false,
                    check: Check::Compare(accept, Operand::parse(value, kind)?),
                });
            }
        }
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let check = match text.strip_prefix('~') {
            Some(expression) => Check::Regex(regex(expression)?),
            None if text.is_empty() => Check::Empty,
            None => Check::Equal(Operand::parse(text, kind)?),
        };
        Ok(Self { negated, check })
    }

    /// Whether the value passes.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        self.check.holds(value) != self.negated
    }
}

impl Check {
    fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Check::Empty => match value {
                Value::List(list) => list.is_empty(),
                Value::Map(map) => map.is_empty(),
                _ => value.plain().is_empty(),
            },
            Check::Equal(operand) => match value {
                Value::List(list) => {
                    list.iter().any(|element| self.holds(element))
                        || *value.plain() == *operand.text.as_bytes()
                }
                Value::Map(map) => self.holds_for_a_pair(map),
                _ => operand.compared_to(value) == Some(Ordering::Equal),
            },
            Check::Regex(regex) => match value {
                Value::List(list) => {
                    list.iter().any(|element| self.holds(element)) || regex.is_match(&value.plain())
                }
                Value::Map(map) => self.holds_for_a_pair(map),
                _ => regex.is_match(&value.plain()),
            },
            Check::Compare(accept, operand) => match value {
                Value::List(list) => list.iter().any(|element| self.holds(element)),
                Value::Map(map) => self.holds_for_a_pair(map),
                _ => operand.compared_to(value).is_some_and(accept),
            },
        }
    }
}

impl Check {
    fn holds_for_a_pair(&self, map: &[(Cow<'_, str>, Cow<'_, str>)]) -> bool {
        map.iter()
            .any(|pair| self.holds(&Value::Text(pair_text(pair).into())))
    }
}

impl Operand {
    fn parse(text: &str, kind: Kind) -> Result<Self, FilterReason> {
        let signed = || text.parse().ok().map(Value::Int);
        let float: Option<f64> = text.parse().ok().filter(|n: &f64| !n.is_nan());
        let operand = Self {
            text: text.to_owned(),
            bool: text.parse().ok(),
            number: text.parse().ok().map(Value::UInt).or_else(signed),
            float,
            time: time::parse(text),
        };
        let whole = text.parse::<i128>().is_ok();
        let (fits, expected) = match kind {
            Kind::Any | Kind::Text => (true, ""),
            Kind::Bool => (operand.bool.is_some(), "true or false"),
            Kind::Int => (whole, "a whole number"),
            Kind::Float => (float.is_some(), "a number"),
            Kind::Time => (
                operand.time.is_some(),
                "a moment such as 2026-03-01T12:00:00Z",
            ),
        };
        if !fits {
            return Err(FilterReason::Operand {
                value: text.to_owned(),
                expected,
            });
        }
        Ok(operand)
    }

    /// How `value` stands to the operand; nothing where the two cannot be compared.
    fn compared_to(&self, value: &Value<'_>) -> Option<Ordering> {
        match value {
            Value::Null | Value::List(_) | Value::Map(_) => None,
            Value::Bool(b) => self.bool.map(|operand| b.cmp(&operand)),
            Value::Time(nanos) => self.time.map(|operand| nanos.cmp(&operand)),
            Value::Float(n) => self.float.and_then(|operand| n.partial_cmp(&operand)),
            Value::Int(_) | Value::UInt(_) => match (&self.number, self.float) {
                (Some(number), _) => Some(value.compare(number)),
                // Not a whole number, or one beyond 64 bits.
                (None, Some(float)) => Some(value.compare(&Value::Float(float))),
                (None, None) => None,
            },
            Value::Text(text) => Some(text.as_bytes().cmp(self.text.as_bytes())),
            Value::Bytes(bytes) => Some((**bytes).cmp(self.text.as_bytes())),
        }
    }
}

/// Compiles an expression; `regex` alone would not say where it is wrong in one line.
fn regex(expression: &str) -> Result<Regex, FilterReason> {
    use regex_syntax::Error;
    let wrong = |offset: usize, reason: String| FilterReason::Regex {
        at: expression
            .get(..offset)
            .unwrap_or(expression)
            .chars()
            .count()
            + 1,
        reason,
    };
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    parser.parse(expression).map_err(|error| match error {
        Error::Parse(e) => wrong(e.span().start.offset, e.kind().to_string()),
        Error::Translate(e) => wrong(e.span().start.offset, e.kind().to_string()),
        other => wrong(0, other.to_string()),
    })?;
    Regex::new(expression).map_err(|_| FilterReason::Large)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, Kind, Value<'_>, bool)]) {
        for (text, kind, value, expected) in cases {
            let test = Test::parse(text, *kind).unwrap();
            assert_eq!(test.matches(value), *expected, "{text} on {value:?}");
        }
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        let text = |t: &'static str| Value::Text(t.into());
        check(&[
            ("5", Kind::Int, Value::UInt(5), true),
            ("05", Kind::Int, Value::UInt(5), true),
            ("!5", Kind::Int, Value::UInt(5), false),
            ("-1", Kind::Int, Value::Int(-1), true),
            (">=9", Kind::Int, Value::UInt(100), true),
            (">100", Kind::Int, Value::UInt(100), false),
            ("<100", Kind::Int, Value::Int(-100), true),
            ("<=100", Kind::Int, Value::UInt(100), true),
            (
                "<99999999999999999999",
                Kind::Int,
                Value::UInt(u64::MAX),
                true,
            ),
            (
                ">18446744073709551614",
                Kind::Int,
                Value::UInt(u64::MAX),
                true,
            ),
            (
                ">18446744073709551614",
                Kind::Int,
                Value::UInt(u64::MAX - 1),
                false,
            ),
            ("2", Kind::Float, Value::Float(2.0), true),
            (">1.5", Kind::Float, Value::Float(2.0), true),
            ("true", Kind::Bool, Value::Bool(true), true),
            (">1970-01-01T00:00:00Z", Kind::Time, Value::Time(1), true),
            ("1970-01-01T00:00:00Z", Kind::Time, Value::Time(1), false),
            ("sh", Kind::Text, text("sh"), true),
            ("sh", Kind::Text, text("bash"), false),
            ("a:b", Kind::Text, text("a:b"), true),
            (">b", Kind::Text, text("c"), true),
            ("~^(ba)?sh$", Kind::Text, text("bash"), true),
            ("!~^(ba)?sh$", Kind::Text, text("zsh"), true),
            ("~^1", Kind::Int, Value::UInt(100), true),
            ("100", Kind::Any, Value::UInt(100), true),
            (">20", Kind::Any, Value::UInt(100), true),
            (">20", Kind::Any, Value::Null, false),
        ]);
    }

    #[test]
    fn bytes_need_not_be_utf8() {
        let bytes = || Value::Bytes(b"a\xffb".as_slice().into());
        check(&[
            ("a", Kind::Text, bytes(), false),
            (r"~^a(?-u:\xff)b$", Kind::Text, bytes(), true),
            ("~b$", Kind::Text, bytes(), true),
        ]);
    }

    #[test]
    fn nothing_is_found_by_the_empty_value() {
        let text = |t: &'static str| Value::Text(t.into());
        check(&[
            ("", Kind::Int, Value::Null, true),
            ("!", Kind::Int, Value::Null, false),
            ("", Kind::Int, Value::UInt(0), false),
            ("!", Kind::Text, text("a"), true),
            ("", Kind::Text, text(""), true),
            ("5", Kind::Int, Value::Null, false),
            ("!5", Kind::Int, Value::Null, true),
            (">=0", Kind::Int, Value::Null, false),
            ("", Kind::Text, Value::List(vec![]), true),
            ("", Kind::Text, Value::List(vec![text("")]), false),
        ]);
    }

    #[test]
    fn a_list_is_met_by_an_element_or_by_all_of_it() {
        let args = || {
            Value::List(
                ["rm", "-rf", "/tmp/x"]
                    .map(|a| Value::Text(a.into()))
                    .into(),
            )
        };
        let numbers = || Value::List(vec![Value::UInt(5), Value::UInt(50)]);
        check(&[
            ("-rf", Kind::Text, args(), true),
            ("rm -rf /tmp/x", Kind::Text, args(), true),
            ("rm -rf", Kind::Text, args(), false),
            ("~^rm -rf", Kind::Text, args(), true),
            ("~^-rf$", Kind::Text, args(), true),
            ("!-rf", Kind::Text, args(), false),
            ("!~mv", Kind::Text, args(), true),
            ("50", Kind::Int, numbers(), true),
            (">49", Kind::Int, numbers(), true),
            (">50", Kind::Int, numbers(), false),
        ]);
    }

    #[test]
    fn a_value_that_cannot_be_is_an_error() {
        let cases = [
            ("abc", Kind::Int, "\"abc\" is not a whole number"),
            (">1.5", Kind::Int, "\"1.5\" is not a whole number"),
            ("!x", Kind::Float, "\"x\" is not a number"),
            ("nan", Kind::Float, "\"nan\" is not a number"),
            ("1", Kind::Bool, "\"1\" is not true or false"),
            (
                "now",
                Kind::Time,
                "\"now\" is not a moment such as 2026-03-01T12:00:00Z",
            ),
            (">", Kind::Int, "nothing to compare with after \">\""),
            ("<=", Kind::Text, "nothing to compare with after \"<=\""),
            (
                "~é(a",
                Kind::Text,
                "regular expression, at character 2: unclosed group",
            ),
            (
                "!~[",
                Kind::Text,
                "regular expression, at character 1: unclosed character class",
            ),
            (
                "~(\\w{1000}){1000}",
                Kind::Text,
                "the regular expression is too large",
            ),
        ];
        for (text, kind, expected) in cases {
            let said = Test::parse(text, kind).unwrap_err().to_string();
            assert_eq!(said, expected, "{text}");
        }
    }
}
