//! What Traceherd is to cost at most, and whether it does.

use traceherd_e2e::statistics::{Spread, short};

use crate::{
    results::{Results, Sample},
    subject::{MATCHING, NOT_MATCHING},
};

/// A bound, what was measured, and whether it is kept.
pub struct Target {
    pub what: &'static str,
    pub bound: String,
    pub measured: String,
    pub met: bool,
}

impl Target {
    fn at_most(what: &'static str, most: f64, unit: &str, found: Option<f64>) -> Self {
        Self {
            what,
            bound: format!("≤ {most} {unit}"),
            measured: found.map_or("nothing".into(), |found| format!("{} {unit}", short(found))),
            met: found.is_some_and(|found| found <= most),
        }
    }
}

/// Where a figure was taken in several places, the worst median counts.
pub fn targets(results: &Results) -> Vec<Target> {
    vec![
        Target::at_most(
            "kernel, an exec that a trace wants, all fields",
            3.0,
            "µs",
            worst(results, MATCHING, Sample::kernel),
        ),
        Target::at_most(
            "kernel, an exec that is filtered out",
            0.7,
            "µs",
            worst(results, NOT_MATCHING, Sample::kernel),
        ),
        Target::at_most(
            "kernel, 1,000 traces compared with one",
            1.1,
            "times",
            spread_median(results.many_compared(Sample::kernel)),
        ),
        Target::at_most(
            "CPU of the process, 1,000 traces compared with one",
            1.1,
            "times",
            spread_median(results.many_compared(Sample::cpu)),
        ),
        Target::at_most(
            "CPU of the process, an event as JSON into a file",
            10.0,
            "µs",
            worst(results, MATCHING, Sample::cpu),
        ),
        Target::at_most(
            "resident after start-up",
            20.0,
            "MB",
            spread_median(results.start(MATCHING, |start| start.resident as f64 / 1e6)),
        ),
        Target::at_most(
            "lost at the highest rate",
            0.0,
            "events",
            Some(results.costs.missing(MATCHING).1 as f64),
        ),
        Target::at_most(
            "from a single exec to its line, the longest",
            100.0,
            "ms",
            Spread::of(results.latency_ms.iter().copied()).map(|spread| spread.highest),
        ),
        Target::at_most(
            "an idle trace, of a core",
            0.3,
            "%",
            spread_median(Spread::of(results.idle_percent.iter().copied())),
        ),
        containers(results),
    ]
}

fn spread_median(spread: Option<Spread>) -> Option<f64> {
    spread.map(|spread| spread.median)
}

fn worst(results: &Results, subject: &str, figure: fn(&Sample) -> f64) -> Option<f64> {
    let storms = results.storms().into_iter();
    let medians = storms.filter_map(|storm| Some(results.cost(subject, storm, figure)?.median));
    medians.max_by(f64::total_cmp)
}

/// The difference is to lie within what the times differ among themselves.
fn containers(results: &Results) -> Target {
    let without = Spread::of(results.containers.without_ms.iter().copied());
    let with = Spread::of(results.containers.with_ms.iter().copied());
    let (bound, measured, met) = match (without, with) {
        (Some(without), Some(with)) => (
            format!("≤ {} ms", short(without.quartiles[1])),
            format!("{} ms", short(with.median)),
            with.median <= without.quartiles[1],
        ),
        _ => ("–".into(), "nothing".into(), false),
    };
    Target {
        what: "starting a container, median (bound: a quarter of those without take longer)",
        bound,
        measured,
        met,
    }
}
