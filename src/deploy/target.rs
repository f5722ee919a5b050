//! What an image can be deployed to.

use super::choices::{Choices, KEYS, Key};
use super::error::DeployError;
use super::model::Container;
use super::plan::{Place, Plan, plan};
use super::subject::Subject;
use super::targets::TARGETS;
use super::template::Templates;
use crate::recipe::suggest;

/// A target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// The profiles that it is for.
    pub profiles: &'static [&'static str],
    /// Groups of what can be said about it, beside the name and the image.
    pub(super) keys: &'static [&'static [&'static str]],
    /// The files that are rendered: each a name, and its template below `images/deploy`.
    pub files: &'static [(&'static str, &'static str)],
    /// What reads them.
    pub place: Place,
    /// Whether other machines pull the image.
    pub elsewhere: bool,
    /// Says what of the choices it cannot be made of.
    pub(super) refuse: fn(&Choices) -> Result<(), String>,
    /// Gives the plan what is particular to it.
    pub(super) finish: fn(&mut Plan),
    /// Takes their meaning from what the reader of the manifest would replace in arguments and variables.
    pub(super) literal: fn(&str) -> String,
}

/// What can be said about every target.
const COMMON: &[&str] = &["name", "image"];

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// The target of a name.
///
/// # Errors
/// When there is none.
pub fn target(name: &str) -> Result<&'static Target, DeployError> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| DeployError::Target {
        name: name.to_owned(),
        hint: suggest::hint(name, TARGETS.iter().map(|target| target.name)),
    })
}

impl Target {
    /// What can be said about it, in the order of all keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(|key| self.knows(key.name))
    }

    /// Renders its files for an image. With `explain` each field says why it is there.
    ///
    /// # Errors
    /// When the image is not of its profiles, when a key means nothing to it or changes nothing for
    /// the image, when choices do not go together, or when a template of the user's cannot be
    /// rendered.
    pub fn render(
        &self,
        subject: &Subject,
        choices: &Choices,
        templates: &Templates,
        explain: bool,
    ) -> Result<Vec<Rendered>, DeployError> {
        let files = self.files(subject, choices, templates, explain)?;
        // Silence would be taken for a yes.
        for name in choices.said().filter(|name| !COMMON.contains(name)) {
            let differs = |other: Choices| match self.files(subject, &other, templates, explain) {
                Ok(others) => others != files,
                Err(_) => true,
            };
            if !choices.others(name).into_iter().any(differs) {
                return Err(DeployError::NoEffect {
                    name,
                    target: self.name,
                    profile: subject.contract.profile.clone(),
                });
            }
        }
        Ok(files)
    }

    fn files(
        &self,
        subject: &Subject,
        choices: &Choices,
        templates: &Templates,
        explain: bool,
    ) -> Result<Vec<Rendered>, DeployError> {
        let plan = self.plan(subject, choices)?;
        let mut files = Vec::new();
        for (name, template) in self.files {
            let text = templates.render(template, &plan, explain)?;
            // A profile may need nothing of what another one does.
            if !text.is_empty() {
                files.push(Rendered { name, text });
            }
        }
        Ok(files)
    }

    fn plan(&self, subject: &Subject, choices: &Choices) -> Result<Plan, DeployError> {
        let profile = subject.contract.profile.as_str();
        if !self.profiles.contains(&profile) {
            return Err(DeployError::Profile {
                target: self.name,
                wanted: self.profiles.join(" or "),
                image: subject.name.clone(),
                profile: profile.to_owned(),
            });
        }
        if let Some(name) = choices.said().find(|name| !self.knows(name)) {
            let known: Vec<&str> = self.keys().map(|key| key.name).collect();
            return Err(DeployError::Unused {
                name,
                target: self.name,
                known: known.join(", "),
            });
        }
        (self.refuse)(choices).map_err(DeployError::Together)?;
        let mut plan = plan(self.name, self.place, subject, choices)?;
        (self.finish)(&mut plan);
        for container in [&mut plan.daemon, &mut plan.client] {
            self.quote(container);
        }
        Ok(plan)
    }

    fn knows(&self, key: &str) -> bool {
        COMMON.contains(&key) || self.keys.iter().any(|group| group.contains(&key))
    }

    fn quote(&self, container: &mut Container) {
        for text in container.command.iter_mut().chain(&mut container.args) {
            *text = (self.literal)(text);
        }
        for variable in &mut container.env {
            variable.value = (self.literal)(&variable.value);
        }
    }
}
