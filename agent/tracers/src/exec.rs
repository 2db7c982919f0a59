//! The exec gadget: what an exec is, and how it is shown.

mod arguments;
mod decode;
mod event;
mod options;
mod text;

pub use arguments::{Argument, ArgumentList, Arguments};
pub use decode::{Clock, decode, decode_into};
pub use event::ExecEvent;
pub use options::{ArgsMode, ExecOptions, MAX_ARGS_BYTES};
pub use text::Name;
