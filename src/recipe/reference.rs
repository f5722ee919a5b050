//! The reference of recipes, from their schema: one table a TOML table.

use serde_json::{Map, Value};

use super::keys::schema;

const HEAD: &str = "\
# Recipe reference

Made by `dindimg schema --markdown`, from the same schema that checks recipes. A recipe is a TOML file;
every key is optional unless it says otherwise, and an unknown one is an error. Keys of a recipe win over
those of the recipe it `extends`: tables are merged key by key, lists are replaced, `[[file]]` tables add
up, and one at the same path replaces the other. Paths are relative to the recipe that names them and
stay below the directory of the recipe that is built.
";

/// Keys of tables that have names of the user's own in their place.
const NAME: &str = "NAME";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let schema = schema();
    let mut page = HEAD.to_owned();
    page.push_str("\n## Top level\n\n");
    let top = properties(&schema);
    let scalars = top.iter().filter(|(_, inner)| !is_table(inner));
    rows(&mut page, scalars, &required(&schema));
    for (name, inner) in &top {
        section(&mut page, name, inner);
    }
    page
}

/// The section of one table, and those of the tables in it.
fn section(page: &mut String, path: &str, schema: &Value) {
    let Some((title, body)) = table(path, schema) else {
        return;
    };
    page.push_str(&format!("\n## `{title}`\n\n"));
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        page.push_str(&format!("{}\n\n", flat(text)));
    }
    if path == "variant" {
        let tables: Vec<String> = properties(body)
            .iter()
            .filter(|(_, inner)| is_table(inner))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        page.push_str(&format!(
            "It can have the tables {}, as the recipe itself, whose words are their defaults.\n\n",
            tables.join(", ")
        ));
    }
    let inner = properties(body);
    if inner.is_empty() {
        // A table of free keys.
        let free = NAME.to_owned();
        let mut row = schema.clone();
        if let (Some(row), Some(entries)) =
            (row.as_object_mut(), schema.get("additionalProperties"))
        {
            row.remove("default");
            row.insert("type".to_owned(), entries["type"].clone());
        }
        rows(page, std::iter::once((&free, &row)), &[]);
        return;
    }
    let nested = |value: &Value| is_table(value) && !properties_below(value);
    let own = inner
        .iter()
        .filter(|(_, value)| !is_table(value) || nested(value))
        .filter(|(_, value)| path != "variant" || !is_table(value));
    rows(page, own, &required(body));
    if path == "variant" {
        return;
    }
    levels(page, &inner);
    for (name, value) in inner.iter().filter(|(_, value)| properties_below(value)) {
        section(page, &format!("{path}.{name}"), value);
    }
}

/// What a level changes, of tables whose keys have another default at the strict one.
fn levels(page: &mut String, keys: &Map<String, Value>) {
    let rows: String = keys
        .iter()
        .filter_map(|(name, schema)| {
            let breaks = schema.get("x-breaks")?.as_str()?;
            let cells = [
                format!("`{name}`"),
                format!("`{}`", toml_value(schema.get("default")?)),
                format!("`{}`", toml_value(schema.get("x-strict")?)),
                flat(breaks),
            ];
            Some(format!("| {} |\n", cells.join(" | ")))
        })
        .collect();
    if !rows.is_empty() {
        page.push_str(
            "\nWhat `level = \"strict\"` changes, each alone to be had or had back by its key:\n\n\
             | key | standard | strict | what strict breaks |\n|---|---|---|---|\n",
        );
        page.push_str(&rows);
    }
}

/// How the table is written in TOML, and the schema of its keys; `None` for what is no table.
fn table<'a>(path: &str, schema: &'a Value) -> Option<(String, &'a Value)> {
    if schema.get("properties").is_some() {
        return Some((format!("[{path}]"), schema));
    }
    if let Some(items) = schema
        .get("items")
        .filter(|items| items.get("properties").is_some())
    {
        return Some((format!("[[{path}]]"), items));
    }
    let entries = schema.get("additionalProperties")?;
    if entries.get("properties").is_some() {
        return Some((format!("[{path}.{NAME}]"), entries));
    }
    entries
        .is_object()
        .then(|| (format!("[{path}]"), schema))
        .or_else(|| (entries == true).then(|| (format!("[{path}]"), schema)))
}

fn is_table(schema: &Value) -> bool {
    table("", schema).is_some()
}

/// Whether the keys of the table are known, so that it has a section of its own.
fn properties_below(schema: &Value) -> bool {
    table("", schema).is_some_and(|(_, body)| !properties(body).is_empty())
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn required(schema: &Value) -> Vec<String> {
    let list = schema.get("required").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn rows<'a>(
    page: &mut String,
    keys: impl Iterator<Item = (&'a String, &'a Value)>,
    required: &[String],
) {
    let rows: Vec<String> = keys
        .map(|(name, schema)| {
            let default = match schema.get("default") {
                Some(value) => format!("`{}`", toml_value(value)),
                None if required.contains(name) => "required".to_owned(),
                None => String::new(),
            };
            let example = schema
                .pointer("/examples/0")
                .map_or_else(String::new, |value| format!("`{}`", toml_value(value)));
            let cells = [
                format!("`{name}`"),
                type_of(schema),
                default,
                schema
                    .get("description")
                    .and_then(Value::as_str)
                    .map(flat)
                    .unwrap_or_default(),
                example,
            ];
            format!(
                "| {} |\n",
                cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
            )
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    page.push_str("| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
    page.extend(rows);
}

/// The type of a key in words.
fn type_of(schema: &Value) -> String {
    if let Some(Value::Array(choices)) = schema.get("enum") {
        let words: Vec<String> = choices
            .iter()
            .map(|word| format!("`{}`", toml_value(word)))
            .collect();
        return words.join(", ");
    }
    if let Some(word) = schema.get("const") {
        return format!("`{}`", toml_value(word));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = schema.get(key) {
            return choices.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => match schema.get("items") {
            Some(items) if items.get("enum").is_some() => format!("list of {}", type_of(items)),
            Some(items) => format!("list of {}", plural(&type_of(items))),
            None => "list".to_owned(),
        },
        Some("object") => match schema.get("additionalProperties") {
            Some(inner) if inner.is_object() => format!("table of {}", plural(&type_of(inner))),
            _ => "table".to_owned(),
        },
        Some(other) => other.to_owned(),
        None => "any value".to_owned(),
    }
}

/// `list of strings` has its plural at the front.
fn plural(words: &str) -> String {
    match words.split_once(' ') {
        Some((first, rest)) => format!("{first}s {rest}"),
        None => format!("{words}s"),
    }
}

/// A JSON value as TOML writes it within a line.
fn toml_value(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let bare = |key: &str| {
                key.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    let quote = if bare(key) { "" } else { "\"" };
                    format!("{quote}{key}{quote} = {}", toml_value(value))
                })
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// Text that was wrapped for source, on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
