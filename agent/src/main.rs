//! The `traceherd` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    traceherd_agent::main()
}
