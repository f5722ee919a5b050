//! Unknown keys, found by walking a recipe's text against the schema of the recipe format.

use std::ops::Range;

use schemars::SchemaGenerator;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::raw::RawRecipe;
use super::suggest;

/// The JSON Schema (draft 2020-12) of the recipe format, with every definition inlined.
pub fn schema() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true);
    SchemaGenerator::new(settings)
        .into_root_schema_for::<RawRecipe>()
        .to_value()
}

/// The first key that the format does not know: where it stands and a message with a suggestion.
pub(super) fn first_unknown(table: &DeTable<'_>) -> Option<(Range<usize>, String)> {
    walk(table, &schema(), "")
}

fn walk(table: &DeTable<'_>, schema: &Value, at: &str) -> Option<(Range<usize>, String)> {
    // A table of free keys (`[env]`, `[engine.daemon]`) has no properties to compare with.
    let known = schema.get("properties")?.as_object()?;
    for (key, value) in table {
        let name: &str = key.get_ref();
        let Some(inner) = known.get(name) else {
            let place = if at.is_empty() {
                String::new()
            } else {
                format!(" in [{at}]")
            };
            let hint = suggest::hint(name, known.keys().map(String::as_str));
            return Some((key.span(), format!("unknown key `{name}`{place}{hint}")));
        };
        let below = if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}.{name}")
        };
        if let Some(found) = descend(value.get_ref(), inner, &below) {
            return Some(found);
        }
    }
    None
}

fn descend(value: &DeValue<'_>, schema: &Value, at: &str) -> Option<(Range<usize>, String)> {
    match value {
        DeValue::Table(table) => walk(table, schema, at),
        DeValue::Array(items) => {
            let schema = schema.get("items")?;
            items
                .iter()
                .find_map(|item| descend(item.get_ref(), schema, at))
        }
        _ => None,
    }
}
