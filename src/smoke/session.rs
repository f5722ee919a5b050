//! Names and clean-up: everything a run creates carries one label and goes with the run.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use super::engine::{Engine, Mount, RunSpec};

/// Label on every object of a run; its value is the run's own.
pub(super) const LABEL: &str = "io.dindimg.smoke";

/// The objects of one run on one engine, removed by [`Session::close`], or when it is dropped on
/// the way out of a failure.
pub(super) struct Session<'a> {
    engine: &'a dyn Engine,
    id: String,
    /// Images that were not in the engine's store before.
    images: Vec<String>,
    closed: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(engine: &'a dyn Engine) -> Self {
        // The standard library's per-process random keys are enough to tell two runs apart.
        let id = RandomState::new().build_hasher().finish();
        Self {
            engine,
            id: format!("{id:016x}"),
            images: Vec::new(),
            closed: false,
        }
    }

    /// The name of an object of this run.
    pub(super) fn name(&self, role: &str) -> String {
        format!("dindimg-smoke-{}-{role}", self.id)
    }

    /// `key=value` that marks the objects of this run.
    pub(super) fn label(&self) -> String {
        format!("{LABEL}={}", self.id)
    }

    /// A container of this run, with nothing but image, name and arguments.
    pub(super) fn container(&self, image: &str, role: &str, args: &[&str]) -> RunSpec {
        RunSpec {
            image: image.to_owned(),
            name: self.name(role),
            label: self.label(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..RunSpec::default()
        }
    }

    /// A volume of this run at `target`.
    pub(super) fn mount(&self, role: &str, target: &str, read_only: bool) -> Mount {
        Mount {
            volume: self.name(role),
            target: target.to_owned(),
            read_only,
        }
    }

    /// Has an image removed at the end, because this run brought it.
    pub(super) fn adopt_image(&mut self, reference: String) {
        self.images.push(reference);
    }

    /// Leaves everything, and says how to look into it by `enter` and how to be rid of it.
    pub(super) fn keep(mut self, container: &str, enter: &str) -> String {
        self.closed = true;
        let engine = self.engine.name();
        format!(
            "{container} is kept: `{enter}` enters it, `dindimg smoke clean --engine {engine}` removes it"
        )
    }

    /// Removes everything and returns what could not be removed.
    pub(super) fn close(mut self) -> Vec<String> {
        self.clean()
    }

    /// Leaves the images that this run brought: a container that is kept needs one.
    pub(super) fn leave_images(&mut self) {
        self.images.clear();
    }

    fn clean(&mut self) -> Vec<String> {
        if std::mem::replace(&mut self.closed, true) {
            return Vec::new();
        }
        let mut left = self
            .engine
            .sweep(&self.label())
            .unwrap_or_else(|error| vec![error.to_string()]);
        for image in &self.images {
            left.extend(
                self.engine
                    .remove_image(image)
                    .err()
                    .map(|error| error.to_string()),
            );
        }
        left
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Only a failure that is already being reported comes here without `close`.
        self.clean();
    }
}
