//! The figures and their presentation.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::options::Options;
use crate::run::Sample;

/// What a figure counts.
#[derive(Clone, Copy, PartialEq)]
pub enum Unit {
    Seconds,
    Mebibytes,
    Times,
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Mebibytes => "MiB",
            Self::Times => "×",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds | Self::Times => format!("{value:.2}"),
            Self::Mebibytes => format!("{value:.0}"),
        }
    }
}

struct Figure {
    id: String,
    what: String,
    unit: Unit,
    samples: Vec<f64>,
    /// Processor seconds of the runs, where they were one program's.
    processor: Vec<f64>,
    command: String,
}

/// The rows taken so far.
pub struct Table<'a> {
    options: &'a Options,
    figures: Vec<Figure>,
    absent: Vec<String>,
}

impl<'a> Table<'a> {
    pub fn new(options: &'a Options) -> Self {
        Self {
            options,
            figures: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// Adds a figure with all its samples, and says it at once: a whole run takes minutes.
    pub fn add(&mut self, id: &str, what: &str, unit: Unit, samples: &[f64], command: &str) {
        assert!(!samples.is_empty(), "{id} has no samples");
        let figure = Figure {
            id: id.to_owned(),
            what: what.to_owned(),
            unit,
            samples: samples.to_vec(),
            processor: Vec::new(),
            command: command.to_owned(),
        };
        let median = unit.show(median(samples));
        eprintln!("  {what}: {median} {} {samples:.3?}", unit.word());
        self.figures.push(figure);
    }

    /// Adds runs of a program.
    pub fn runs(&mut self, id: &str, what: &str, samples: &[Sample], command: &str) {
        let walls: Vec<Duration> = samples.iter().map(|sample| sample.wall).collect();
        self.times(id, what, &walls, command);
        if let Some(figure) = self.figures.last_mut() {
            let seconds = |sample: &Sample| sample.processor.as_secs_f64();
            figure.processor = samples.iter().map(seconds).collect();
        }
    }

    /// Adds durations.
    pub fn times(&mut self, id: &str, what: &str, samples: &[Duration], command: &str) {
        let seconds: Vec<f64> = samples.iter().map(Duration::as_secs_f64).collect();
        self.add(id, what, Unit::Seconds, &seconds, command);
    }

    /// Adds numbers of bytes.
    pub fn bytes(&mut self, id: &str, what: &str, samples: &[u64], command: &str) {
        let mebibytes: Vec<f64> = samples
            .iter()
            .map(|bytes| *bytes as f64 / f64::from(1 << 20))
            .collect();
        self.add(id, what, Unit::Mebibytes, &mebibytes, command);
    }

    /// Notes a figure that cannot be taken here, and why.
    pub fn absent(&mut self, what: &str, why: &str) {
        eprintln!("  {what}: not taken: {why}");
        self.absent.push(format!("{what}: not taken, {why}"));
    }

    /// The median of a figure taken before, in its unit.
    pub fn median_of(&self, id: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.id == id)?;
        Some(median(&figure.samples))
    }

    /// How often a figure is taken.
    pub fn count(&self, full: usize) -> usize {
        self.options.times(full)
    }

    /// The table as it stands in README.
    pub fn markdown(&self) -> String {
        let mut text =
            "| what | median | range | runs | processor | command |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for figure in &self.figures {
            let least = figure.samples.iter().copied().fold(f64::INFINITY, f64::min);
            let most = figure.samples.iter().copied().fold(0.0, f64::max);
            let (unit, samples) = (figure.unit, &figure.samples);
            let range = match samples.len() {
                1 => String::new(),
                _ => format!("{}–{}", unit.show(least), unit.show(most)),
            };
            let processor = match figure.processor.as_slice() {
                [] => String::new(),
                seconds => format!("{:.2} s", median(seconds)),
            };
            let _ = writeln!(
                text,
                "| {} | {} {} | {range} | {} | {processor} | {} |",
                figure.what,
                unit.show(median(samples)),
                unit.word(),
                samples.len(),
                figure.command,
            );
        }
        for line in &self.absent {
            let _ = writeln!(text, "\n{line}");
        }
        let _ = writeln!(text, "\n{}", machine());
        text
    }

    /// The same with every sample.
    pub fn json(&self) -> String {
        let figures = self.figures.iter().map(|figure| {
            json!({
                "id": figure.id,
                "what": figure.what,
                "unit": figure.unit.word(),
                "median": median(&figure.samples),
                "samples": figure.samples,
                "processor-seconds": figure.processor,
                "command": figure.command,
            })
        });
        let document = json!({
            "schema": 1,
            "machine": machine(),
            "figures": figures.collect::<Vec<_>>(),
            "absent": self.absent,
        });
        format!("{document:#}\n")
    }
}

/// The middle sample, or the mean of the middle two.
fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let lower = (sorted.len() - 1) / 2;
    f64::midpoint(sorted[lower], sorted[upper])
}

/// What the figures were taken on, and how busy it was: other work makes them worthless.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!(
        "{processors} processors, {}, load at the end {}",
        std::env::consts::ARCH,
        load.join(" ")
    )
}
