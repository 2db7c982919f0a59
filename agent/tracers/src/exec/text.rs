//! Short strings of the kernel's, kept in place.

use std::{borrow::Cow, fmt};

use traceherd_columns::{ColumnValue, Kind, Value};

/// A name in a fixed number of bytes, closed by NUL: a command's or a terminal's. Any bytes: it
/// may have been chosen by the process itself.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Name(pub(crate) [u8; 16]);

impl Name {
    /// Without the NUL and what is behind it.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), f)
    }
}

impl fmt::Display for Name {
    /// Control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_bytes().escape_ascii(), f)
    }
}

impl ColumnValue for Name {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Bytes(Cow::Borrowed(self.as_bytes()))
    }
}
