//! The `-o` option, and writing events as it says.

use std::str::FromStr;

use traceherd_columns::{ColumnSet, Encoder, Encoding, NameError, Table, terminal_width};

/// How events are shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Format {
    /// Rows of text, of the named columns or of the usual ones.
    Columns(Option<String>),
    /// JSON, one record a line.
    Json,
    /// JSON on many lines.
    JsonPretty,
    /// A YAML document each.
    Yaml,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None => match text {
                "columns" => Ok(Self::Columns(None)),
                "json" => Ok(Self::Json),
                "json-pretty" => Ok(Self::JsonPretty),
                "yaml" => Ok(Self::Yaml),
                _ => Err("one of columns, columns=NAME,…, json, json-pretty, yaml".to_owned()),
            },
            Some(("columns", names)) if !names.is_empty() => {
                Ok(Self::Columns(Some(names.to_owned())))
            }
            Some(_) => Err("only columns takes names: columns=pid,comm,args".to_owned()),
        }
    }
}

/// Writes values of one type as text, in one format.
pub enum Renderer<T> {
    /// Rows under a header.
    Table {
        /// The table.
        table: Table<T>,
        /// Whether the header is due.
        header_due: bool,
    },
    /// Records.
    Records(Encoder<T>),
}

impl<T> Renderer<T> {
    /// A renderer of `columns`.
    ///
    /// # Errors
    /// A chosen column that does not exist or is chosen twice.
    pub fn new(columns: &ColumnSet<T>, format: &Format) -> Result<Self, NameError> {
        Ok(match format {
            Format::Columns(None) => Self::table(columns),
            Format::Columns(Some(names)) => Self::table(&columns.select(names)?),
            Format::Json => Self::Records(Encoder::new(columns, Encoding::Json)),
            Format::JsonPretty => Self::Records(Encoder::new(columns, Encoding::JsonPretty)),
            Format::Yaml => Self::Records(Encoder::new(columns, Encoding::Yaml)),
        })
    }

    fn table(columns: &ColumnSet<T>) -> Self {
        Self::Table {
            table: Table::new(columns),
            header_due: true,
        }
    }

    /// Makes ready for more values: appends the header where it is due, at the beginning and
    /// when the terminal's width has changed.
    pub fn begin(&mut self, out: &mut String) {
        if let Self::Table { table, header_due } = self {
            let refitted = table.fit(terminal_width());
            if std::mem::take(header_due) || refitted {
                table.write_header(out);
            }
        }
    }

    /// Appends one value.
    pub fn write(&mut self, value: &T, out: &mut String) {
        match self {
            Self::Table { table, .. } => table.write_row(value, out),
            Self::Records(encoder) => encoder.write(value, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_name() {
        let columns = |names: &str| Format::Columns(Some(names.to_owned()));
        assert_eq!("columns".parse(), Ok(Format::Columns(None)));
        assert_eq!("columns=a,b".parse(), Ok(columns("a,b")));
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("json-pretty".parse(), Ok(Format::JsonPretty));
        assert_eq!("yaml".parse(), Ok(Format::Yaml));
        for text in ["", "JSON", "columns=", "json=a", "wide"] {
            assert!(text.parse::<Format>().is_err(), "{text:?}");
        }
    }
}
