//! Completions and manual pages, made from the command line's shape.

use anyhow::anyhow;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::stdout;

/// Prints the completions of `shell`.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "traceherd", &mut script);
    print(&script)
}

/// Prints the manual page of `command`, or traceherd's own.
///
/// # Errors
/// When there is no such command, or standard output cannot be written.
pub fn man(command: Option<&str>) -> Result<(), Failure> {
    let mut traceherd = Cli::command();
    traceherd.build();
    let page = match command {
        None => traceherd,
        Some(name) => {
            let found = traceherd.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                Failure::usage(anyhow!("no command {name:?}: see traceherd --help"))
            })?
        }
    };
    let mut roff = Vec::new();
    Man::new(page).render(&mut roff).map_err(Failure::runtime)?;
    print(&roff)
}

fn print(text: &[u8]) -> Result<(), Failure> {
    stdout::write_all(&String::from_utf8_lossy(text)).map_err(Failure::stdout)
}
