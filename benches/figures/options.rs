//! The words of the command line.

use std::path::PathBuf;

/// What was asked for.
pub struct Options {
    /// Take each of our own figures once.
    pub quick: bool,
    /// Where the samples go.
    pub json: Option<PathBuf>,
    /// Parts of ids; empty for all.
    only: Vec<String>,
}

impl Options {
    /// Reads the arguments; none when the figures are merely to be listed, as test runners ask.
    ///
    /// `cargo bench` says so with `--bench`; without it a test runner asks, whose flags for the
    /// standard harness mean nothing here.
    pub fn parse(arguments: &[String]) -> Option<Self> {
        let bench = arguments.iter().any(|word| word == "--bench");
        let mut options = Self {
            quick: !bench,
            json: None,
            only: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--json" => options.json = Some(words.next().expect("--json FILE").into()),
                "--list" => return None,
                flag if flag.starts_with('-') => {
                    assert!(!bench, "{flag} is not known: --quick, --json FILE or words");
                }
                word => options.only.push(word.to_owned()),
            }
        }
        Some(options)
    }

    /// Whether the group or figure `id` is wanted.
    pub fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| id.contains(word.as_str()))
    }

    /// How often a figure is taken that is taken `full` times in a whole run.
    pub fn times(&self, full: usize) -> usize {
        if self.quick { 1 } else { full }
    }
}
