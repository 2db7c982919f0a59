//! Traceherd's own messages, on standard error.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::cli::{Command, MessageFormat, Messages};
use crate::failure::Failure;

/// Begins to tell them, as the command asks for: the agent's are records, with their time.
///
/// # Errors
/// A level that is none.
pub fn start(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Agent(args) => of_a_service(&args.messages),
        _ => {
            of_a_command();
            Ok(())
        }
    }
}

/// Warnings and worse, unless RUST_LOG says otherwise.
fn of_a_command() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}

fn of_a_service(wanted: &Messages) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&wanted.log_level)
        .with_context(|| format!("--log-level {:?}", wanted.log_level))
        .map_err(Failure::Usage)?;
    let messages = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    match wanted.log_format {
        MessageFormat::Json => messages.json().flatten_event(true).init(),
        MessageFormat::Text => messages.init(),
    }
    Ok(())
}
