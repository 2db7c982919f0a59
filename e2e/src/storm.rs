//! Storms: a static program that does nothing, executed at the highest rate there is, by one that
//! counts exactly how often.
//!
//! ```no_run
//! use std::time::Duration;
//! use traceherd_e2e::{Storms, storm::NO_OP};
//!
//! let storms = Storms::build()?;
//! // On the host, from both cores.
//! let executed = storms.storm().cores(2).lasting(Duration::from_secs(5)).run()?;
//! println!("{} times {NO_OP} in {:?}", executed.execs, executed.took);
//! // In a container's cgroup, numbered, until it is told to stop.
//! let running = storms.storm().joining("/sys/fs/cgroup/some/cgroup.procs").numbered().start()?;
//! let executed = running.stop()?;
//! # Ok::<(), traceherd_e2e::Error>(())
//! ```
//!
//! Every event with [`NO_OP`] as its `comm` is a storm's, and the storm's own exec is not counted:
//! with [`Storm::joining`] it happens before the cgroup is joined. In a container with a file system
//! of its own, [`Storms::folder`] has both programs (mount it, or `docker cp` it there), and
//! [`Storm::line`] tells the command line; [`Executed::parse`] reads what that prints.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::Error;

/// The name of the program that is executed.
pub const NO_OP: &str = "storm-no-op";
/// The name of the program that executes it.
const STORM: &str = "storm";

/// How many storms may go on side by side without waiting for one another.
#[must_use]
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The two programs, built for the time being.
#[derive(Debug)]
pub struct Storms {
    folder: TempDir,
}

impl Storms {
    /// Builds them with `cc`, statically: the cheapest to execute, and at home in any container.
    ///
    /// # Errors
    /// When there is no C compiler, or it cannot link statically.
    pub fn build() -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(|source| Error::File {
            action: "make a folder in",
            path: std::env::temp_dir(),
            source,
        })?;
        // A container's users may be others.
        open_to_all(folder.path())?;
        let storms = Self { folder };
        storms.compile(NO_OP, "int main(void) { return 0; }\n")?;
        storms.compile(STORM, include_str!("storm/storm.c"))?;
        Ok(storms)
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program that is executed.
    #[must_use]
    pub fn no_op(&self) -> PathBuf {
        self.folder().join(NO_OP)
    }

    /// A storm from one core, without an end.
    pub fn storm(&self) -> Storm {
        Storm {
            folder: self.folder().to_owned(),
            options: Vec::new(),
        }
    }

    fn compile(&self, name: &str, source: &str) -> Result<(), Error> {
        let file = self.folder().join(format!("{name}.c"));
        fs::write(&file, source).map_err(|source| Error::File {
            action: "write",
            path: file.clone(),
            source,
        })?;
        let mut command = Command::new("cc");
        command.args(["-O2", "-static", "-o"]);
        command.arg(self.folder().join(name)).arg(&file);
        crate::container_cli::run(command).map(drop)
    }
}

fn open_to_all(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(|source| Error::File {
        action: "open to all",
        path: folder.into(),
        source,
    })
}

/// A storm to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct Storm {
    folder: PathBuf,
    options: Vec<String>,
}

impl Storm {
    fn with(mut self, option: &str, value: impl ToString) -> Self {
        self.options.extend([option.to_owned(), value.to_string()]);
        self
    }

    /// It is over after this time.
    pub fn lasting(self, time: Duration) -> Self {
        self.with("-s", time.as_secs_f64())
    }

    /// It is over when each core has executed so many.
    pub fn times(self, times: u64) -> Self {
        self.with("-n", times)
    }

    /// From so many cores, each with a process that stays on it.
    pub fn cores(self, cores: usize) -> Self {
        self.with("-c", cores)
    }

    /// With so many bytes of arguments besides the program's name.
    pub fn argument_bytes(self, bytes: usize) -> Self {
        self.with("-a", bytes)
    }

    /// With a pause after each, so that it is no storm.
    pub fn pausing(self, pause: Duration) -> Self {
        self.with("-p", pause.as_micros())
    }

