//! What a trace asks of the exec gadget.

/// Most bytes of arguments that can be asked for.
pub const MAX_ARGS_BYTES: u32 = traceherd_ebpf_common::MAX_ARGS_BYTES as u32;

/// How much of the arguments an event carries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ArgsMode {
    /// The arguments, up to [`ExecOptions::max_args_bytes`].
    #[default]
    Full,
    /// Only how many there are.
    Count,
    /// Nothing of them, not even how many there are.
    None,
}

/// The options of the exec gadget.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExecOptions {
    /// Also execs that failed. Needs Linux 5.15, and slows every system call of the machine by
    /// some 55 ns while it is asked for. Those of 32-bit programs on a 64-bit kernel are not seen.
    pub include_failed: bool,
    /// Most bytes of the argument block, at most [`MAX_ARGS_BYTES`].
    pub max_args_bytes: u32,
    /// How much of the arguments.
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

impl ExecOptions {
    /// Bytes that the kernel side must record for this.
    pub(crate) fn recorded_bytes(&self) -> u32 {
        match self.args {
            ArgsMode::Full => self.max_args_bytes.min(MAX_ARGS_BYTES),
            ArgsMode::Count | ArgsMode::None => 0,
        }
    }
}
