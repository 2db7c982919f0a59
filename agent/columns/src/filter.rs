//! Which events to keep.

use std::fmt;
use std::sync::Arc;

use crate::column::Column;
use crate::condition::{FilterReason, Test};
use crate::set::ColumnSet;

/// Conditions on columns, all of which an event must meet. The default has none and keeps all.
///
/// | condition | keeps events whose column |
/// |---|---|
/// | `col:value` | is the value |
/// | `col:!value` | is not |
/// | `col:~regex` | matches the [regular expression](https://docs.rs/regex/1/regex/#syntax) somewhere |
/// | `col:!~regex` | does not |
/// | `col:>value`, `>=`, `<`, `<=` | is greater, … |
/// | `col:` and `col:!` | has no value or an empty one; has one |
///
/// Numbers are compared as numbers, moments (RFC 3339) as moments, everything else by its bytes.
/// Case counts; `(?i)` begins a regular expression for which it does not.
/// A **list** meets a condition when any element does, or (for `col:value` and `~`) the elements
/// joined by single spaces do: `args:-rf` and `args:~^rm -rf` both find `rm -rf /tmp/x`. The
/// negated forms are the exact opposite, so `args:!-rf` keeps commands without that argument.
/// What has no value is neither greater nor less than anything. A value that begins with an
/// operator itself is told by an expression: `comm:~^!x$`.
pub struct Filter<T> {
    conditions: Arc<[Condition<T>]>,
}

struct Condition<T> {
    text: String,
    column: Column<T>,
    test: Test,
}

/// A filter that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter {position} ({text:?}): {reason}")]
pub struct FilterError {
    /// Which of the conditions, counted from 1.
    pub position: usize,
    /// The condition as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: FilterReason,
}

impl<T> Filter<T> {
    /// Reads conditions such as `pid:>=100` and `comm:~^(ba)?sh$`.
    ///
    /// # Errors
    /// The first condition that has no colon, names an unknown column, compares with something that
    /// cannot be a value of the column, or has a wrong regular expression.
    pub fn parse<S: AsRef<str>>(
        set: &ColumnSet<T>,
        conditions: impl IntoIterator<Item = S>,
    ) -> Result<Self, FilterError> {
        let conditions = conditions.into_iter().enumerate().map(|(i, text)| {
            let text = text.as_ref();
            condition(set, text).map_err(|reason| FilterError {
                position: i + 1,
                text: text.to_owned(),
                reason,
            })
        });
        Ok(Self {
            conditions: conditions.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the event meets every condition.
    pub fn matches(&self, event: &T) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.test.matches(&condition.column.value(event)))
    }

    /// Whether there is no condition at all.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }
}

fn condition<T>(set: &ColumnSet<T>, text: &str) -> Result<Condition<T>, FilterReason> {
    let (name, rest) = text
        .split_once(':')
        .ok_or_else(|| without_colon(set, text))?;
    let column = set.find(name.trim())?;
    Ok(Condition {
        text: text.to_owned(),
        column: column.clone(),
        test: Test::parse(rest, column.kind)?,
    })
}

/// Many languages have `comm=sh`, `comm==sh` and `comm!=sh`.
fn without_colon<T>(set: &ColumnSet<T>, text: &str) -> FilterReason {
    let meant = text.split_once('=').and_then(|(name, value)| {
        let value = value.strip_prefix('=').unwrap_or(value);
        let (name, not) = name
            .strip_suffix('!')
            .map_or((name, ""), |name| (name, "!"));
        let column = set.find(name.trim()).ok()?;
        Some(format!("{}:{not}{value}", column.name()))
    });
    meant.map_or(FilterReason::NoColon, FilterReason::Equals)
}

// By hand, since deriving would ask for `T: Clone` and `T: Default`.
impl<T> Clone for Filter<T> {
    fn clone(&self) -> Self {
        Self {
            conditions: Arc::clone(&self.conditions),
        }
    }
}

impl<T> Default for Filter<T> {
    fn default() -> Self {
        Self {
            conditions: Arc::new([]),
        }
    }
}

impl<T> fmt::Debug for Filter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.conditions.iter().map(|condition| &condition.text);
        f.debug_list().entries(texts).finish()
    }
}
