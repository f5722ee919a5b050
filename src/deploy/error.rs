//! Why no manifest is made.

use super::template::TemplateError;

/// Why no manifest is made.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// There is no such target.
    #[error("there is no target `{name}`{hint}; `dindimg deploy --list` has them")]
    Target {
        /// What was asked for.
        name: String,
        /// The nearest name, as a question.
        hint: String,
    },
    /// There is no such key.
    #[error("there is no key `{name}`{hint}; `dindimg deploy --list` has those of each target")]
    Key {
        /// What was said.
        name: String,
        /// The nearest name, as a question.
        hint: String,
    },
    /// A key does nothing for a target.
    #[error("`{name}` means nothing to the target {target}, which knows {known}")]
    Unused {
        /// The key.
        name: &'static str,
        /// The target.
        target: &'static str,
        /// The target's keys.
        known: String,
    },
    /// A key does nothing beside what else was said.
    #[error(
        "`{name}` changes nothing in the target {target} for an image of the profile {profile} with what else is said: leave it away"
    )]
    NoEffect {
        /// The key.
        name: &'static str,
        /// The target.
        target: &'static str,
        /// The image's profile.
        profile: String,
    },
    /// A value is not of its key's kind.
    #[error("`{name}` cannot be `{value}`: it is {reason}")]
    Value {
        /// The key.
        name: &'static str,
        /// What was said.
        value: String,
        /// What it has to be.
        reason: String,
    },
    /// A target is not for such images.
    #[error(
        "the target {target} is for images of the profile {wanted}; {image} has the profile {profile}"
    )]
    Profile {
        /// The target.
        target: &'static str,
        /// The profiles that it is for.
        wanted: String,
        /// The image.
        image: String,
        /// Its profile.
        profile: String,
    },
    /// What an image says of itself is not what this program says.
    #[error("the label of {image} is not of this program's making: {reason}")]
    Label {
        /// The image.
        image: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was said does not go together.
    #[error("{0}")]
    Together(String),
    /// A template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
}
