//! Events that are alike taken together.

use std::borrow::Borrow;

use crate::set::{ColumnSet, NameError};
use crate::sort::Sort;

/// A number that columns with `group = sum` can add up. Sums stop at the type's bounds.
pub trait Sum {
    /// Adds `other`.
    fn add(&mut self, other: &Self);
}

macro_rules! sums {
    ($($type:ty)+) => {$(
        impl Sum for $type {
            fn add(&mut self, other: &Self) {
                *self = self.saturating_add(*other);
            }
        }
    )+};
}

sums!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl Sum for f32 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }
}

impl Sum for f64 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }
}

impl<N: Sum + Clone> Sum for Option<N> {
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Some(n), Some(other)) => n.add(other),
            (this @ None, Some(other)) => *this = Some(other.clone()),
            (_, None) => {}
        }
    }
}

impl<T> ColumnSet<T> {
    /// One event for all that have the same values in the columns `by`, such as `comm,uid`: the
    /// first of them, with the columns declared `group = sum` added up. The groups stand in the
    /// order of their first events.
    ///
    /// A column flattened out of an `Option` or `Arc` is added up only where the first event has
    /// the part and nobody else does; keep counters in the event itself.
    ///
    /// # Errors
    /// An unknown, empty or repeated name.
    pub fn group<E: Borrow<T>>(&self, by: &str, events: &[E]) -> Result<Vec<T>, NameError>
    where
        T: Clone,
    {
        // A name with a minus is no column, though it would do for a sort.
        self.named(by, |name| name)?;
        let alike = Sort::parse(self, by)?;
        let event = |i: usize| -> &T { events[i].borrow() };
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by(|a, b| alike.compare(event(*a), event(*b)));
        let mut groups: Vec<&[usize]> = order
            .chunk_by(|a, b| alike.compare(event(*a), event(*b)).is_eq())
            .collect();
        // No group is empty, and the sort is stable: its first member is its first event.
        groups.sort_by_key(|members| members[0]);
        let total = |members: &[usize]| {
            let mut sum = event(members[0]).clone();
            for other in &members[1..] {
                for column in self {
                    column.add(&mut sum, event(*other));
                }
            }
            sum
        };
        Ok(groups.into_iter().map(total).collect())
    }
}
