//! What a column holds for one event.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::time;

/// One cell: what a column holds for one event, borrowing from it where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing: an empty cell, and no key at all in JSON and YAML.
    Null,
    /// True or false.
    Bool(bool),
    /// A number with a sign.
    Int(i64),
    /// A number without a sign.
    UInt(u64),
    /// A number with a fraction; what is not finite counts as nothing in JSON and YAML.
    Float(f64),
    /// Text that is known to be UTF-8.
    Text(Cow<'a, str>),
    /// What a process says about itself: any bytes at all.
    Bytes(Cow<'a, [u8]>),
    /// Several values, such as a command line's arguments.
    List(Vec<Value<'a>>),
    /// Text by keys, such as labels. A table shows `key=value` after `key=value`, and a filter looks
    /// at each.
    Map(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    /// A moment: wall-clock nanoseconds since 1970-01-01T00:00:00Z.
    Time(u64),
}

/// What values a column has, so that a filter's operand can be checked before the first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not known beforehand.
    Any,
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Numbers with a fraction.
    Float,
    /// Text or bytes.
    Text,
    /// Moments.
    Time,
}

impl Value<'_> {
    /// A total order: nothing first, then booleans, numbers by their value, moments, text by its
    /// bytes, lists element by element, maps likewise.
    pub fn compare(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => {
                let pairs = a.iter().zip(b).map(|(a, b)| a.compare(b));
                let different = pairs.into_iter().find(|order| order.is_ne());
                different.unwrap_or_else(|| a.len().cmp(&b.len()))
            }
            (Value::Map(a), Value::Map(b)) => a.cmp(b),
            _ => match (self.number(), other.number()) {
                (Some((a, exact_a)), Some((b, exact_b))) => {
                    a.total_cmp(&b).then(exact_a.cmp(&exact_b))
                }
                _ => match (self.bytes(), other.bytes()) {
                    (Some(a), Some(b)) => a.cmp(b),
                    _ => self.rank().cmp(&other.rank()),
                },
            },
        }
    }

    /// The value as people would type it, nothing escaped; a list's elements joined by spaces.
    pub(crate) fn plain(&self) -> Cow<'_, [u8]> {
        match self {
            Value::Null => Cow::Borrowed(b""),
            Value::Bool(true) => Cow::Borrowed(b"true"),
            Value::Bool(false) => Cow::Borrowed(b"false"),
            Value::Int(n) => Cow::Owned(n.to_string().into_bytes()),
            Value::UInt(n) => Cow::Owned(n.to_string().into_bytes()),
            Value::Float(n) => Cow::Owned(n.to_string().into_bytes()),
            Value::Text(text) => Cow::Borrowed(text.as_bytes()),
            Value::Bytes(bytes) => Cow::Borrowed(bytes),
            Value::Time(nanos) => {
                let mut text = String::new();
                time::write_rfc3339(*nanos, &mut text);
                Cow::Owned(text.into_bytes())
            }
            Value::List(list) => {
                let elements: Vec<_> = list.iter().map(Value::plain).collect();
                Cow::Owned(elements.join(&b' '))
            }
            Value::Map(map) => {
                let pairs: Vec<String> = map.iter().map(|pair| pair_text(pair)).collect();
                Cow::Owned(pairs.join(" ").into_bytes())
            }
        }
    }

    /// Whether JSON and YAML leave the value out.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Float(n) => !n.is_finite(),
            _ => false,
        }
    }

    /// A number as a float, and exactly where it is a whole one; both together make the order
    /// total, which a sort relies on.
    fn number(&self) -> Option<(f64, Option<i128>)> {
        match self {
            Value::Int(n) => Some((*n as f64, Some(i128::from(*n)))),
            Value::UInt(n) => Some((*n as f64, Some(i128::from(*n)))),
            Value::Float(n) => Some((*n, None)),
            _ => None,
        }
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Text(text) => Some(text.as_bytes()),
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => 2,
            Value::Time(_) => 3,
            Value::Text(_) | Value::Bytes(_) => 4,
            Value::List(_) => 5,
            Value::Map(_) => 6,
        }
    }
}

/// A pair of a map's, as people write it.
pub(crate) fn pair_text((key, value): &(Cow<'_, str>, Cow<'_, str>)) -> String {
    format!("{key}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_order() {
        let bytes = |b: &'static [u8]| Value::Bytes(Cow::Borrowed(b));
        let ascending = [
            Value::Null,
            Value::Bool(false),
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(-0.5),
            Value::UInt(0),
            Value::Float(0.5),
            Value::Int(1),
            Value::UInt(u64::MAX - 1),
            Value::UInt(u64::MAX),
            Value::Time(0),
            Value::Time(5),
            Value::Text("".into()),
            bytes(b"a"),
            Value::Text("b".into()),
            bytes(b"\xff"),
            Value::List(vec![]),
            Value::List(vec![Value::UInt(1)]),
            Value::List(vec![Value::UInt(1), Value::UInt(0)]),
            Value::List(vec![Value::UInt(2)]),
            Value::Map(vec![]),
            Value::Map(vec![("a".into(), "b".into())]),
            Value::Map(vec![("a".into(), "c".into())]),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.compare(b), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn plain_text_is_what_one_would_type() {
        let list = Value::List(vec![Value::Text("ls".into()), Value::Int(-1), Value::Null]);
        assert_eq!(&*list.plain(), b"ls -1 ");
        let map = Value::Map(vec![("app".into(), "web".into()), ("x".into(), "".into())]);
        assert_eq!(&*map.plain(), b"app=web x=");
        assert_eq!(&*Value::Float(1.5).plain(), b"1.5");
        assert_eq!(&*Value::Time(0).plain(), b"1970-01-01T00:00:00.000000000Z");
    }
}
