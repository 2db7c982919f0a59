//! `make bench`: what an exec costs with Traceherd, without, and with its peers.
//!
//! `bench` measures; `bench FILE` makes tables and plots of an earlier run's `results.json`. What
//! can be set is in `settings.rs`.

mod low;
mod machine;
mod plots;
mod publish;
mod results;
mod rounds;
mod running;
mod settings;
mod storm;
mod subject;
mod tables;
mod targets;

use std::{env, error::Error, path::Path, process::ExitCode};

use traceherd_e2e::kernel::RunTimeStats;

use machine::Machine;
use results::Results;
use rounds::Rounds;
use settings::{Peer, Settings};
use storm::{Scene, Storm};
use subject::Subject;

pub(crate) type Failure = Box<dyn Error>;

/// How many traces there are at once, one of them matching.
const TRACES: [usize; 4] = [1, 10, 100, 1000];
/// The same of traces that all match.
const MATCHING_TRACES: [usize; 3] = [1, 10, 100];
/// Of those of which one matches, the two that are compared on the same storms.
const ONE_AND_MANY: [usize; 2] = [1, 1000];
const ARGUMENT_BYTES: [usize; 6] = [0, 256, 1024, 4096, 16_384, 32_000];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let settings = Settings::from_environment()?;
    let results = match env::args_os().nth(1) {
        Some(file) => Results::read(Path::new(&file))?,
        None => measure(&settings)?,
    };
    publish::publish(&results, &settings)
}

fn measure(settings: &Settings) -> Result<Results, Failure> {
    let amounts = &settings.amounts;
    let mut peers = subject::packaged_peers();
    peers.extend(settings.peers.clone());
    let work = tempfile::tempdir()?;
    let scene = Scene::prepare()?;
    let storms = |title, groups: &[Vec<Subject>], storms: &[Storm]| {
        // The kernel counts run times, which itself takes a little, while storms are measured.
        let _stats = RunTimeStats::enable()?;
        let rounds = Rounds {
            title,
            groups,
            storms,
        };
        rounds.measure(&scene, amounts, work.path())
    };
    let costs = storms(
        "everywhere",
        &each(everywhere(&peers)),
        &Storm::everywhere(),
    )?;
    // Thrice each: the differences that are looked for are small.
    let thrice = [Storm::full(0); 3];
    let traces = of_traces(&peers, amounts.peers);
    let traces = storms("traces", &each(traces), &thrice)?;
    let together = storms("one and many at once", &one_and_many(), &thrice)?;
    let sizes = ARGUMENT_BYTES.map(Storm::full);
    let arguments = storms("argument bytes", &each(of_arguments(&peers)), &sizes)?;
    eprintln!("single execs, an idle trace, containers");
    Ok(Results {
        machine: Machine::this()?,
        amounts: *amounts,
        costs,
        traces,
        together,
        arguments,
        latency_ms: low::latency_ms(&scene, amounts.single_execs)?,
        idle_percent: low::idle_percent(&scene, amounts, work.path())?,
        containers: low::containers(&scene, amounts.containers, work.path())?,
    })
}

/// By itself.
fn each(subjects: Vec<Subject>) -> Vec<Vec<Subject>> {
    subjects.into_iter().map(|subject| vec![subject]).collect()
}

fn everywhere(peers: &[Peer]) -> Vec<Subject> {
    let mut subjects = vec![
        Subject::nothing(),
        Subject::no_trace(),
        Subject::not_matching(),
        Subject::not_matching_with_failed(),
        Subject::matching(),
        Subject::matching_with_failed(),
    ];
    for traces in [100, 1000] {
        subjects.extend([false, true].map(|failed| Subject::library(traces, failed)));
    }
    subjects.extend(peers.iter().map(|peer| Subject::peer(peer, 1)));
    subjects
}

fn of_traces(peers: &[Peer], copies: usize) -> Vec<Subject> {
    let one_matching = TRACES.map(|traces| Subject::library(traces, false));
    let all_matching = MATCHING_TRACES.map(Subject::library_all_matching);
    let mut subjects: Vec<_> = one_matching.into_iter().chain(all_matching).collect();
    for peer in peers {
        subjects.extend([1, copies].map(|processes| Subject::peer(peer, processes)));
    }
    subjects
}

/// Each is the first as often: its programs run before the other's, which find what they read in the
/// processor's caches.
fn one_and_many() -> Vec<Vec<Subject>> {
    let [one, many] = ONE_AND_MANY.map(|traces| Subject::library(traces, false));
    vec![vec![one.clone(), many.clone()], vec![many, one]]
}

fn of_arguments(peers: &[Peer]) -> Vec<Subject> {
    let peers = peers.iter().map(|peer| Subject::peer(peer, 1));
    [Subject::nothing(), Subject::long_arguments()]
        .into_iter()
        .chain(peers)
        .collect()
}
