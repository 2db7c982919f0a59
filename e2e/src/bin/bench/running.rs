//! A subject that runs, and what it has cost so far.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use traceherd_e2e::{Docker, kernel, process, process::Memory, storm::NO_OP};

use crate::{
    Failure,
    subject::{Kind, Subject},
};

/// How long a tracer may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(90);
/// It has started when it holds programs, and for so long neither changes them nor works.
const CALM: Duration = Duration::from_millis(500);
/// Or when it works on, and has held the same programs at so many looks.
const LOOKS: u32 = 10;

/// All processes of a subject.
pub struct Running {
    tracers: Vec<Tracer>,
}

/// Nanoseconds, since the start.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub kernel: u64,
    pub cpu: u64,
}

/// What its memory is, summed over its processes.
#[derive(Clone, Copy, Default)]
pub struct Footprint {
    pub memory: Memory,
    pub maps: u64,
}

struct Tracer {
    child: Child,
    output: PathBuf,
    /// How far the output has been looked at, and a line that was not whole then.
    reader: BufReader<File>,
    line: Vec<u8>,
    programs: BTreeSet<u32>,
    is_peer: bool,
    /// Whether it holds its programs by links once it traces, as Traceherd does.
    links: bool,
}

impl Running {
    /// Starts it and waits until it traces.
    pub fn start(subject: &Subject, docker: &Docker, folder: &Path) -> Result<Self, Failure> {
        let mut running = Self {
            tracers: Vec::new(),
        };
        let is_peer = matches!(subject.kind, Kind::Peer(_));
        for (n, mut command) in subject.commands(docker)?.into_iter().enumerate() {
            let output = folder.join(format!("output-{n}"));
            let said = output.with_extension("err");
            let child = command
                .stdin(Stdio::null())
                .stdout(File::create(&output)?)
                .stderr(File::create(&said)?)
                .spawn()?;
            running.tracers.push(Tracer {
                child,
                reader: BufReader::new(File::open(&output)?),
                line: Vec::new(),
                output,
                programs: BTreeSet::new(),
                is_peer,
                links: !is_peer && subject.traces > 0,
            });
        }
        for tracer in &mut running.tracers {
            tracer
                .settle()
                .map_err(|error| format!("{}: {error}", subject.name))?;
        }
        Ok(running)
    }

    /// How many there are, each with all events: 1 of a subject that has several traces in one.
    pub fn processes(&self) -> u64 {
        self.tracers.len() as u64
    }

    pub fn spent(&self) -> io::Result<Spent> {
        let mut sum = Spent::default();
        for tracer in &self.tracers {
            sum.kernel += kernel::run_time(&tracer.programs)?.nanoseconds;
            sum.cpu += process::cpu_time(tracer.child.id())?;
        }
        Ok(sum)
    }

    pub fn footprint(&self) -> io::Result<Footprint> {
        let mut sum = Footprint::default();
        for tracer in &self.tracers {
            let memory = process::memory(tracer.child.id())?;
            sum.memory.resident += memory.resident;
            sum.memory.anonymous += memory.anonymous;
            sum.memory.rings += memory.rings;
            sum.memory.peak += memory.peak;
            sum.maps += kernel::map_memory(tracer.child.id())?;
        }
        Ok(sum)
    }

    /// The storm's events in the output of every process since the last call. Waits for as many as
    /// were executed, or until no more come.
    pub fn events(&mut self, expected: u64) -> io::Result<u64> {
        let mut sum = 0;
        for tracer in &mut self.tracers {
            sum += tracer.events(expected)?;
        }
        Ok(sum)
    }

    /// Ends it, and returns what it said on standard error.
    pub fn stop(mut self) -> Result<String, Failure> {
        let mut words = String::new();
        for tracer in &mut self.tracers {
            tracer.stop()?;
            words += &fs::read_to_string(tracer.output.with_extension("err"))?;
            words += &tracer.told_among_events()?;
        }
        Ok(words)
    }
}

impl Tracer {
    fn settle(&mut self) -> Result<(), Failure> {
        let pid = self.child.id();
        let started = Instant::now();
        let mut spent = 0;
        let (mut unchanged, mut links) = (0, 0);
        loop {
            sleep(CALM);
            if self.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                let said = fs::read_to_string(self.output.with_extension("err"))?;
                return Err(format!("it does not trace: {}", said.trim()).into());
            }
            let programs = kernel::programs(pid)?;
            let before = std::mem::replace(&mut spent, process::cpu_time(pid)?);
            let calm = spent.saturating_sub(before) < CALM.as_nanos() as u64 / 10;
            let links_before = std::mem::replace(&mut links, kernel::links(pid)?);
            let same = programs == self.programs && links == links_before;
            self.programs = programs;
            let traces = !self.programs.is_empty() && (links > 0 || !self.links);
            unchanged = match same && traces {
                true => unchanged + 1,
                false => 0,
            };
            // What else the machine executes may keep it at work.
            if unchanged >= if calm { 1 } else { LOOKS } {
                return Ok(());
            }
        }
    }

    fn events(&mut self, expected: u64) -> io::Result<u64> {
        let mut found = 0;
        let mut quiet = Instant::now();
        loop {
            let line = &mut self.line;
            while self.reader.read_until(b'\n', line)? > 0 && line.ends_with(b"\n") {
                let is_ours = line
                    .windows(NO_OP.len())
                    .any(|part| part == NO_OP.as_bytes());
                found += u64::from(is_ours);
                line.clear();
                quiet = Instant::now();
            }
            if found >= expected || quiet.elapsed() > CALM {
                return Ok(found);
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// The lines of its output that are no events but tell of such that were lost, as bpftrace's.
    fn told_among_events(&self) -> io::Result<String> {
        let mut told = String::new();
        if self.is_peer {
            for line in BufReader::new(File::open(&self.output)?).split(b'\n') {
                let line = line?;
                if line.starts_with(b"Lost ") {
                    told += &String::from_utf8_lossy(&line);
                    told.push('\n');
                }
            }
        }
        Ok(told)
    }

    fn stop(&mut self) -> Result<(), Failure> {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )?;
        let started = Instant::now();
        while self.child.try_wait()?.is_none() {
            if started.elapsed() > PATIENCE {
                return Err("a tracer does not end".into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
