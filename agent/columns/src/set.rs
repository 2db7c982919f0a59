//! The columns of an event type, and choosing among them.

use std::fmt;

use crate::column::Column;

/// An event type whose columns are declared. Write `#[derive(Columns)]` rather than this by hand.
///
/// Each named field is a column, called as the field is. `#[column(...)]` says more:
///
/// | option | meaning |
/// |---|---|
/// | `name = "…"` | another name |
/// | `description = "…"` | what it tells; the field's doc comment without it |
/// | `width = N`, `min_width = N`, `max_width = N` | terminal cells: wished for (16), at least, at most |
/// | `fixed` | `width`, whatever the terminal's |
/// | `align = left` or `right` | where the text stands |
/// | `ellipsis = end`, `start`, `middle` or `none` | what gives way when the text is too long |
/// | `hidden` | in a table only when chosen by name |
/// | `order = N` | columns stand by ascending order (0), then as declared |
/// | `precision = N` | decimals of a float in a table |
/// | `group = sum` | [`ColumnSet::group`] adds it up |
/// | `value = f` | the value comes from `f: fn(&Field) -> Value<'_>`, for types that have none of their own |
/// | `kind = bool`, `int`, `float`, `text` or `time` | with `value`: what a filter's operand must be |
/// | `skip` | no column |
/// | `flatten` | the field's own columns, empty where an `Option` is `None` |
///
/// A column computed from the whole event stands on the struct:
/// `#[columns(virtual(name = "…", value = f, …))]` with `f: fn(&Event) -> Value<'_>` and the other
/// options as above; such columns come after the fields unless `order` says otherwise.
pub trait Columns: Sized + 'static {
    /// The columns, put together anew; keep them.
    fn columns() -> ColumnSet<Self>;
}

/// The columns of an event type, in their order.
///
/// [`select`](Self::select) narrows it; [`Table`](crate::Table), [`Encoder`](crate::Encoder),
/// [`Filter`](crate::Filter) and [`Sort`](crate::Sort) are made from it.
pub struct ColumnSet<T> {
    columns: Vec<Column<T>>,
}

/// A list of column names that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No column has that name.
    #[error("unknown column {name:?}; the columns are {known}")]
    Unknown {
        /// The name as given.
        name: String,
        /// The names that there are, separated by commas.
        known: String,
    },
    /// The name comes a second time.
    #[error("column {0:?} is named twice")]
    Twice(String),
    /// No name, as in `pid,,comm`.
    #[error("an empty column name in {0:?}")]
    Empty(String),
}

impl<T> ColumnSet<T> {
    /// Puts columns in their order. Of two with one name the first stays.
    pub fn new(columns: Vec<Column<T>>) -> Self {
        let mut set = Self {
            columns: Vec::with_capacity(columns.len()),
        };
        for column in columns {
            if set.get(column.name).is_none() {
                set.columns.push(column);
            }
        }
        set.columns.sort_by_key(|column| column.order);
        set
    }

    /// With one more column, which replaces one of the same name.
    pub fn with(mut self, column: Column<T>) -> Self {
        match self.columns.iter_mut().find(|c| c.name == column.name) {
            Some(old) => *old = column,
            None => self.columns.push(column),
        }
        self.columns.sort_by_key(|column| column.order);
        self
    }

    /// The columns named in `names`, such as `pid,comm,args`, in that order, none of them hidden.
    ///
    /// # Errors
    /// An unknown, empty or repeated name.
    pub fn select(&self, names: &str) -> Result<Self, NameError> {
        let columns = self.named(names, |name| name)?;
        let shown = |column: &Column<T>| column.clone().hidden(false);
        Ok(Self {
            columns: columns.into_iter().map(|(_, c)| shown(c)).collect(),
        })
    }

    /// The column of that name.
    pub fn get(&self, name: &str) -> Option<&Column<T>> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// All columns, hidden ones too, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Column<T>> {
        self.columns.iter()
    }

    pub(crate) fn into_columns(self) -> Vec<Column<T>> {
        self.columns
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Column<T>, NameError> {
        self.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
            NameError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
    }

    /// The columns of a list of names, each of which `bare` strips of what stands before it.
    pub(crate) fn named<'n>(
        &self,
        names: &'n str,
        bare: impl Fn(&'n str) -> &'n str,
    ) -> Result<Vec<(&'n str, &Column<T>)>, NameError> {
        let mut found: Vec<(&str, &Column<T>)> = Vec::new();
        for part in names.split(',').map(str::trim) {
            let name = bare(part);
            if name.is_empty() {
                return Err(NameError::Empty(names.to_owned()));
            }
            let column = self.find(name)?;
            if found.iter().any(|(_, other)| other.name == name) {
                return Err(NameError::Twice(name.to_owned()));
            }
            found.push((part, column));
        }
        Ok(found)
    }
}

impl<'s, T> IntoIterator for &'s ColumnSet<T> {
    type Item = &'s Column<T>;
    type IntoIter = std::slice::Iter<'s, Column<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

// By hand, since deriving would ask for `T: Clone`.
impl<T> Clone for ColumnSet<T> {
    fn clone(&self) -> Self {
        Self {
            columns: self.columns.clone(),
        }
    }
}

impl<T> fmt::Debug for ColumnSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.columns).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn set() -> ColumnSet<u32> {
        let column =
            |name, order| Column::new(name, |n: &u32| Value::UInt(u64::from(*n))).order(order);
        ColumnSet::new(vec![
            column("c", 0),
            column("d", 1).hidden(true),
            column("a", -1),
            column("b", -1),
            column("c", -9),
        ])
    }

    fn names(set: &ColumnSet<u32>) -> Vec<&str> {
        set.iter().map(Column::name).collect()
    }

    #[test]
    fn columns_stand_by_order_then_as_declared_and_the_first_of_a_name_stays() {
        assert_eq!(names(&set()), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_selection_has_its_own_order_and_shows_hidden_columns() {
        let chosen = set().select("d, a").unwrap();
        assert_eq!(names(&chosen), ["d", "a"]);
        assert!(chosen.iter().all(|column| !column.is_hidden()));
    }

    #[test]
    fn a_wrong_selection_says_what_is_wrong() {
        let cases = [
            ("a,x", "unknown column \"x\"; the columns are a, b, c, d"),
            ("a,,b", "an empty column name in \"a,,b\""),
            ("", "an empty column name in \"\""),
            ("a,b,a", "column \"a\" is named twice"),
        ];
        for (given, expected) in cases {
            assert_eq!(set().select(given).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_column_of_ones_own_is_added_or_replaces() {
        let own = |name| Column::new(name, |_: &u32| Value::Bool(true));
        assert_eq!(names(&set().with(own("e"))), ["a", "b", "c", "e", "d"]);
        let replaced = set().with(own("b").order(-1));
        assert_eq!(names(&replaced), ["a", "b", "c", "d"]);
        let value = replaced.get("b").unwrap().value(&1);
        assert_eq!(value, Value::Bool(true));
    }
}
