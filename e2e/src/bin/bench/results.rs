//! What was measured, as it is kept: every single figure, so that tables and plots can be made
//! again.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use traceherd_e2e::statistics::Spread;

use crate::{Failure, machine::Machine, settings::Amounts, storm::Storm};

#[derive(Debug, Deserialize, Serialize)]
pub struct Results {
    pub machine: Machine,
    pub amounts: Amounts,
    /// Every subject, in every place.
    pub costs: Vec<Sample>,
    /// More numbers of traces, in a container.
    pub traces: Vec<Sample>,
    /// Argument bytes, in a container.
    pub arguments: Vec<Sample>,
    /// Each start of every subject of `costs`.
    pub starts: Vec<Start>,
    /// From a single exec to its line, in milliseconds.
    pub latency_ms: Vec<f64>,
    /// Of a core, while nothing happens, in percent.
    pub idle_percent: Vec<f64>,
    pub containers: Containers,
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

    /// Microseconds an exec.
    pub fn cpu(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.execs as f64
    }

    pub fn missing(&self) -> u64 {
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
        names(&self.costs)
    }

    /// The storms of `costs`, in their order.
    pub fn storms(&self) -> Vec<Storm> {
        let mut storms: Vec<Storm> = Vec::new();
        for sample in &self.costs {
            if !storms.contains(&sample.storm) {
                storms.push(sample.storm);
            }
        }
        storms
    }

    /// A figure of a subject in a place.
    pub fn cost(&self, subject: &str, storm: Storm, figure: fn(&Sample) -> f64) -> Option<Spread> {
        let samples = self.costs.iter();
        let of = samples.filter(|sample| sample.subject == subject && sample.storm == storm);
        Spread::of(of.map(figure))
    }

    /// A figure of a subject's starts.
    pub fn start(&self, subject: &str, figure: fn(&Start) -> f64) -> Option<Spread> {
        let starts = self.starts.iter().filter(|start| start.subject == subject);
        Spread::of(starts.map(figure))
    }

    /// Events that are not in the outputs, of all storms of a subject.
    pub fn missing(&self, subject: &str) -> u64 {
        let samples = self.costs.iter().filter(|sample| sample.subject == subject);
        samples.map(Sample::missing).sum()
    }
}

/// The subjects of these samples, in their order.
pub fn names(samples: &[Sample]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for sample in samples {
        if !names.contains(&sample.subject.as_str()) {
            names.push(&sample.subject);
        }
    }
    names
}
