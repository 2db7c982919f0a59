//! The results as tables, in Markdown that is readable as it is.

use traceherd_e2e::statistics::{Spread, short};

use crate::{
    ONE_AND_MANY,
    results::{Measured, Results, Sample, Start},
    storm::Storm,
    subject::{NOTHING, library_name},
    targets::targets,
};

const NO_FIGURE: &str = "–";

pub fn all(results: &Results) -> String {
    let amounts = &results.amounts;
    let mut out = format!(
        "{}.\n\n{} rounds, each storm of {} s; the median, and in brackets the lowest and highest.\n",
        results.machine.text(),
        amounts.rounds,
        amounts.storm_seconds
    );
    let mut section = |title: &str, table: Table| {
        out += &format!("\n### {title}\n\n{}", table.text());
    };
    section("Targets", of_targets(results));
    section(
        "Kernel time of an exec, µs",
        by_place(results, Sample::kernel),
    );
    section(
        "CPU of the tracer's processes for an exec, µs",
        by_place(results, Sample::cpu),
    );
    section("Execs a second", rates(results));
    section("Events that are not in the output", missing(results));
    section("Memory, MB, and a plain system call, ns", memory(results));
    section(
        "Number of traces (container, all cores)",
        by_traces(results),
    );
    section(
        "One trace and 1,000 at once, on the same storms (container, all cores)",
        together(results),
    );
    section(
        "Argument bytes (container, all cores)",
        by_arguments(results),
    );
    section("Without a storm", low(results));
    out
}

struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self {
            rows: vec![head.into_iter().map(Into::into).collect()],
        }
    }

    fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Columns as wide as their widest cell.
    fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut out = String::new();
        for (n, row) in self.rows.iter().enumerate() {
            for (cell, &width) in row.iter().zip(&widths) {
                out += &format!("| {cell:<width$} ");
            }
            out += "|\n";
            if n == 0 {
                for &width in &widths {
                    out += &format!("|{}", "-".repeat(width + 2));
                }
                out += "|\n";
            }
        }
        out
    }
}

fn cell(spread: Option<Spread>) -> String {
    spread.map_or(NO_FIGURE.into(), |spread| spread.text())
}

fn of_targets(results: &Results) -> Table {
    let mut table = Table::new(["what", "target", "measured", ""]);
    for target in targets(results) {
        let met = if target.met { "met" } else { "**not met**" };
        table.row([target.what, &target.bound, &target.measured, met]);
    }
    table
}

fn places(results: &Results) -> Table {
    let storms = results.storms();
    let titles = storms.iter().map(Storm::title);
    Table::new(std::iter::once(String::new()).chain(titles))
}

fn by_place(results: &Results, figure: fn(&Sample) -> f64) -> Table {
    let mut table = places(results);
    for subject in results.subjects() {
        if subject == NOTHING {
            continue;
        }
        let cells = results
            .storms()
            .into_iter()
            .map(|storm| cell(results.cost(subject, storm, figure)));
        table.row(std::iter::once(subject.to_owned()).chain(cells));
    }
    table
}

/// And how many of those without a tracer, in percent.
fn rates(results: &Results) -> Table {
    let mut table = places(results);
    for subject in results.subjects() {
        let cells = results.storms().into_iter().map(|storm| {
            let rate = results.cost(subject, storm, Sample::rate);
            let plain = results.cost(NOTHING, storm, Sample::rate);
            match (rate, plain) {
                (Some(rate), Some(plain)) if subject != NOTHING => {
                    format!(
                        "{}: {} %",
                        rate.text(),
                        short(100.0 * rate.median / plain.median)
                    )
                }
                (rate, _) => cell(rate),
            }
        });
        table.row(std::iter::once(subject.to_owned()).chain(cells));
    }
    table
}

fn missing(results: &Results) -> Table {
    let mut table = Table::new(["storms", "", "expected", "missing", "of these told as lost"]);
    let all: [(&str, &Measured); 4] = [
        ("everywhere", &results.costs),
        ("number of traces", &results.traces),
        ("at once", &results.together),
        ("argument bytes", &results.arguments),
    ];
    for (storms, measured) in all {
        for subject in measured.subjects() {
            let (expected, missing) = measured.missing(subject);
            if expected == 0 {
                continue;
            }
            let numbers = [expected, missing, measured.told_lost(subject)];
            let names = [storms, subject].map(str::to_owned).into_iter();
            table.row(names.chain(numbers.map(|number| number.to_string())));
        }
    }
    table
}

