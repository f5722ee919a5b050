//! A value that remembers where it was written, for what can be judged only after parsing.

use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::super::error::RecipeError;
use super::super::source::Source;

/// A value, its place in the text, and the recipe whose text that is.
#[derive(Clone, Debug)]
pub(in crate::recipe) struct At<T> {
    pub value: T,
    span: Range<usize>,
    recipe: PathBuf,
}

impl<T> At<T> {
    /// Notes the recipe the value stands in.
    pub fn locate(&mut self, recipe: &Path) {
        recipe.clone_into(&mut self.recipe);
    }

    /// The recipe that names the value.
    pub fn recipe(&self) -> &Path {
        &self.recipe
    }

    /// An error that shows the line of the value.
    pub fn error(&self, source: &dyn Source, message: &str) -> RecipeError {
        let text = source.read(&self.recipe).map(String::from_utf8);
        match text {
            Ok(Ok(text)) => RecipeError::text(&self.recipe, &text, self.span.clone(), message),
            _ => RecipeError::whole(&self.recipe, message),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        Ok(Self {
            span: spanned.span(),
            value: spanned.into_inner(),
            recipe: PathBuf::new(),
        })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
}
