//! A running `traceherd`, and programs with names of their own for it to see.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything here may take: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A program that nobody else runs: a copy of `true` under a name of its own.
pub struct Program {
    _folder: tempfile::TempDir,
    path: PathBuf,
    pub name: String,
}

impl Program {
    /// Makes one; `word` tells it from those of other tests.
    pub fn new(word: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The kernel keeps 15 bytes of a name.
        let name = format!("{word}{}", std::process::id() % 100_000);
        assert!(name.len() <= 15, "{name}");
        let path = folder.path().join(&name);
        // By another process: a child that another test forks meanwhile would have the copy open for
        // writing, and until it executes something nobody else could execute it (ETXTBSY).
        let copied = Command::new("cp").arg("/bin/true").arg(&path).status();
        assert!(copied.unwrap().success());
        Self {
            _folder: folder,
            path,
            name,
        }
    }

    /// The filter for its execs.
    pub fn filter(&self) -> String {
        format!("comm:{}", self.name)
    }

    /// Runs it once.
    pub fn run(&self, arguments: &[&str]) {
        assert!(
            Command::new(&self.path)
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
    }
}

/// A running command that is ended with the value.
pub struct Running {
    child: Child,
    stdout: Option<BufReader<File>>,
}

impl Running {
    /// Starts `traceherd` with `words`, and waits until it traces.
    pub fn start(words: &[&str]) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self::start_on(words, writer.into(), reader.into()).0
    }

    /// The same with another standard output, to be read from `reader`; also gives the header.
    pub fn start_on(words: &[&str], stdout: Stdio, reader: OwnedFd) -> (Self, String) {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        let child = Command::new(env!("CARGO_BIN_EXE_traceherd"))
            .args(words)
            .env("RUST_LOG", "off")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = Some(BufReader::new(File::from(reader)));
        let mut running = Self { child, stdout };
        let header = running.line();
        assert!(header.contains("PID"), "{header:?}: {}", running.stderr());
        (running, header)
    }

    /// The next line of its standard output; empty at its end.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader().read_line(&mut line).unwrap();
        line
    }

    /// What is left of its standard output.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.reader().read_to_string(&mut rest).unwrap();
        rest
    }

    fn reader(&mut self) -> &mut BufReader<File> {
        self.stdout.as_mut().unwrap()
    }

    /// Stops reading its standard output for good.
    pub fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Its standard error, to the end.
    pub fn stderr(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        within_patience("the end of traceherd", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// The ids of the eBPF programs that it holds.
    pub fn programs(&self) -> Vec<u32> {
        let folder = format!("/proc/{}/fdinfo", self.child.id());
        let infos = fs::read_dir(folder).unwrap();
        let texts = infos.filter_map(|info| fs::read_to_string(info.ok()?.path()).ok());
        let mut ids: Vec<u32> = texts
            .flat_map(|text| {
                let ids = text
                    .lines()
                    .filter_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok());
                ids.collect::<Vec<_>>()
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `done`.
pub fn within_patience(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what} is overdue");
        sleep(Duration::from_millis(20));
    }
}
