//! The results as plots: what an exec costs, in the kernel and in the tracer's processes, by what
//! it depends on.

use std::path::Path;

use plotters::{coord::Shift, prelude::*};
use traceherd_e2e::statistics::Spread;

use crate::{
    Failure,
    results::{Results, Sample},
    subject::NOTHING,
};

const SIZE: (u32, u32) = (960, 420);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(80, 80, 80),
];
/// Of a legend's line, and about that of a letter in it.
const LINE_HEIGHT: u32 = 24;
const LETTER_WIDTH: i32 = 8;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub fn draw(results: &Results, folder: &Path) -> Result<(), Failure> {
    let traces = Plot::new("traces at once", &results.traces.samples, |sample| {
        sample.traces
    });
    traces.draw(&folder.join("traces.svg"))?;
    let bytes = |sample: &Sample| sample.storm.argument_bytes;
    let arguments = Plot::new(
        "argument bytes of each exec",
        &results.arguments.samples,
        bytes,
    );
    arguments.draw(&folder.join("arguments.svg"))
}

/// Two panels of the same samples.
struct Plot<'a> {
    below: &'a str,
    samples: &'a [Sample],
    /// Each a line.
    series: Vec<&'a str>,
    /// What stands at the lower axis: all values that were measured, evenly apart.
    values: Vec<usize>,
    value: fn(&Sample) -> usize,
}

impl<'a> Plot<'a> {
    fn new(below: &'a str, samples: &'a [Sample], value: fn(&Sample) -> usize) -> Self {
        let mut series: Vec<&str> = Vec::new();
        for sample in samples.iter().filter(|sample| sample.series != NOTHING) {
            if !series.contains(&sample.series.as_str()) {
                series.push(&sample.series);
            }
        }
        let mut values: Vec<_> = samples.iter().map(value).collect();
        values.sort_unstable();
        values.dedup();
        Self {
            below,
            samples,
            series,
            values,
            value,
        }
    }

    fn draw(&self, path: &Path) -> Result<(), Failure> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let places = self.legend();
        let height = places.iter().map(|&(_, y)| y).max().unwrap_or(0) + 20;
        let (legend, panels) = root.split_vertically(height);
        for ((name, place), colour) in self.series.iter().zip(places).zip(COLOURS.iter().cycle()) {
            let (x, y) = place;
            legend.draw(&Circle::new((x, y), 5, colour.filled()))?;
            let text = ("sans-serif", 15).into_font().color(&BLACK);
            legend.draw(&Text::new((*name).to_owned(), (x + 10, y - 6), text))?;
        }
        let panels = panels.split_evenly((1, 2));
        self.panel(&panels[0], "kernel, µs an exec", Sample::kernel)?;
        self.panel(
            &panels[1],
            "CPU of the tracer's processes, µs an exec",
            Sample::cpu,
        )?;
        root.present()?;
        Ok(())
    }

    /// Where each name's mark stands: side by side, as many as there is room for.
    fn legend(&self) -> Vec<(i32, i32)> {
        let mut place = (20, 16);
        let mut places = Vec::new();
        for name in &self.series {
            let width = LETTER_WIDTH * name.chars().count() as i32 + 30;
            if place.0 + width > SIZE.0 as i32 {
                place = (20, place.1 + LINE_HEIGHT as i32);
            }
            places.push(place);
            place.0 += width;
        }
        places
    }

    fn panel(
        &self,
        area: &Area<'_>,
        title: &str,
        figure: fn(&Sample) -> f64,
    ) -> Result<(), Failure> {
        let lines: Vec<_> = self
            .series
            .iter()
            .map(|name| self.line(name, figure))
            .collect();
        let spreads = || lines.iter().flatten().map(|(_, spread)| spread);
        let lowest = spreads().map(|spread| spread.lowest).fold(1.0, f64::min);
        let highest = spreads().map(|spread| spread.highest).fold(1.0, f64::max);
        let last = self.values.len() as f64 - 1.0;
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 16))
            .margin_right(20)
            .x_label_area_size(44)
            .y_label_area_size(54)
            .build_cartesian_2d(
                -0.25..last + 0.25,
                (0.7 * lowest..1.4 * highest).log_scale(),
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(BLACK.mix(0.05))
            .x_desc(self.below)
            .x_labels(self.values.len() + 1)
            .x_label_formatter(&|x| self.label(*x))
            .y_label_formatter(&|y| y.to_string())
            .label_style(("sans-serif", 13))
            .draw()?;
        for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let medians = line.iter().map(|&(x, spread)| (x, spread.median));
            chart.draw_series(LineSeries::new(medians.clone(), colour.stroke_width(2)))?;
            chart.draw_series(medians.map(|point| Circle::new(point, 4, colour.filled())))?;
            chart.draw_series(line.iter().map(|&(x, spread)| {
                PathElement::new(
                    [(x, spread.lowest), (x, spread.highest)],
                    colour.stroke_width(1),
                )
            }))?;
        }
        Ok(())
    }

    /// The figures of one line, by their place at the lower axis.
    fn line(&self, name: &str, figure: fn(&Sample) -> f64) -> Vec<(f64, Spread)> {
        let at = |value: usize| {
            let samples = self.samples.iter();
            let here =
                samples.filter(|sample| sample.series == name && (self.value)(sample) == value);
            Spread::of(here.map(figure))
        };
        let places = self.values.iter().enumerate();
        places
            .filter_map(|(place, &value)| Some((place as f64, at(value)?)))
            .collect()
    }

    /// Nothing between two values.
    fn label(&self, x: f64) -> String {
        let place = x.round();
        if (x - place).abs() > 0.01 || place < 0.0 {
            return String::new();
        }
        self.values
            .get(place as usize)
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}
