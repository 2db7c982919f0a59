//! The `traceherd` command: [`main`] is all of it.

mod answer;
mod check;
mod cli;
mod containers;
mod exec;
mod failure;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod listing;
mod manifest;
mod messages;
mod node;
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

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(failure) = messages::start(&cli.command) {
        return failure.report();
    }
    match command(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn command(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Exec(args) => exec::exec(&args, &cli.runtimes),
        Command::Run(args) => run::run(&args, &cli.runtimes),
        Command::Containers(args) => containers::containers(&args, &cli.runtimes),
        Command::Agent(args) => node::agent(args, &cli.runtimes),
        Command::Check(args) => check::check(&args),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { command } => pages::man(command.as_deref()),
    }
}
