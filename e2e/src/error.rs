use std::{io, path::PathBuf, time::Duration};

/// Why a runtime could not be started, or a call to one failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Container runtimes need root.
    #[error(
        "starting a container runtime needs root: run the tests with `sudo -E`, or `make test`"
    )]
    NotRoot,
    /// `install-runtimes.sh` failed; it has said why.
    #[error("cannot get the container runtimes:\n{0}")]
    Install(String),
    /// A program could not be started.
    #[error("cannot run {program}")]
    Spawn {
        /// The program's path or name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the runtime could not be made or read.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon ended, or did not answer in time.
    #[error("{daemon} is not ready after {waited:?}; the end of its log:\n{log}")]
    NotReady {
        /// Which daemon.
        daemon: &'static str,
        /// How long was waited.
        waited: Duration,
        /// The last lines of its log.
        log: String,
    },
    /// A command exited with another status than 0.
    #[error("`{command}` failed ({status}):\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to stdout and stderr.
        output: String,
    },
    /// The runtime said something unexpected.
    #[error("`{command}` said {output:?}, expected {expected}")]
    Unexpected {
        /// The command line.
        command: String,
        /// What it wrote.
        output: String,
        /// What was expected of it.
        expected: &'static str,
    },
}
