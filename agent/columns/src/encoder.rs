//! Events as JSON and YAML.

use std::fmt;

use crate::column::Column;
use crate::json;
use crate::set::ColumnSet;
use crate::value::Value;
use crate::yaml;

/// How an [`Encoder`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A JSON object on one line.
    Json,
    /// A JSON object on as many lines as it has parts.
    JsonPretty,
    /// A YAML document that begins with `---`.
    Yaml,
}

/// Writes events as JSON or YAML, all columns of its set, hidden ones too.
///
/// The keys are the columns' names. A column without a value is left out. Moments are RFC 3339 in
/// UTC with nanoseconds. Bytes are readable text, what is not UTF-8 as U+FFFD; where that lost
/// something the bytes stand exactly in `<name>_base64` beside it (for a list: every element).
/// Control characters are escaped, so a record may be shown on a terminal.
pub struct Encoder<T> {
    /// What every record begins with, as it is written.
    constants: Vec<Box<str>>,
    columns: Vec<(Box<str>, Column<T>)>,
    encoding: Encoding,
}

impl<T> Encoder<T> {
    /// An encoder of all columns of `set`; narrow it with [`ColumnSet::select`].
    pub fn new(set: &ColumnSet<T>, encoding: Encoding) -> Self {
        let columns = set
            .iter()
            .map(|column| (key(column.name, encoding), column.clone()))
            .collect();
        Self {
            constants: Vec::new(),
            columns,
            encoding,
        }
    }

    /// Begins every record with this, after what was given before: the name of a trace, say. It is
    /// encoded here, once. A column of that name is left out.
    pub fn constant(mut self, name: &str, value: &Value<'_>) -> Self {
        self.columns.retain(|(_, column)| column.name != name);
        if value.is_nothing() {
            return self;
        }
        self.push_constant(&key(name, self.encoding), |encoding, out| match encoding {
            Encoding::Json => json::write_value(value, None, out),
            Encoding::JsonPretty => json::write_value(value, Some(4), out),
            Encoding::Yaml => {
                yaml::write_value(value, out);
                // Each member begins the line that it stands on.
                out.pop();
            }
        });
        if json::loses(value) {
            self.push_constant(
                &exact_key(name, self.encoding),
                |encoding, out| match encoding {
                    Encoding::Json => json::write_base64(value, None, out),
                    Encoding::JsonPretty => json::write_base64(value, Some(4), out),
                    Encoding::Yaml => {
                        out.push(' ');
                        json::write_base64(value, None, out);
                    }
                },
            );
        }
        self
    }

    fn push_constant(&mut self, key: &str, write: impl FnOnce(Encoding, &mut String)) {
        let mut member = key.to_owned();
        write(self.encoding, &mut member);
        self.constants.push(member.into());
    }

    /// Appends the record of an event, with a newline at its end.
    pub fn write(&self, event: &T, out: &mut String) {
        match self.encoding {
            Encoding::Json => self.write_json(event, None, out),
            Encoding::JsonPretty => self.write_json(event, Some(2), out),
            Encoding::Yaml => self.write_yaml(event, out),
        }
    }

    fn write_json(&self, event: &T, indent: Option<usize>, out: &mut String) {
        let inner = indent.map(|spaces| spaces + 2);
        let mut first = true;
        let mut member = |key: &str, out: &mut String| {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            json::new_line(indent, out);
            out.push_str(key);
        };
        out.push('{');
        for constant in &self.constants {
            member(constant, out);
        }
        for (key, column) in &self.columns {
            let value = column.value(event);
            if value.is_nothing() {
                continue;
            }
            member(key, out);
            json::write_value(&value, inner, out);
            if json::loses(&value) {
                member(&exact_key(column.name, self.encoding), out);
                json::write_base64(&value, inner, out);
            }
        }
        if !first {
            json::new_line(indent.map(|_| 0), out);
        }
        out.push_str("}\n");
    }

    fn write_yaml(&self, event: &T, out: &mut String) {
        out.push_str("---");
        let start = out.len();
        for constant in &self.constants {
            out.push('\n');
            out.push_str(constant);
        }
        for (key, column) in &self.columns {
            let value = column.value(event);
            if value.is_nothing() {
                continue;
            }
            out.push('\n');
            out.push_str(key);
            yaml::write_value(&value, out);
            // Each member begins the line that it stands on.
            out.pop();
            if json::loses(&value) {
                out.push('\n');
                out.push_str(&exact_key(column.name, self.encoding));
                out.push(' ');
                json::write_base64(&value, None, out);
            }
        }
        if out.len() == start {
            out.push_str(" {}");
        }
        out.push('\n');
    }
}

fn key(name: &str, encoding: Encoding) -> Box<str> {
    let mut key = String::new();
    let name = Value::Text(name.into());
    match encoding {
        Encoding::Json => json::write_value(&name, None, &mut key),
        Encoding::JsonPretty => json::write_value(&name, None, &mut key),
        Encoding::Yaml => yaml::write_element(&name, &mut key),
    }
    key.push_str(match encoding {
        Encoding::JsonPretty => ": ",
        Encoding::Json | Encoding::Yaml => ":",
    });
    key.into()
}

fn exact_key(name: &str, encoding: Encoding) -> Box<str> {
    key(&format!("{name}_base64"), encoding)
}

impl<T> fmt::Debug for Encoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.columns.iter().map(|(_, c)| c.name).collect();
        f.debug_struct("Encoder")
            .field("encoding", &self.encoding)
            .field("columns", &names)
            .finish()
    }
}
