//! Field types that are a column by themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::value::{Kind, Value};

/// A type that a field of an event can have without saying more.
///
/// Numbers, `bool`, text, paths, [`SystemTime`], IP addresses, maps from text to text, and options,
/// references, smart pointers and lists of them. `Vec<u8>` and `[u8]` are one value of untrusted bytes, not a list of
/// numbers; `Vec<Vec<u8>>` is a list of such values.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a column by itself",
    note = "give the field `#[column(value = function)]`, `#[column(flatten)]` or `#[column(skip)]`"
)]
pub trait ColumnValue {
    /// What values the type has; of a list, what its elements are.
    const KIND: Kind;

    /// What a list of the type has.
    #[doc(hidden)]
    const LIST_KIND: Kind = Self::KIND;

    /// The value, borrowing from `self` where it can.
    fn value(&self) -> Value<'_>;

    /// A list of them: for bytes one value, for all else a [`Value::List`].
    #[doc(hidden)]
    fn list(list: &[Self]) -> Value<'_>
    where
        Self: Sized,
    {
        Value::List(list.iter().map(Self::value).collect())
    }
}

macro_rules! plain {
    ($kind:ident: $($type:ty => |$it:ident| $value:expr;)+) => {$(
        impl ColumnValue for $type {
            const KIND: Kind = Kind::$kind;
            fn value(&self) -> Value<'_> {
                let $it = self;
                $value
            }
        }
    )+};
}

plain! { Bool: bool => |it| Value::Bool(*it); }
plain! { Int:
    i8 => |it| Value::Int(i64::from(*it));
    i16 => |it| Value::Int(i64::from(*it));
    i32 => |it| Value::Int(i64::from(*it));
    i64 => |it| Value::Int(*it);
    u16 => |it| Value::UInt(u64::from(*it));
    u32 => |it| Value::UInt(u64::from(*it));
    u64 => |it| Value::UInt(*it);
    isize => |it| Value::Int(*it as i64);
    usize => |it| Value::UInt(*it as u64);
}
plain! { Float:
    f32 => |it| Value::Float(f64::from(*it));
    f64 => |it| Value::Float(*it);
}
plain! { Text:
    str => |it| Value::Text(Cow::Borrowed(it));
    String => |it| Value::Text(Cow::Borrowed(it));
    OsStr => |it| Value::Bytes(Cow::Borrowed(it.as_bytes()));
    OsString => |it| Value::Bytes(Cow::Borrowed(it.as_bytes()));
    Path => |it| Value::Bytes(Cow::Borrowed(it.as_os_str().as_bytes()));
    PathBuf => |it| Value::Bytes(Cow::Borrowed(it.as_os_str().as_bytes()));
    IpAddr => |it| Value::Text(Cow::Owned(it.to_string()));
    Ipv4Addr => |it| Value::Text(Cow::Owned(it.to_string()));
    Ipv6Addr => |it| Value::Text(Cow::Owned(it.to_string()));
}
plain! { Time:
    // A moment before 1970 is shown as 1970, one after 2554 as 2554.
    SystemTime => |it| Value::Time(it.duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)));
}

impl ColumnValue for u8 {
    const KIND: Kind = Kind::Int;
    const LIST_KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::UInt(u64::from(*self))
    }

    fn list(list: &[Self]) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(list))
    }
}

impl ColumnValue for BTreeMap<String, String> {
    const KIND: Kind = Kind::Text;
    fn value(&self) -> Value<'_> {
        let pairs = self
            .iter()
            .map(|(key, value)| (Cow::Borrowed(key.as_str()), Cow::Borrowed(value.as_str())));
        Value::Map(pairs.collect())
    }
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    const KIND: Kind = T::KIND;
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

impl<T: ColumnValue> ColumnValue for [T] {
    const KIND: Kind = T::LIST_KIND;
    fn value(&self) -> Value<'_> {
        T::list(self)
    }
}

impl<T: ColumnValue> ColumnValue for Vec<T> {
    const KIND: Kind = T::LIST_KIND;
    fn value(&self) -> Value<'_> {
        T::list(self)
    }
}

impl<T: ColumnValue, const N: usize> ColumnValue for [T; N] {
    const KIND: Kind = T::LIST_KIND;
    fn value(&self) -> Value<'_> {
        T::list(self)
    }
}

impl<T: ColumnValue + ToOwned + ?Sized> ColumnValue for Cow<'_, T> {
    const KIND: Kind = T::KIND;
    fn value(&self) -> Value<'_> {
        T::value(self)
    }
}

macro_rules! pointer {
    ($($type:ty),+) => {$(
        impl<T: ColumnValue + ?Sized> ColumnValue for $type {
            const KIND: Kind = T::KIND;
            fn value(&self) -> Value<'_> {
                T::value(self)
            }
        }
    )+};
}

pointer!(&T, Box<T>, Rc<T>, Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_type_has_its_value_and_kind() {
        fn case<T: ColumnValue + ?Sized>(it: &T, kind: Kind, expected: Value<'_>) {
            assert_eq!((T::KIND, it.value()), (kind, expected));
        }
        let bytes = |b: &'static [u8]| Value::Bytes(Cow::Borrowed(b));
        case(&true, Kind::Bool, Value::Bool(true));
        case(&-1i8, Kind::Int, Value::Int(-1));
        case(&7u8, Kind::Int, Value::UInt(7));
        case(&u64::MAX, Kind::Int, Value::UInt(u64::MAX));
        case(&0.5f32, Kind::Float, Value::Float(0.5));
        case("a", Kind::Text, Value::Text("a".into()));
        case(&None::<u32>, Kind::Int, Value::Null);
        case(
            &Some(Arc::<str>::from("a")),
            Kind::Text,
            Value::Text("a".into()),
        );
        case(&vec![1u8, 255], Kind::Text, bytes(b"\x01\xff"));
        case(&[1u8, 2], Kind::Text, bytes(b"\x01\x02"));
        case(
            &vec![b"a".to_vec()],
            Kind::Text,
            Value::List(vec![bytes(b"a")]),
        );
        case(&vec![3u32], Kind::Int, Value::List(vec![Value::UInt(3)]));
        case(&PathBuf::from("/a"), Kind::Text, bytes(b"/a"));
        case(
            &Ipv4Addr::LOCALHOST,
            Kind::Text,
            Value::Text("127.0.0.1".into()),
        );
        case(
            &BTreeMap::from([("app".to_owned(), "web".to_owned())]),
            Kind::Text,
            Value::Map(vec![("app".into(), "web".into())]),
        );
        let moment = UNIX_EPOCH + Duration::from_nanos(5);
        case(&moment, Kind::Time, Value::Time(5));
        let before = UNIX_EPOCH - Duration::from_secs(1);
        case(&before, Kind::Time, Value::Time(0));
    }
}
