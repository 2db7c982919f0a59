//! Where in a manifest something stands.

use std::fmt;

/// A line and a column, both counted from 1, the column in characters.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The very beginning.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place behind `text`.
    pub fn after(text: &str) -> Self {
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What is wrong, and where: one line for a person, with the remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    /// The field's path, `spec.selector.podName`; empty for the whole document.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Problem {
    /// A problem of the whole document rather than of one field.
    pub fn of_document(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            path: String::new(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        let path = if self.path.is_empty() {
            [""; 2]
        } else {
            [&self.path, ": "]
        };
        // Both may quote the manifest: no control character reaches the terminal raw.
        let text = path.into_iter().chain([self.message.as_str()]);
        for c in text.flat_map(str::chars) {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?
            } else {
                write!(f, "{c}")?
            }
        }
        Ok(())
    }
}
