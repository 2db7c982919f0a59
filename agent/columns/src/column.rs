//! One column: how it is called, how it looks, and where its values come from.

use std::fmt;
use std::sync::Arc;

use crate::value::{Kind, Value};

type Get<T> = Arc<dyn for<'a> Fn(&'a T) -> Value<'a> + Send + Sync>;
type Add<T> = Arc<dyn Fn(&mut T, &T) + Send + Sync>;

/// Where a cell's text stands when the cell is wider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// At the left; the default.
    #[default]
    Left,
    /// At the right.
    Right,
}

/// Which part of a text that is too long for its cell gives way to `…`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ellipsis {
    /// The end; the default.
    #[default]
    End,
    /// The beginning, as suits paths.
    Start,
    /// The middle.
    Middle,
    /// The end, without a mark.
    None,
}

/// One column of the event type `T`.
///
/// Most are made by `#[derive(Columns)]`; a program can make one of its own and add it with
/// [`ColumnSet::with`](crate::ColumnSet::with).
pub struct Column<T> {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: Kind,
    pub(crate) width: u16,
    pub(crate) min_width: Option<u16>,
    pub(crate) max_width: Option<u16>,
    pub(crate) fixed: bool,
    pub(crate) align: Align,
    pub(crate) ellipsis: Ellipsis,
    pub(crate) hidden: bool,
    pub(crate) order: i32,
    pub(crate) precision: Option<u8>,
    get: Get<T>,
    add: Option<Add<T>>,
}

impl<T> Column<T> {
    /// A column whose values `value` reads from an event; 16 cells wide until told otherwise.
    pub fn new(
        name: &'static str,
        value: impl for<'a> Fn(&'a T) -> Value<'a> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            description: "",
            kind: Kind::Any,
            width: 16,
            min_width: None,
            max_width: None,
            fixed: false,
            align: Align::default(),
            ellipsis: Ellipsis::default(),
            hidden: false,
            order: 0,
            precision: None,
            get: Arc::new(value),
            add: None,
        }
    }

    /// What the column tells, in one line.
    pub fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// What values it has, for the checks of a [`Filter`](crate::Filter).
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The width that it would like, in terminal cells.
    pub fn width(mut self, cells: u16) -> Self {
        self.width = cells;
        self
    }

    /// The least width at which it is still shown. Without one: what its name needs, but not more
    /// than its width.
    pub fn min_width(mut self, cells: u16) -> Self {
        self.min_width = Some(cells);
        self
    }

    /// The most that it takes of a wide terminal; no limit without one.
    pub fn max_width(mut self, cells: u16) -> Self {
        self.max_width = Some(cells);
        self
    }

    /// Whether its width stays as it is on every terminal.
    pub fn fixed(mut self, fixed: bool) -> Self {
        self.fixed = fixed;
        self
    }

    /// Where its text stands.
    pub fn align(mut self, align: Align) -> Self {
        self.align = align;
        self
    }

    /// What gives way when its text is too long.
    pub fn ellipsis(mut self, ellipsis: Ellipsis) -> Self {
        self.ellipsis = ellipsis;
        self
    }

    /// Whether a table leaves it out unless it is chosen by name. JSON and YAML have it always.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// Its place: columns stand by ascending order, those of the same order as declared. The
    /// default is 0.
    pub fn order(mut self, order: i32) -> Self {
        self.order = order;
        self
    }

    /// How many decimals a table shows of a [`Value::Float`].
    pub fn precision(mut self, decimals: u8) -> Self {
        self.precision = Some(decimals);
        self
    }

    /// How [`ColumnSet::group`](crate::ColumnSet::group) adds the column of one event to another's.
    pub fn sum(mut self, add: impl Fn(&mut T, &T) + Send + Sync + 'static) -> Self {
        self.add = Some(Arc::new(add));
        self
    }

    /// The column's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it tells (a field's doc comment); empty when nobody said.
    pub fn about(&self) -> &'static str {
        self.description
    }

    /// Whether a table leaves it out unless it is chosen by name.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    /// Its value for one event.
    #[inline]
    pub fn value<'a>(&self, event: &'a T) -> Value<'a> {
        (self.get)(event)
    }

    /// Adds its value in `other` to the one in `into`; does nothing for a column that is no sum.
    pub(crate) fn add(&self, into: &mut T, other: &T) {
        if let Some(add) = &self.add {
            add(into, other);
        }
    }

    /// The same column, of the event that `T` is a part of.
    pub(crate) fn lift<Outer: 'static>(
        self,
        get: fn(&Outer) -> Option<&T>,
        get_mut: fn(&mut Outer) -> Option<&mut T>,
    ) -> Column<Outer>
    where
        T: 'static,
    {
        let inner = self.get;
        Column {
            get: Arc::new(move |event| get(event).map_or(Value::Null, |part| inner(part))),
            add: self.add.map(|add| -> Add<Outer> {
                Arc::new(move |into, other| {
                    if let (Some(into), Some(other)) = (get_mut(into), get(other)) {
                        add(into, other);
                    }
                })
            }),
            name: self.name,
            description: self.description,
            kind: self.kind,
            width: self.width,
            min_width: self.min_width,
            max_width: self.max_width,
            fixed: self.fixed,
            align: self.align,
            ellipsis: self.ellipsis,
            hidden: self.hidden,
            order: self.order,
            precision: self.precision,
        }
    }
}

// By hand, since deriving would ask for `T: Clone`.
impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        Self {
            get: Arc::clone(&self.get),
            add: self.add.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
