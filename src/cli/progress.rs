//! Rendering progress: bars on a terminal, one line at the end of each task elsewhere.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::{Reporter, Stage, TaskId};

/// A task that has not ended.
struct Running {
    stage: Stage,
    subject: String,
    started: Instant,
    bytes: u64,
}

/// Lines for logs and pipes.
pub(super) struct Plain {
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, Running>>,
}

impl Plain {
    pub fn new() -> Self {
        Self {
            next: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(line: &str) {
    // Standard error may be closed; then nobody reads progress.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// `  layer   engine: 75.2 MiB in 2.1 s, cached`
fn ended(stage: Stage, subject: &str, bytes: u64, elapsed: Duration, outcome: &str) -> String {
    let mut line = format!("{:>8}  {subject}", stage.word());
    if bytes > 0 {
        line.push_str(&format!(": {}", HumanBytes(bytes)));
    }
    line.push_str(&format!(" in {:.1} s", elapsed.as_secs_f64()));
    if !outcome.is_empty() {
        line.push_str(&format!(", {outcome}"));
    }
    line
}

impl Reporter for Plain {
    fn begin(&self, stage: Stage, subject: &str, _: Option<u64>) -> TaskId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let running = Running {
            stage,
            subject: subject.to_owned(),
            started: Instant::now(),
            bytes: 0,
        };
        locked(&self.running).insert(id, running);
        TaskId(id)
    }

    fn advance(&self, task: TaskId, bytes: u64) {
        if let Some(running) = locked(&self.running).get_mut(&task.0) {
            running.bytes += bytes;
        }
    }

    fn finish(&self, task: TaskId, outcome: &str) {
        if let Some(done) = locked(&self.running).remove(&task.0) {
            print(&ended(
                done.stage,
                &done.subject,
                done.bytes,
                done.started.elapsed(),
                outcome,
            ));
        }
    }

    fn note(&self, stage: Stage, message: &str) {
        print(&format!("{:>8}  {message}", stage.word()));
    }

    fn warn(&self, stage: Stage, message: &str) {
        print(&format!("warning: {}: {message}", stage.word()));
    }
}

/// Bars for people.
pub(super) struct Terminal {
    bars: MultiProgress,
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, (Running, ProgressBar)>>,
}

impl Terminal {
    pub fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            next: AtomicU64::new(0),
            running: Mutex::default(),
        }
    }

    fn line(&self, line: &str) {
        let _ = self.bars.println(line);
    }
}

fn style(known: bool) -> ProgressStyle {
    let template = if known {
        "{prefix:>8}  {wide_msg} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} [{bar:24}]"
    } else {
        "{prefix:>8}  {wide_msg} {bytes:>10} {elapsed:>6} {spinner}"
    };
    // The templates are constants of this file; a default bar would still show progress.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Reporter for Terminal {
    fn begin(&self, stage: Stage, subject: &str, total: Option<u64>) -> TaskId {
        let bar = self
            .bars
            .add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        bar.set_style(style(total.is_some()));
        bar.set_prefix(stage.word());
        bar.set_message(subject.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let running = Running {
            stage,
            subject: subject.to_owned(),
            started: Instant::now(),
            bytes: 0,
        };
        locked(&self.running).insert(id, (running, bar));
        TaskId(id)
    }

    fn advance(&self, task: TaskId, bytes: u64) {
        if let Some((running, bar)) = locked(&self.running).get_mut(&task.0) {
            running.bytes += bytes;
            bar.inc(bytes);
        }
    }

    fn finish(&self, task: TaskId, outcome: &str) {
        if let Some((done, bar)) = locked(&self.running).remove(&task.0) {
            bar.finish_and_clear();
            self.line(&ended(
                done.stage,
                &done.subject,
                done.bytes,
                done.started.elapsed(),
                outcome,
            ));
        }
    }

    fn note(&self, stage: Stage, message: &str) {
        self.line(&format!("{:>8}  {message}", stage.word()));
    }

    fn warn(&self, stage: Stage, message: &str) {
        self.line(&format!("warning: {}: {message}", stage.word()));
    }
}
