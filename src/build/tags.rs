//! Tags from templates.

use handlebars::Handlebars;
use serde::Serialize;

use crate::epoch::Epoch;
use crate::family;
use crate::lock::LockedPackage;
use crate::recipe::Recipe;
use crate::resolve::roots;

use super::error::BuildError;

/// Longest tag, in characters (distribution-spec, "Pulling manifests").
const TAG_LIMIT: usize = 128;

/// What tag templates can say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TagData {
    /// The engine, where the recipe has one.
    pub engine: EngineData,
    /// The suite.
    pub suite: String,
    /// The variant.
    pub variant: String,
    /// The date of what it is made of, `20261122`, where that counts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub date: String,
}

/// The engine's version and its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineData {
    /// Upstream version, `20.10.24`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Its first number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub major: String,
    /// Its second number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub minor: String,
}

impl TagData {
    /// The values of a recipe and the packages of its lock, those of one platform or all.
    pub fn of<'a>(recipe: &Recipe, mut packages: impl Iterator<Item = &'a LockedPackage>) -> Self {
        let version = roots(recipe)
            .engine_package
            .and_then(|name| packages.find(|package| package.name == name))
            .map(|package| family::of(recipe).upstream_version(&package.version))
            .unwrap_or_default();
        let mut parts = version.split('.').map(str::to_owned);
        Self {
            engine: EngineData {
                major: parts.next().unwrap_or_default(),
                minor: parts.next().unwrap_or_default(),
                version,
            },
            suite: recipe.distribution.release().to_owned(),
            variant: recipe.variant.to_string(),
            date: String::new(),
        }
    }

    /// The same for tags that say of when an image is.
    pub fn dated(self, epoch: Epoch) -> Self {
        let stamp = epoch.to_snapshot();
        let (date, _) = stamp.split_once('T').unwrap_or_default();
        Self {
            date: date.to_owned(),
            ..self
        }
    }
}

/// Renders one tag and checks that registries accept it.
pub fn render(template: &str, data: &TagData) -> Result<String, BuildError> {
    let fail = |message: String| BuildError::Tag {
        template: template.to_owned(),
        message,
    };
    let mut renderer = Handlebars::new();
    renderer.set_strict_mode(true);
    renderer.register_escape_fn(handlebars::no_escape);
    let tag = renderer.render_template(template, data).map_err(|_| {
        fail("it can use engine.version, engine.major, engine.minor, suite and variant, in immutable tags also date".to_owned())
    })?;
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let other = |b: u8| first(b) || b == b'.' || b == b'-';
    let valid = tag.bytes().next().is_some_and(first) && tag.bytes().all(other);
    if !valid || tag.len() > TAG_LIMIT {
        return Err(fail(format!(
            "`{tag}` is not a tag (letters, digits, _ . - and at most {TAG_LIMIT} characters)"
        )));
    }
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_rendered_and_checked() {
        let data = TagData {
            engine: EngineData {
                version: "20.10.24".to_owned(),
                major: "20".to_owned(),
                minor: "10".to_owned(),
            },
            suite: "bookworm".to_owned(),
            variant: "slim".to_owned(),
            ..TagData::default()
        };
        let tag = |template| render(template, &data);
        assert_eq!(
            tag("{{engine.version}}-{{suite}}").expect("valid"),
            "20.10.24-bookworm"
        );
        assert!(tag("{{engine.versoin}}").is_err());
        assert!(tag("-x").is_err() && tag("a/b").is_err() && tag("").is_err());
        assert!(tag(&"a".repeat(TAG_LIMIT + 1)).is_err());
        assert!(
            render("{{engine.version}}", &TagData::default()).is_err(),
            "no engine, no version"
        );
    }
}
