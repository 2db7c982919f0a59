//! Events in an order.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

use crate::column::Column;
use crate::set::{ColumnSet, NameError};

/// An order of events by columns, such as `comm,-pid`: by `comm`, and among the same by `pid` from
/// high to low.
///
/// What has no value comes first, and last where the order is turned round.
pub struct Sort<T> {
    keys: Vec<(Column<T>, bool)>,
}

impl<T> Sort<T> {
    /// Reads a list of columns; `-` before a name turns its order round.
    ///
    /// # Errors
    /// An unknown, empty or repeated name.
    pub fn parse(set: &ColumnSet<T>, keys: &str) -> Result<Self, NameError> {
        let named = set.named(keys, |key| key.strip_prefix('-').unwrap_or(key))?;
        let keys = named
            .into_iter()
            .map(|(key, column)| (column.clone(), key.starts_with('-')))
            .collect();
        Ok(Self { keys })
    }

    /// Sorts events, or references or pointers to them; equal ones stay as they stand.
    pub fn apply<E: Borrow<T>>(&self, events: &mut [E]) {
        events.sort_by(|a, b| self.compare(a.borrow(), b.borrow()));
    }

    /// How two events stand to each other.
    pub fn compare(&self, a: &T, b: &T) -> Ordering {
        self.keys
            .iter()
            .map(|(column, reversed)| {
                let order = column.value(a).compare(&column.value(b));
                if *reversed { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

// By hand, since deriving would ask for `T: Clone` and `T: Debug`.
impl<T> Clone for Sort<T> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
        }
    }
}

impl<T> fmt::Debug for Sort<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |reversed: &bool| if *reversed { "-" } else { "" };
        let keys = self
            .keys
            .iter()
            .map(|(c, r)| format!("{}{}", sign(r), c.name));
        f.debug_list().entries(keys).finish()
    }
}