    /// In the cgroup with this `cgroup.procs`.
    pub fn joining(self, procs: impl AsRef<Path>) -> Self {
        self.with("-g", procs.as_ref().display())
    }

    /// Each with a first argument of its own: `CORE:NUMBER`, both from 0.
    pub fn numbered(mut self) -> Self {
        self.options.push("-k".to_owned());
        self
    }

    /// Its command line, with the programs in `folder`.
    #[must_use]
    pub fn line(&self, folder: &Path) -> Vec<String> {
        let program = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let mut line = vec![program(STORM)];
        line.extend(self.options.iter().cloned());
        line.push(program(NO_OP));
        line
    }

    /// Begins.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(&self) -> Result<Running, Error> {
        let line = self.line(&self.folder);
        let child = Command::new(&line[0])
            .args(&line[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let child = child.map_err(|source| failed(&line, source))?;
        Ok(Running { line, child })
    }

    /// From its beginning to its end.
    ///
    /// # Errors
    /// As [`Self::start`] and [`Running::wait`].
    pub fn run(&self) -> Result<Executed, Error> {
        self.start()?.wait()
    }
}

/// A storm that goes on. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    line: Vec<String>,
    child: Child,
}

impl Running {
    /// The process that the executing ones, one a core, are children of.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is over by itself.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it could not execute the program, or join the cgroup: then nothing is known.
    pub fn wait(mut self) -> Result<Executed, Error> {
        let mut said = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            let read = stdout.read_to_string(&mut said);
            read.map_err(|source| failed(&self.line, source))?;
        }
        let status = self.child.wait();
        let status = status.map_err(|source| failed(&self.line, source))?;
        let executed = Executed::parse(&said).filter(|_| status.success());
        executed.ok_or_else(|| Error::Failed {
            command: self.line.join(" "),
            status,
            output: said,
        })
    }

    /// Ends it after the exec that is under way.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn stop(self) -> Result<Executed, Error> {
        // If it is over already, that is just as well.
        let _ = kill(Pid::from_raw(self.pid().cast_signed()), Signal::SIGTERM);
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(line: &[String], source: std::io::Error) -> Error {
    Error::Spawn {
        program: line.join(" "),
        source,
    }
}

/// What a storm did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Executed {
    /// How many were executed, all of them successfully.
    pub execs: u64,
    /// From the first to the end of the last.
    pub took: Duration,
}

impl Executed {
    /// From what the program prints.
    #[must_use]
    pub fn parse(said: &str) -> Option<Self> {
        let (execs, seconds) = said.trim().split_once(' ')?;
        Some(Self {
            execs: execs.parse().ok()?,
            took: Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?,
        })
    }

    /// Execs a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.execs as f64 / self.took.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_storm_does_what_it_is_told_and_says_how_much() {
        let storms = Storms::build().unwrap();
        let each = storms
            .storm()
            .times(50)
            .cores(2)
            .argument_bytes(300)
            .numbered();
        assert_eq!(each.run().unwrap().execs, 100);
        let short = storms.storm().lasting(Duration::from_millis(200));
        let done = short.pausing(Duration::from_millis(20)).run().unwrap();
        assert!((1..=10).contains(&done.execs), "{done:?}");
        assert!(done.took >= Duration::from_millis(200), "{done:?}");
        let endless = storms.storm().start().unwrap();
        thread::sleep(Duration::from_millis(100));
        assert!(endless.stop().unwrap().execs > 0);
    }

    #[test]
    fn a_storm_that_cannot_be_says_so() {
        let storms = Storms::build().unwrap();
        assert!(storms.storm().joining("/no/such/procs").run().is_err());
        fs::remove_file(storms.no_op()).unwrap();
        assert!(storms.storm().times(1).run().is_err());
    }

    #[test]
    fn what_it_prints_is_read() {
        let executed = Executed {
            execs: 12,
            took: Duration::from_millis(500),
        };
        assert_eq!(Executed::parse("12 0.500000\n"), Some(executed));
        for not in ["", "12", "12 x", "x 1", "12 -1"] {
            assert_eq!(Executed::parse(not), None, "{not}");
        }
    }
}
