use std::{
    fs::{self, File},
    io,
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::Error;

const READY_WITHIN: Duration = Duration::from_secs(60);
const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// A running daemon; its home's sweeper ends it.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
    socket: PathBuf,
}

impl Daemon {
    /// Starts `command` with its output in `log` and waits until `socket` takes connections.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        log: &Path,
        socket: &Path,
    ) -> Result<Self, Error> {
        let file = |source| Error::File {
            action: "make",
            path: log.into(),
            source,
        };
        let mut appending = File::options();
        appending.create(true).append(true);
        let stdout = appending.open(log).map_err(file)?;
        let stderr = stdout.try_clone().map_err(file)?;
        // A process group of its own: Ctrl-C is for the test, whose end the sweeper sees.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Spawn {
                program: name.into(),
                source,
            })?;
        let started = Instant::now();
        loop {
            if UnixStream::connect(socket).is_ok() {
                return Ok(Self {
                    name,
                    child,
                    log: log.into(),
                    socket: socket.into(),
                });
            }
            let ended = !matches!(child.try_wait(), Ok(None));
            if ended || started.elapsed() > READY_WITHIN {
                return Err(Error::NotReady {
                    daemon: name,
                    waited: started.elapsed(),
                    log: last_lines(log, 20),
                });
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, waits for that, and starts `command` in its place.
    pub(crate) fn restart(&mut self, command: Command) -> Result<(), Error> {
        let failed = |source| Error::Spawn {
            program: self.name.into(),
            source,
        };
        let pid = Pid::from_raw(self.pid().cast_signed());
        kill(pid, Signal::SIGTERM).map_err(|error| failed(error.into()))?;
        let asked = Instant::now();
        while self.child.try_wait().map_err(failed)?.is_none() {
            if asked.elapsed() > ENDED_WITHIN {
                return Err(failed(io::Error::other("does not end when it is asked to")));
            }
            sleep(Duration::from_millis(20));
        }
        *self = Self::start(self.name, command, &self.log, &self.socket)?;
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn last_lines(log: &Path, count: usize) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
