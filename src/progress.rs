//! How long work tells of itself. Rooms report through [`Reporter`]; only `cli` renders.

/// Names one running task of a [`Reporter`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TaskId(pub u64);

/// A stage of the road, as users see it in progress lines and messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Reading signed indexes and choosing packages.
    Resolve,
    /// Downloading package files.
    Fetch,
    /// Placing packages into the tree and applying the script rules.
    Assemble,
    /// Writing and compressing layers.
    Layer,
    /// Writing image layouts and archives, or loading into an engine.
    Output,
    /// Uploading to a registry.
    Push,
    /// Reading what is said of a published image.
    Verify,
    /// Running the image on an engine.
    Smoke,
}

impl Stage {
    /// The lower-case word for progress lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Fetch => "fetch",
            Self::Assemble => "assemble",
            Self::Layer => "layer",
            Self::Output => "output",
            Self::Push => "push",
            Self::Verify => "verify",
            Self::Smoke => "smoke",
        }
    }
}

/// Receives the progress of long work. Implementations are shared between threads.
pub trait Reporter: Send + Sync {
    /// A task starts: `subject` names the thing worked on, `total` is in bytes where it is known.
    fn begin(&self, stage: Stage, subject: &str, total: Option<u64>) -> TaskId;
    /// `bytes` more of the task are done.
    fn advance(&self, task: TaskId, bytes: u64);
    /// The task has ended; `outcome` is a short remark such as `cached`, or empty.
    fn finish(&self, task: TaskId, outcome: &str);
    /// One line worth telling that belongs to no running task.
    fn note(&self, stage: Stage, message: &str);
    /// Something the user should know although the work goes on.
    fn warn(&self, stage: Stage, message: &str);
}

/// A [`Reporter`] that tells nobody.
#[derive(Clone, Copy, Default, Debug)]
pub struct Silent;

impl Reporter for Silent {
    fn begin(&self, _: Stage, _: &str, _: Option<u64>) -> TaskId {
        TaskId(0)
    }
    fn advance(&self, _: TaskId, _: u64) {}
    fn finish(&self, _: TaskId, _: &str) {}
    fn note(&self, _: Stage, _: &str) {}
    fn warn(&self, _: Stage, _: &str) {}
}
