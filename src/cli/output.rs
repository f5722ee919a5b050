//! Everything the program prints goes through here: data to standard output, the rest to standard
//! error.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use crate::progress::{Reporter, Silent};

use super::args::Common;
use super::progress::{Plain, Terminal};

/// Standard output and error, as the user wants them.
pub(super) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
        }
    }

    /// The reporter for this run: bars on a terminal, lines elsewhere, nothing when quiet.
    pub fn reporter(&self) -> Arc<dyn Reporter> {
        if self.quiet {
            Arc::new(Silent)
        } else if std::io::stderr().is_terminal() && !self.json {
            Arc::new(Terminal::new())
        } else {
            Arc::new(Plain::new())
        }
    }

    /// A line of the result: for people, so not with `--json` or `--quiet`.
    pub fn say(&self, line: &str) {
        if !self.json && !self.quiet {
            write_line(&mut std::io::stderr(), line);
        }
    }

    /// Data on standard output, whole as it is.
    pub fn data(&self, text: &str) {
        // A reader that has seen enough closes the pipe; that is no failure of ours.
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }

    /// Whether the one object of `--json` is all that is printed.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The one object of `--json`; nothing otherwise.
    pub fn object(&self, object: &serde_json::Value) {
        if self.json {
            self.data(&format!("{object:#}\n"));
        }
    }

    /// An error with its causes. Causes that repeat what was said are left out.
    pub fn failure(&self, error: &anyhow::Error) {
        let mut said = error.to_string();
        for cause in error.chain().skip(1) {
            let text = cause.to_string();
            if !said.contains(&text) {
                said.push_str(&format!("\n  caused by: {text}"));
            }
        }
        write_line(&mut std::io::stderr(), &format!("error: {said}"));
    }
}

fn write_line(to: &mut dyn Write, line: &str) {
    let _ = writeln!(to, "{line}");
}
