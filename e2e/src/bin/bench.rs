//! `make bench`: what an exec costs with traceherd and without.
//!
//! Each round runs a storm of execs without a tracer, under a trace that matches them, and under one
//! that does not. The table has the median of the rounds and, in brackets, the lowest and highest.
//! BENCH_ROUNDS (5) and BENCH_EXECS (3000) can be set.

use std::{
    env,
    error::Error,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread::sleep,
    time::{Duration, Instant},
};

use traceherd_e2e::{
    kernel::{self, RunTimeStats},
    process,
    traceherd::Options,
};

type Failure = Box<dyn Error>;

/// A trace to be measured: its name in the table, and its arguments.
const TRACES: [(&str, &[&str]); 2] = [
    ("matching", &[]),
    ("not matching", &["-c", "no-container-of-this-name"]),
];

/// One storm's figures; what needs a tracer is absent without one.
#[derive(Default)]
struct Figures {
    execs_per_second: f64,
    kernel_us: Option<f64>,
    user_us: Option<f64>,
    resident_mb: Option<f64>,
    maps_mb: Option<f64>,
    seen: Option<f64>,
}

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
    let rounds = number("BENCH_ROUNDS", 5)?;
    let execs = number("BENCH_EXECS", 3000)?;
    let folder = tempfile::tempdir()?;
    let program = no_op(folder.path())?;
    let _stats = RunTimeStats::enable()?;

    let mut baseline = Vec::new();
    let mut traced = TRACES.map(|_| Vec::new());
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        baseline.push(Figures {
            execs_per_second: storm(&program, execs)?,
            ..Figures::default()
        });
        for ((_, args), figures) in TRACES.iter().zip(&mut traced) {
            figures.push(measure(args, &program, execs, folder.path())?);
        }
    }

    println!(
        "{rounds} rounds of {execs} execs of a static program that does nothing, one at a time"
    );
    let [matching, other] = &traced;
    let columns = [baseline.as_slice(), matching, other];
    println!(
        "{:<34}{:>22}{:>22}{:>22}",
        "", "no tracer", TRACES[0].0, TRACES[1].0
    );
    row("execs per second", columns, |figures| {
        Some(figures.execs_per_second)
    });
    row("kernel, µs per exec", columns, |figures| figures.kernel_us);
    row("user CPU, µs per exec", columns, |figures| figures.user_us);
    row("resident memory, MB", columns, |figures| {
        figures.resident_mb
    });
    row("eBPF maps, MB", columns, |figures| figures.maps_mb);
    row("events seen per exec", columns, |figures| figures.seen);
    Ok(())
}

fn number(variable: &str, default: usize) -> Result<usize, Failure> {
    match env::var(variable) {
        Err(_) => Ok(default),
        Ok(value) => match value.parse() {
            Ok(value @ 1..) => Ok(value),
            _ => Err(format!("{variable} is {value:?}, and must be a whole number from 1").into()),
        },
    }
}

/// The cheapest program there is to execute.
fn no_op(folder: &Path) -> Result<PathBuf, Failure> {
    let program = folder.join("bench-no-op");
    let source = folder.join("no-op.c");
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let status = Command::new("cc")
        .args(["-O2", "-static", "-o"])
        .args([&program, &source])
        .status()?;
    if status.success() {
        Ok(program)
    } else {
        Err("cc cannot build a static program".into())
    }
}

/// Runs `program` so many times and returns the rate.
fn storm(program: &Path, execs: usize) -> Result<f64, Failure> {
    let started = Instant::now();
    for _ in 0..execs {
        Command::new(program).status()?;
    }
    Ok(execs as f64 / started.elapsed().as_secs_f64())
}

/// One storm under `traceherd exec` with these arguments.
fn measure(args: &[&str], program: &Path, execs: usize, folder: &Path) -> Result<Figures, Failure> {
    let output = folder.join("events");
    let traceherd = Options::exec(args)?.start_to(File::create(&output)?)?;
    let pid = traceherd.pid();
    // What its own start costs is not an exec's.
    sleep(Duration::from_millis(500));
    let programs = kernel::programs(pid)?;
    let (kernel_before, user_before) = (kernel::run_time(&programs)?, process::cpu_time(pid)?);
    let execs_per_second = storm(program, execs)?;
    let kernel_after = kernel::run_time(&programs)?;
    sleep(Duration::from_millis(500));
    let user_after = process::cpu_time(pid)?;
    let resident_mb = process::resident(pid)? as f64 / 1e6;
    let maps_mb = kernel::map_memory(pid)? as f64 / 1e6;
    let ended = traceherd.stop()?;
    if !ended.status.success() {
        return Err(format!("traceherd failed: {}", ended.stderr).into());
    }
    let events = fs::read_to_string(&output)?;
    let seen = events
        .lines()
        .filter(|line| line.contains("\"bench-no-op\""))
        .count();
    let per_exec = |nanoseconds: u64| nanoseconds as f64 / 1e3 / execs as f64;
    Ok(Figures {
        execs_per_second,
        kernel_us: Some(per_exec(
            kernel_after.nanoseconds - kernel_before.nanoseconds,
        )),
        user_us: Some(per_exec(user_after - user_before)),
        resident_mb: Some(resident_mb),
        maps_mb: Some(maps_mb),
        seen: Some(seen as f64 / execs as f64),
    })
}

fn row(name: &str, columns: [&[Figures]; 3], figure: impl Fn(&Figures) -> Option<f64>) {
    print!("{name:<34}");
    for column in columns {
        let mut values: Vec<f64> = column.iter().filter_map(&figure).collect();
        values.sort_by(f64::total_cmp);
        let cell = match (values.first(), values.get(values.len() / 2), values.last()) {
            (Some(&low), Some(&median), Some(&high)) => {
                format!("{} ({}–{})", short(median), short(low), short(high))
            }
            _ => "–".into(),
        };
        print!("{cell:>22}");
    }
    println!();
}

/// Three digits that matter.
fn short(value: f64) -> String {
    let decimals = if value >= 100.0 { 0 } else { 2 };
    format!("{value:.decimals$}")
}
