//! What was measured, as it is kept: every single figure, so that tables and plots can be made
//! again.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use traceherd_e2e::statistics::Spread;

use crate::{
    Failure, ONE_AND_MANY, machine::Machine, settings::Amounts, storm::Storm, subject::library_name,
};

#[derive(Debug, Deserialize, Serialize)]
pub struct Results {
    pub machine: Machine,
    pub amounts: Amounts,
    /// Every subject, in every place.
    pub costs: Measured,
    /// More numbers of traces, in a container.
    pub traces: Measured,
    /// One trace and 1,000 at once, on the same storms.
    pub together: Measured,
    /// Argument bytes, in a container.
    pub arguments: Measured,
    /// From a single exec to its line, in milliseconds.
    pub latency_ms: Vec<f64>,
    /// Of a core, while nothing happens, in percent.
    pub idle_percent: Vec<f64>,
    pub containers: Containers,
}

/// Subjects under storms.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Measured {
    pub samples: Vec<Sample>,
    /// Each start of every subject.
    pub starts: Vec<Start>,
}

/// One storm under one subject.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sample {
    pub subject: String,
    /// What that is, whatever the number of traces.
    pub series: String,
    /// How many traces ran.
    pub traces: usize,
    pub storm: Storm,
    /// What the storm counted.
    pub execs: u64,
    pub seconds: f64,
    /// What the tracer cost during it, and after it until all was written.
    pub kernel_ns: u64,
    pub cpu_ns: u64,
    /// Events in the outputs, and how many there should be.
    pub events: u64,
    pub expected: u64,
}

impl Sample {
    pub fn rate(&self) -> f64 {
        self.execs as f64 / self.seconds
    }

    /// Microseconds an exec.
    pub fn kernel(&self) -> f64 {
        self.kernel_ns as f64 / 1e3 / self.execs as f64
    }

    /// Microseconds an exec; where events are missing, as if those there are had cost all of it, and
    /// no number where none is there.
    pub fn cpu(&self) -> f64 {
        let there = match self.expected {
            0 => 1.0,
            expected => self.events.min(expected) as f64 / expected as f64,
        };
        let cost = self.cpu_ns as f64 / 1e3 / self.execs as f64 / there;
        if there > 0.0 { cost } else { f64::NAN }
    }

    pub fn missing_percent(&self) -> f64 {
        100.0 * self.missing() as f64 / self.expected.max(1) as f64
    }

    fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.events)
    }
}

/// One run of a subject: its memory once it traces, and at its end.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Start {
    pub subject: String,
    pub resident: u64,
    pub anonymous: u64,
    pub files: u64,
    pub rings: u64,
    pub maps: u64,
    /// The most that was resident until the end of the run.
    pub peak: u64,
    pub maps_after: u64,
    /// What a system call cost while it ran, in nanoseconds.
    pub getppid_ns: f64,
    /// Events that it said it had lost.
    pub told_lost: u64,
}

/// Times of starting a container, in milliseconds.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Containers {
    pub without_ms: Vec<f64>,
    pub with_ms: Vec<f64>,
}

impl Results {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// The subjects of `costs`, in their order.
    pub fn subjects(&self) -> Vec<&str> {
        self.costs.subjects()
    }

    /// The storms of `costs`, in their order.
    pub fn storms(&self) -> Vec<Storm> {
        let mut storms: Vec<Storm> = Vec::new();
        for sample in &self.costs.samples {
            if !storms.contains(&sample.storm) {
                storms.push(sample.storm);
            }
        }
        storms
    }

    /// A figure of a subject in a place.
    pub fn cost(&self, subject: &str, storm: Storm, figure: fn(&Sample) -> f64) -> Option<Spread> {
        let samples = self.costs.of(subject);
        let here = samples.filter(|sample| sample.storm == storm);
        Spread::of(here.map(figure))
    }

    /// How many times as much 1,000 traces cost as one, storm by storm.
    pub fn many_compared(&self, figure: fn(&Sample) -> f64) -> Option<Spread> {
        let [one, many] = ONE_AND_MANY.map(library_name);
        let pairs = self.together.of(&many).zip(self.together.of(&one));
        Spread::of(pairs.map(|(many, one)| figure(many) / figure(one)))
    }

    /// A figure of the starts of a subject of `costs`.
    pub fn start(&self, subject: &str, figure: fn(&Start) -> f64) -> Option<Spread> {
        Spread::of(self.costs.starts_of(subject).map(figure))
    }
}

impl Measured {
    /// The subjects, in their order.
    pub fn subjects(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for sample in &self.samples {
            if !names.contains(&sample.subject.as_str()) {
                names.push(&sample.subject);
            }
        }
        names
    }

    /// A subject's storms.
    pub fn of(&self, subject: &str) -> impl Iterator<Item = &Sample> {
        let all = self.samples.iter();
        all.filter(move |sample| sample.subject == subject)
    }

    /// Events that should be in the outputs of a subject, and those that are not.
    pub fn missing(&self, subject: &str) -> (u64, u64) {
        let expected = self.of(subject).map(|sample| sample.expected).sum();
        (expected, self.of(subject).map(Sample::missing).sum())
    }

    /// Events that a subject said it had lost.
    pub fn told_lost(&self, subject: &str) -> u64 {
        self.starts_of(subject).map(|start| start.told_lost).sum()
    }

    fn starts_of(&self, subject: &str) -> impl Iterator<Item = &Start> {
        let all = self.starts.iter();
        all.filter(move |start| start.subject == subject)
    }
}
