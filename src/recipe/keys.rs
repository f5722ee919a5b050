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
    let mut schema = SchemaGenerator::new(settings)
        .into_root_schema_for::<RawRecipe>()
        .to_value();
    tidy(&mut schema);
    // What a variant does not say the recipe says.
    if let Some(variant) = schema.pointer_mut("/properties/variant") {
        without_defaults(variant);
    }
    schema
}

/// Takes `null` out of types, choices and defaults: TOML cannot write it, a key is left out.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            for key in ["type", "enum", "anyOf"] {
                let Some(Value::Array(choices)) = map.get_mut(key) else {
                    continue;
                };
                let null = serde_json::json!({ "type": "null" });
                choices.retain(|choice| *choice != null && *choice != "null" && !choice.is_null());
                if let ("type", [only]) = (key, &choices[..]) {
                    let only = only.clone();
                    map.insert(key.to_owned(), only);
                }
            }
            // One choice is none: its keys move up, below what is said here already.
            if let Some(Value::Array(choices)) = map.get("anyOf")
                && let [Value::Object(only)] = &choices[..]
            {
                let only = only.clone();
                map.remove("anyOf");
                for (key, value) in only {
                    map.entry(key).or_insert(value);
                }
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn without_defaults(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("default");
            map.values_mut().for_each(without_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

/// The first key that the format does not know: where it stands and a message with a suggestion.
pub(super) fn first_unknown(table: &DeTable<'_>) -> Option<(Range<usize>, String)> {
    walk(table, &schema(), "")
}

fn walk(table: &DeTable<'_>, schema: &Value, at: &str) -> Option<(Range<usize>, String)> {
    // A table of free keys (`[env]`, `[users]`) has no properties to compare with, but what its
    // entries hold may have some.
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        let entries = schema.get("additionalProperties")?;
        return table.iter().find_map(|(key, value)| {
            let name: &str = key.get_ref();
            descend(value.get_ref(), entries, &format!("{at}.{name}"))
        });
    };
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
