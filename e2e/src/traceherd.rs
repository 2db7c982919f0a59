//! The `traceherd` command, run as its users run it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{Containerd, Docker, Error, kernel, programs};

/// Under emulation the kernel's verifier alone takes most of a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running `traceherd` command, as its users run it: events are read from its stdout.
#[derive(Debug)]
pub struct Traceherd {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    readers: Vec<JoinHandle<()>>,
    stderr: Arc<Mutex<String>>,
}

/// What a `traceherd` left when it ended.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Every event it wrote.
    pub events: Vec<Value>,
    /// Everything it wrote to stderr, the summary included.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended well, and its summary tells that nothing was lost or held back.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        let summary = self.stderr.lines().last().unwrap_or_default();
        self.status.success() && summary.contains(", 0 lost, 0 suppressed")
    }

    /// Whether, besides, nothing was lost of which it is not known whose it was.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_lossless() && !self.stderr.contains("unattributed")
    }
}

/// The options of a `traceherd` to be started.
#[derive(Debug)]
pub struct Options {
    command: Command,
}

impl Options {
    /// `traceherd exec -o json` with more arguments.
    ///
    /// # Errors
    /// When the command cannot be built.
    pub fn exec(args: &[&str]) -> Result<Self, Error> {
        let mut command = Command::new(programs::traceherd()?);
        command.args(["exec", "-o", "json"]).args(args);
        Ok(Self { command })
    }

    /// `traceherd run -o json` of a manifest.
    ///
    /// # Errors
    /// When the command cannot be built.
    pub fn run(manifest: &Path) -> Result<Self, Error> {
        let mut command = Command::new(programs::traceherd()?);
        command.args(["run", "-o", "json", "-f"]).arg(manifest);
        Ok(Self { command })
    }

    /// Lets it ask this docker for names.
    #[must_use]
    pub fn docker(mut self, docker: &Docker) -> Self {
        self.command.arg("--docker-socket").arg(docker.socket());
        self
    }

    /// Lets it ask this containerd for names.
    #[must_use]
    pub fn containerd(mut self, containerd: &Containerd) -> Self {
        self.command
            .arg("--containerd-socket")
            .arg(containerd.socket());
        self
    }

    /// Starts it and waits until its programs are attached.
    ///
    /// # Errors
    /// When it ends before that, with what it said.
    pub fn start(self) -> Result<Traceherd, Error> {
        let mut traceherd = self.start_to(Stdio::piped())?;
        if let Some(stdout) = traceherd.child.stdout.take() {
            let events = Arc::clone(&traceherd.events);
            traceherd
                .readers
                .push(thread::spawn(move || read_events(stdout, &events)));
        }
        Ok(traceherd)
    }

    /// As [`Self::start`], with its events written elsewhere.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_to(mut self, stdout: impl Into<Stdio>) -> Result<Traceherd, Error> {
        let failed = |source| Error::Spawn {
            program: "traceherd".into(),
            source,
        };
        self.command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped());
        let child = self.command.spawn().map_err(failed)?;
        // It may hold the other end of a pipe.
        drop(self.command);
        let mut traceherd = Traceherd {
            child,
            events: Arc::default(),
            readers: Vec::new(),
            stderr: Arc::default(),
        };
        if let Some(stderr) = traceherd.child.stderr.take() {
            let said = Arc::clone(&traceherd.stderr);
            traceherd
                .readers
                .push(thread::spawn(move || read_text(stderr, &said)));
        }
        let started = Instant::now();
        while !kernel::has_attached(traceherd.pid()) {
            let ended = !matches!(traceherd.child.try_wait(), Ok(None));
            if ended || started.elapsed() > PATIENCE {
                sleep(Duration::from_millis(100));
                return Err(Error::NotReady {
                    daemon: "traceherd",
                    waited: started.elapsed(),
                    log: traceherd.stderr(),
                });
            }
            sleep(Duration::from_millis(5));
        }
        Ok(traceherd)
    }
}

impl Traceherd {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The events it has written so far.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        lock(&self.events).clone()
    }

    /// What it has written to stderr so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        lock(&self.stderr).clone()
    }

    /// Whether, within three minutes, its events are as `expected` says.
    pub fn eventually(&self, mut expected: impl FnMut(&[Value]) -> bool) -> bool {
        let started = Instant::now();
        loop {
            if expected(&lock(&self.events)) {
                return true;
            }
            if started.elapsed() > PATIENCE {
                return false;
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> nix::Result<()> {
        kill(Pid::from_raw(self.pid().cast_signed()), signal)
    }

    /// Ends it as Ctrl-C does and returns all that it wrote.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<Ended, Error> {
        let failed = |source| Error::Spawn {
            program: "traceherd".into(),
            source,
        };
        let _ = self.signal(Signal::SIGINT);
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                break status;
            }
            if started.elapsed() > PATIENCE {
                return Err(failed(std::io::Error::other(
                    "did not end within three minutes of SIGINT",
                )));
            }
            sleep(Duration::from_millis(5));
        };
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Ok(Ended {
            status,
            events: self.events(),
            stderr: self.stderr(),
        })
    }
}

impl Drop for Traceherd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_events(stdout: ChildStdout, events: &Mutex<Vec<Value>>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // Not JSON: kept as text, so that a test shows it.
        let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
        lock(events).push(event);
    }
}

fn read_text(mut stderr: ChildStderr, text: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut buffer) {
        lock(text).push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
