//! Describe an event type's columns once; format, filter and sort it everywhere.
//!
//! An event type declares its columns with [`#[derive(Columns)]`](trait@Columns). From its
//! [`ColumnSet`] come
//!
//! - a [`Table`]: rows of text, fitted to the terminal and safe to show on one,
//! - an [`Encoder`]: JSON, one record a line or pretty, and YAML,
//! - a [`Filter`]: `uid:0`, `comm:~^(ba)?sh$`, `pid:>=100`,
//! - a [`Sort`]: `comm,-pid`,
//! - groups: [`ColumnSet::group`].
//!
//! ```
//! use traceherd_columns::{Columns, ColumnSet, Encoder, Encoding, Filter, Table};
//!
//! #[derive(Columns)]
//! struct Exec {
//!     /// Process id.
//!     #[column(width = 7, fixed, align = right)]
//!     pid: u32,
//!     /// The name that the process goes by: bytes, and not to be trusted.
//!     #[column(width = 8)]
//!     comm: Vec<u8>,
//!     #[column(hidden)]
//!     uid: u32,
//!     #[column(width = 20, min_width = 10)]
//!     args: Vec<Vec<u8>>,
//! }
//!
//! let event = Exec {
//!     pid: 4242,
//!     comm: b"sh".to_vec(),
//!     uid: 0,
//!     args: vec![b"sh".to_vec(), b"-c".to_vec(), b"echo \x1b[2J".to_vec()],
//! };
//! let columns: ColumnSet<Exec> = Exec::columns();
//! let mut out = String::new();
//!
//! let mut table = Table::new(&columns);
//! table.fit(Some(40)); // or terminal_width()
//! table.write_header(&mut out);
//! table.write_row(&event, &mut out);
//! assert_eq!(out, "    PID COMM      ARGS\n   4242 sh        sh -c \"echo \\x1b[2J\"\n");
//!
//! out.clear();
//! Encoder::new(&columns, Encoding::Json).write(&event, &mut out);
//! assert_eq!(
//!     out,
//!     r#"{"pid":4242,"comm":"sh","uid":0,"args":["sh","-c","echo \u001b[2J"]}"#.to_owned() + "\n",
//! );
//!
//! let filter = Filter::parse(&columns, ["uid:0", "args:~echo"])?;
//! assert!(filter.matches(&event));
//! let error = Filter::parse(&columns, ["pid:many"]).unwrap_err();
//! assert_eq!(error.to_string(), r#"filter 1 ("pid:many"): "many" is not a whole number"#);
//!
//! // Chosen columns, for a table or an encoder:
//! let chosen = columns.select("uid,comm")?;
//! # assert_eq!(chosen.iter().count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Untrusted text
//! What a process says about itself may hold anything. A field of bytes (`Vec<u8>`, `OsString`,
//! `PathBuf`) takes it as it is; a table escapes what a terminal would act on, and JSON and YAML
//! have it as readable text and, where that loses something, exactly in base64 beside it. Trusted
//! text is escaped the same way: no control character gets through from any column.
//!
//! # Cost
//! A [`ColumnSet`], [`Table`], [`Encoder`] or [`Filter`] is built once. Writing an event borrows
//! from it and appends to a buffer of the caller's; it allocates for lists alone.

mod cell;
mod column;
mod column_value;
mod condition;
mod encoder;
mod escape;
mod filter;
mod group;
mod json;
mod layout;
mod nested;
mod set;
mod sort;
mod table;
mod terminal;
mod text;
mod time;
mod value;
mod yaml;

pub use column::{Align, Column, Ellipsis};
pub use column_value::ColumnValue;
pub use condition::FilterReason;
pub use encoder::{Encoder, Encoding};
pub use filter::{Filter, FilterError};
pub use group::Sum;
pub use nested::Nested;
#[doc(hidden)]
pub use nested::flatten;
pub use set::{ColumnSet, Columns, NameError};
pub use sort::Sort;
pub use table::Table;
pub use terminal::terminal_width;
pub use traceherd_columns_derive::Columns;
pub use value::{Kind, Value};
