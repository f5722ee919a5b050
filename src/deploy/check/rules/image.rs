//! Which image a daemon is.

use super::super::model::Manifest;
use super::super::quoted;
use super::{Found, Level, subject};

/// Daemons whose image is named without a digest. What a variable decides is not judged.
pub fn mutable(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for (group, one, _) in manifest.daemons() {
        let Some((image, place)) = one.image.as_ref().filter(|(image, _)| !image.open) else {
            continue;
        };
        if image.digest {
            continue;
        }
        let subject = subject(group, one);
        let text = quoted(&image.text);
        let (level, message) = match image.versioned() {
            true => (
                Level::Note,
                format!(
                    "{subject} has the image {text} by its tag: tags are moved, and nodes keep what they pulled before"
                ),
            ),
            false => (
                Level::Warning,
                format!(
                    "{subject} has the image {text} of no version: the next pull may bring another Docker, with other defaults"
                ),
            ),
        };
        found.push(Found::new(place, message).level(level));
    }
    found
}
