//! The options of the exec gadget.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::MAX_ARGS_BYTES;

/// Options of the exec gadget.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ExecOptions {
    /// Also report execs that failed, with the error they got. Off by default: watching for
    /// failures slows every system call of the node a little while the trace runs.
    pub include_failed: bool,
    /// How many bytes of the arguments one event carries at most. The event says what is cut.
    #[schemars(with = "i32", range(min = 1, max = MAX_ARGS_BYTES))]
    pub max_args_bytes: u32,
    /// What is recorded of the arguments: Full, their text; Count, only how many there are;
    /// None, nothing.
    pub args: ArgsMode,
}

impl Default for ExecOptions {
    fn default() -> Self {
        Self {
            include_failed: false,
            max_args_bytes: 4096,
            args: ArgsMode::Full,
        }
    }
}

/// What is recorded of a program's arguments.
// Plain comments on the variants: docstrings would turn the schema's enum into a oneOf, which
// the API server refuses.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Deserialize, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ArgsMode {
    // Their text, up to maxArgsBytes.
    #[default]
    Full,
    // How many there are, and not their text.
    Count,
    // Nothing.
    None,
}
