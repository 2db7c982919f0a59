//! How a command ends that cannot go on.

use std::io;
use std::process::ExitCode;

/// A failure, by who is to blame.
#[derive(Debug)]
pub enum Failure {
    /// The command line, a manifest or a filter: exit code 2.
    Usage(anyhow::Error),
    /// The system: exit code 1.
    Runtime(anyhow::Error),
    /// The system, and it is told already: exit code 1.
    Told,
    /// Nobody reads standard output any more: a quiet end.
    ClosedPipe,
}

impl Failure {
    /// Bad usage.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }

    /// Trouble with the system.
    pub fn runtime(error: impl Into<anyhow::Error>) -> Self {
        Self::Runtime(error.into())
    }

    /// Standard output could not be written.
    pub fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => {
                Self::Runtime(anyhow::Error::new(error).context("cannot write to standard output"))
            }
        }
    }

    /// Tells it on standard error, in one line with its causes; gives the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                eprintln!("traceherd: {error:#}");
                ExitCode::from(2)
            }
            Self::Runtime(error) => {
                eprintln!("traceherd: {error:#}");
                ExitCode::FAILURE
            }
            Self::Told => ExitCode::FAILURE,
            Self::ClosedPipe => ExitCode::SUCCESS,
        }
    }
}
