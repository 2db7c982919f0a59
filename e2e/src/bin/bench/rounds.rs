//! Storms under one subject after the other, round after round, so that whatever else changes on
//! the machine meets all of them.

use std::{fs, path::Path, time::Instant};

use crate::{
    Failure,
    results::{Measured, Sample, Start},
    running::{Running, Spent},
    settings::Amounts,
    storm::{Scene, Storm},
    subject::Subject,
};

/// Which storms under which subjects.
pub struct Rounds<'a> {
    pub title: &'static str,
    /// Those of a group run at once, and are started in this order.
    pub groups: &'a [Vec<Subject>],
    pub storms: &'a [Storm],
}

impl Rounds<'_> {
    pub fn measure(
        &self,
        scene: &Scene,
        amounts: &Amounts,
        folder: &Path,
    ) -> Result<Measured, Failure> {
        let mut measured = Measured::default();
        for round in 0..amounts.rounds {
            eprintln!("{}: round {} of {}", self.title, round + 1, amounts.rounds);
            // Who is first differs, as does who comes after whom.
            let (later, first) = self.groups.split_at(round % self.groups.len());
            for group in first.iter().chain(later) {
                let (samples, starts) = self.under(group, scene, amounts, folder)?;
                measured.samples.extend(samples);
                measured.starts.extend(starts);
            }
        }
        // As they were given, whoever was first.
        let place = |name: &str| {
            let mut subjects = self.groups.iter().flatten();
            subjects.position(|subject| subject.name == name)
        };
        let samples = &mut measured.samples;
        samples.sort_by_key(|sample| place(&sample.subject));
        Ok(measured)
    }

    fn under(
        &self,
        group: &[Subject],
        scene: &Scene,
        amounts: &Amounts,
        folder: &Path,
    ) -> Result<(Vec<Sample>, Vec<Start>), Failure> {
        let (mut running, mut footprints) = (Vec::new(), Vec::new());
        for (n, subject) in group.iter().enumerate() {
            let folder = folder.join(n.to_string());
            fs::create_dir_all(&folder)?;
            let started = Running::start(subject, &scene.docker, &folder)?;
            footprints.push(started.footprint()?);
            running.push((subject, started));
        }
        let mut samples = Vec::new();
        for &storm in self.storms {
            samples.extend(one(&mut running, scene, storm, amounts.storm_seconds)?);
        }
        let getppid_ns = getppid_ns();
        let mut starts = Vec::new();
        for ((subject, running), before) in running.into_iter().zip(footprints) {
            let after = running.footprint()?;
            let words = running.stop()?;
            starts.push(Start {
                subject: subject.name.clone(),
                resident: before.memory.resident,
                anonymous: before.memory.anonymous,
                files: before.memory.files(),
                rings: before.memory.rings,
                maps: before.maps,
                peak: after.memory.peak,
                maps_after: after.maps,
                getppid_ns,
                told_lost: told_lost(&words),
            });
        }
        Ok((samples, starts))
    }
}

/// One storm under all that run.
fn one(
    subjects: &mut [(&Subject, Running)],
    scene: &Scene,
    storm: Storm,
    seconds: f64,
) -> Result<Vec<Sample>, Failure> {
    let mut before = Vec::new();
    for (_, running) in subjects.iter() {
        before.push(running.spent()?);
    }
    let executed = scene.storm(storm, seconds)?;
    let mut samples = Vec::new();
    for ((subject, running), before) in subjects.iter_mut().zip(before) {
        let expected = match subject.matching {
            true => executed.execs,
            false => 0,
        };
        let events = running.events(expected)?;
        let Spent { kernel, cpu } = running.spent()?;
        samples.push(Sample {
            subject: subject.name.clone(),
            series: subject.series.clone(),
            traces: subject.traces,
            storm,
            execs: executed.execs,
            seconds: executed.took.as_secs_f64(),
            kernel_ns: kernel - before.kernel,
            cpu_ns: cpu - before.cpu,
            events,
            expected: expected * running.processes(),
        });
    }
    Ok(samples)
}

/// What a plain system call costs: a thousand at a time, and the fastest tenth, as the processor is
/// at one time or another a third slower by itself.
fn getppid_ns() -> f64 {
    const CALLS: u32 = 1000;
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                // SAFETY: no preconditions.
                unsafe { libc::syscall(libc::SYS_getppid) };
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

/// Sums the numbers before or behind the word: `3 lost`, `Lost 3 events`.
fn told_lost(words: &str) -> u64 {
    let is_number = |word: &&str| word.parse::<u64>().is_ok();
    let mut sum = 0;
    for line in words.lines() {
        let words: Vec<_> = line
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .collect();
        let Some(at) = words
            .iter()
            .position(|word| word.eq_ignore_ascii_case("lost"))
        else {
            continue;
        };
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let number = before.filter(|word| is_number(word)).or(words.get(at + 1));
        sum += number
            .and_then(|word| word.parse::<u64>().ok())
            .unwrap_or(0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::told_lost;

    #[test]
    fn what_was_lost_is_told_by_tracers_in_their_words() {
        assert_eq!(told_lost("traceherd: 10 events, 3 lost, 2 suppressed\n"), 3);
        assert_eq!(told_lost("Lost 7 events\nLost 5 events\n"), 12);
        assert_eq!(told_lost("nothing was said\n"), 0);
    }
}