fn memory(results: &Results) -> Table {
    let head = [
        "",
        "resident at start",
        "of it anonymous",
        "files",
        "ring",
        "most resident",
        "eBPF maps",
        "maps after the storms",
        "getppid, ns",
    ];
    let mut table = Table::new(head);
    let figures: [fn(&Start) -> f64; 7] = [
        |start| start.resident as f64 / 1e6,
        |start| start.anonymous as f64 / 1e6,
        |start| start.files as f64 / 1e6,
        |start| start.rings as f64 / 1e6,
        |start| start.peak as f64 / 1e6,
        |start| start.maps as f64 / 1e6,
        |start| start.maps_after as f64 / 1e6,
    ];
    for subject in results.subjects() {
        let of_memory = figures.iter().map(|&figure| match subject {
            NOTHING => NO_FIGURE.into(),
            _ => results
                .start(subject, figure)
                .map_or(NO_FIGURE.into(), |spread| short(spread.median)),
        });
        let call = cell(results.start(subject, |start| start.getppid_ns));
        let cells = of_memory.chain([call]);
        table.row(std::iter::once(subject.to_owned()).chain(cells));
    }
    table
}

fn by_traces(results: &Results) -> Table {
    let mut table = Table::new(["", "traces", "kernel, µs", "CPU of the processes, µs"]);
    for subject in results.traces.subjects() {
        let samples = || results.traces.of(subject);
        let first = samples().next();
        table.row([
            first.map_or(NO_FIGURE.into(), |sample| sample.series.clone()),
            first.map_or(NO_FIGURE.into(), |sample| sample.traces.to_string()),
            cell(Spread::of(samples().map(Sample::kernel))),
            cell(Spread::of(samples().map(Sample::cpu))),
        ]);
    }
    table
}

fn together(results: &Results) -> Table {
    let mut table = Table::new(["", "1 trace", "1000 traces", "times as much, in a storm"]);
    let mut row = |what: &str, figure: fn(&Sample) -> f64| {
        let [one, many] = ONE_AND_MANY.map(|traces| {
            let name = library_name(traces);
            cell(Spread::of(results.together.of(&name).map(figure)))
        });
        table.row([what.into(), one, many, cell(results.many_compared(figure))]);
    };
    row("kernel, µs", Sample::kernel);
    row("CPU of the process, µs", Sample::cpu);
    table
}

fn by_arguments(results: &Results) -> Table {
    let mut table = Table::new([
        "",
        "argument bytes",
        "kernel, µs",
        "CPU of the processes, µs",
        "missing, %",
        "execs a second",
    ]);
    for subject in results.arguments.subjects() {
        let of = || results.arguments.of(subject);
        let mut sizes: Vec<_> = of().map(|sample| sample.storm.argument_bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for size in sizes {
            let samples = || of().filter(|sample| sample.storm.argument_bytes == size);
            let figure = |show: bool, figure: fn(&Sample) -> f64| match show {
                true => cell(Spread::of(samples().map(figure))),
                false => NO_FIGURE.into(),
            };
            let traced = subject != NOTHING;
            table.row([
                subject.to_owned(),
                size.to_string(),
                figure(traced, Sample::kernel),
                figure(traced, Sample::cpu),
                figure(traced, Sample::missing_percent),
                figure(true, Sample::rate),
            ]);
        }
    }
    table
}

fn low(results: &Results) -> Table {
    let mut table = Table::new(["what", "median (lowest–highest)", "quartiles", "of"]);
    let figures = [
        ("from a single exec to its line, ms", &results.latency_ms),
        ("an idle trace, % of a core", &results.idle_percent),
        (
            "`docker run --detach` without a tracer, ms",
            &results.containers.without_ms,
        ),
        (
            "`docker run --detach` under a trace, ms",
            &results.containers.with_ms,
        ),
    ];
    for (what, values) in figures {
        if let Some(spread) = Spread::of(values.iter().copied()) {
            let [low, high] = spread.quartiles.map(short);
            let quartiles = format!("{low}–{high}");
            table.row([what, &spread.text(), &quartiles, &values.len().to_string()]);
        }
    }
    table
}
