//! The `traceherd` command.

mod cli;
mod containers;
mod exec;
mod failure;
mod format;
mod listing;
mod manifest;
mod pages;
mod plan;
mod run;
mod session;
mod signals;
mod sources;
mod stdout;
mod summary;
mod value;
mod words;
mod writer;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    match command(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Traceherd's own messages: warnings and worse, unless RUST_LOG says otherwise.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}

fn command(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Exec(args) => exec::exec(&args, &cli.runtimes),
        Command::Run(args) => run::run(&args, &cli.runtimes),
        Command::Containers(args) => containers::containers(&args, &cli.runtimes),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
    }
}
