//! What does not need a storm: how soon an event is there, what an idle trace costs, and how long
//! containers take to start.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread::{self, sleep},
    time::{Duration, Instant},
};

use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use traceherd_e2e::{Docker, storm::NO_OP};

use crate::{
    Failure, results::Containers, running::Running, settings::Amounts, storm::Scene,
    subject::Subject,
};

const PATIENCE: Duration = Duration::from_secs(10);
/// Containers that are started in a row, with a trace or without.
const IN_A_ROW: usize = 5;

/// From an exec, by the kernel's own time of it, to its line: of single execs, at odd moments.
pub fn latency_ms(scene: &Scene, execs: usize) -> Result<Vec<f64>, Failure> {
    let mut commands = Subject::matching().commands(&scene.docker)?;
    let mut command = commands.pop().ok_or("no command")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdout = BufReader::new(child.stdout.take().ok_or("no output")?);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if sender.send((line, boot_ns())).is_err() {
                break;
            }
        }
    });
    let times = (0..execs).map(|n| one_latency(scene, n, &lines)).collect();
    child.kill()?;
    child.wait()?;
    times
}

fn one_latency(
    scene: &Scene,
    n: usize,
    lines: &mpsc::Receiver<(String, u64)>,
) -> Result<f64, Failure> {
    // Until it traces, the first takes longer.
    let started = Instant::now();
    // No multiple of how often anybody looks.
    sleep(Duration::from_millis(50 + 7 * (n as u64 % 11)));
    loop {
        Command::new(scene.storms.no_op()).status()?;
        let wait = PATIENCE.min(Duration::from_secs(1));
        while let Ok((line, read)) = lines.recv_timeout(wait) {
            if line.contains(NO_OP) {
                let event: Value = serde_json::from_str(&line)?;
                let executed = event["boottime"].as_u64().ok_or("an event has no time")?;
                return Ok(read.saturating_sub(executed) as f64 / 1e6);
            }
        }
        if started.elapsed() > PATIENCE {
            return Err("no event of a single exec".into());
        }
    }
}

fn boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

/// Of a core, in percent, while the trace's container does nothing.
pub fn idle_percent(scene: &Scene, amounts: &Amounts, folder: &Path) -> Result<Vec<f64>, Failure> {
    let running = Running::start(&Subject::idle(), &scene.docker, folder)?;
    let mut shares = Vec::new();
    for _ in 0..amounts.rounds {
        let (start, before) = (Instant::now(), running.spent()?);
        sleep(Duration::from_secs_f64(amounts.idle_seconds));
        let spent = running.spent()?.cpu - before.cpu;
        shares.push(100.0 * spent as f64 / start.elapsed().as_nanos() as f64);
    }
    running.stop()?;
    Ok(shares)
}

/// How long `docker run --detach` takes, a few with a trace and a few without in turn.
pub fn containers(scene: &Scene, most: usize, folder: &Path) -> Result<Containers, Failure> {
    let mut times = Containers::default();
    // The first after a pause is slow, whoever looks.
    start_ms(&scene.docker, 1)?;
    while times.with_ms.len() < most {
        let count = IN_A_ROW.min(most - times.with_ms.len());
        // Whoever is first is so every other time: a docker gets slower by and by.
        let traced_first = (times.with_ms.len() / IN_A_ROW) % 2 == 1;
        for traced in [traced_first, !traced_first] {
            if traced {
                let running = Running::start(&Subject::matching(), &scene.docker, folder)?;
                times.with_ms.extend(start_ms(&scene.docker, count)?);
                running.stop()?;
            } else {
                times.without_ms.extend(start_ms(&scene.docker, count)?);
            }
        }
    }
    Ok(times)
}

fn start_ms(docker: &Docker, count: usize) -> Result<Vec<f64>, Failure> {
    let names: Vec<_> = (0..count).map(|n| format!("bench-start-{n}")).collect();
    let mut times = Vec::new();
    for name in &names {
        let start = Instant::now();
        docker.run_detached(name, &["sleep", "1000000"])?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    for name in &names {
        docker.rm(name)?;
    }
    Ok(times)
}
