//! A part of an event that has columns of its own.

use std::sync::Arc;

use crate::column::Column;
use crate::set::Columns;

/// What `#[column(flatten)]` can stand on: a type with columns, or an `Option`, `Box` or `Arc` of
/// one. Where it is not there, its columns are empty.
pub trait Nested {
    /// The type that has the columns.
    type Part: Columns;

    /// The part, where there is one.
    fn nested(&self) -> Option<&Self::Part>;

    /// The part for adding to it; none where it is shared.
    fn nested_mut(&mut self) -> Option<&mut Self::Part>;
}

impl<T: Columns> Nested for T {
    type Part = T;

    fn nested(&self) -> Option<&T> {
        Some(self)
    }

    fn nested_mut(&mut self) -> Option<&mut T> {
        Some(self)
    }
}

impl<N: Nested> Nested for Option<N> {
    type Part = N::Part;

    fn nested(&self) -> Option<&N::Part> {
        self.as_ref().and_then(N::nested)
    }

    fn nested_mut(&mut self) -> Option<&mut N::Part> {
        self.as_mut().and_then(N::nested_mut)
    }
}

impl<N: Nested> Nested for Arc<N> {
    type Part = N::Part;

    fn nested(&self) -> Option<&N::Part> {
        N::nested(self)
    }

    fn nested_mut(&mut self) -> Option<&mut N::Part> {
        Arc::get_mut(self).and_then(N::nested_mut)
    }
}

/// The columns of a part, as columns of the whole.
#[doc(hidden)]
pub fn flatten<Whole: 'static, Part: Columns>(
    get: fn(&Whole) -> Option<&Part>,
    get_mut: fn(&mut Whole) -> Option<&mut Part>,
) -> Vec<Column<Whole>> {
    let columns = Part::columns().into_columns();
    columns
        .into_iter()
        .map(|column| column.lift(get, get_mut))
        .collect()
}
