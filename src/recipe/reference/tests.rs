use super::super::load::load;
use super::*;

/// Writes every default of `schema` that `table` leaves out into it.
fn fill(schema: &Value, table: &mut toml::Table) -> usize {
    let mut filled = 0;
    for (key, inner) in properties(schema) {
        if let Some(default) = inner.get("default") {
            if !table.contains_key(&key) {
                let value = toml::Value::try_from(default).expect("TOML can say it");
                table.insert(key.clone(), value);
                filled += 1;
            }
            continue;
        }
        if inner.get("properties").is_some() {
            let slot = table
                .entry(key)
                .or_insert_with(|| toml::Table::new().into());
            filled += fill(&inner, slot.as_table_mut().expect("a table"));
            continue;
        }
        let entries = inner
            .get("additionalProperties")
            .filter(|entry| entry.is_object());
        match table.get_mut(&key) {
            Some(toml::Value::Table(named)) => {
                let Some(schema) = entries else { continue };
                for (_, value) in named.iter_mut() {
                    filled += value.as_table_mut().map_or(0, |table| fill(schema, table));
                }
            }
            Some(toml::Value::Array(items)) => {
                for item in items {
                    filled += item
                        .as_table_mut()
                        .map_or(0, |table| fill(&inner["items"], table));
                }
            }
            _ => {}
        }
    }
    filled
}

const SMALL: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[[debian.repository]]
name = "x"
mirrors = ["https://x.example/debian"]
suite = "x"
components = ["main"]
keys = [{ file = "k.asc", fingerprint = "04B54C3CDCA79751B16BC6B5225629DF75B188BD" }]
[users.ci]
[groups.team]
[[file]]
path = "/etc/motd"
content = "hello"
"#;

const ALPINE: &str = r#"
schema = 1
profile = "dind"
[alpine]
branch = "v3.22"
[[alpine.repository]]
name = "x"
mirrors = ["https://x.example/alpine"]
keys = [{ url = "https://x.example/x.rsa.pub", sha256 = "d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d" }]
"#;

/// A default that the schema shows is the one that a recipe gets which leaves the key out.
#[test]
fn the_schemas_defaults_are_what_the_loader_fills_in() {
    let dir = tempfile::tempdir().expect("temporary directory");
    std::fs::write(dir.path().join("k.asc"), "key").expect("key");
    let path = dir.path().join("a.toml");
    let loaded = |text: &str| {
        std::fs::write(&path, text).expect("recipe");
        let recipes = load(&path).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut recipe = recipes.default().clone();
        // The codec's own default; the layer room names it.
        recipe.compression = None;
        // The text is another one.
        recipe.sources.clear();
        format!("{recipe:#?}")
    };
    let cluster = SMALL.replace("\"dind\"", "\"kind-cluster\"");
    // A recipe is of one distribution, and one profile has a cluster.
    for (text, others) in [
        (SMALL, ["alpine", "kind"]),
        (ALPINE, ["debian", "kind"]),
        (&cluster, ["alpine", ""]),
    ] {
        let mut schema = schema();
        let properties = schema["properties"].as_object_mut().expect("properties");
        for other in others.iter().filter(|other| !other.is_empty()) {
            properties.remove(*other).expect("a table");
        }
        let mut table: toml::Table = text.parse().expect("TOML");
        let filled = fill(&schema, &mut table);
        assert!(filled > 30, "only {filled} defaults");
        let whole = toml::to_string(&table).expect("TOML");
        assert_eq!(loaded(&whole), loaded(text));
    }
    assert_eq!(
        schema()["properties"]["image"]["properties"]["compression"]["default"],
        "gzip:5"
    );
}

/// What the schema says of the strict level is what the loader fills in there.
#[test]
fn the_schemas_strict_defaults_are_what_the_level_fills_in() {
    let schema = schema();
    let keys = properties(&schema["properties"]["hardening"]);
    let strict: toml::Table = keys
        .iter()
        .filter_map(|(key, inner)| Some((key.clone(), inner.get("x-strict")?)))
        .map(|(key, value)| (key, toml::Value::try_from(value).expect("TOML can say it")))
        .collect();
    assert!(strict.len() > 5, "{strict:?}");
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("a.toml");
    let loaded = |hardening: &toml::Table| {
        let text = format!(
            "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n[hardening]\n{}",
            toml::to_string(hardening).expect("TOML")
        );
        std::fs::write(&path, &text).expect("recipe");
        let recipes = load(&path).unwrap_or_else(|error| panic!("{error}\n{text}"));
        recipes.default().hardening.clone()
    };
    let level = toml::Table::from_iter([("level".to_owned(), "strict".into())]);
    assert_eq!(loaded(&strict), loaded(&level));
    for (key, inner) in &keys {
        assert!(
            key == "level" || inner.get("x-strict").is_some() == inner.get("x-breaks").is_some(),
            "{key}: what strict changes breaks something, which is to be said"
        );
    }
}

#[test]
fn every_key_is_described_and_none_may_be_null() {
    fn check(schema: &Value, at: &str) {
        for (key, inner) in properties(schema) {
            let path = format!("{at}.{key}");
            assert!(
                inner["description"].is_string(),
                "{path} has no description"
            );
            check(&inner, &path);
            check(&inner["items"], &path);
            check(&inner["additionalProperties"], &path);
        }
    }
    check(&schema(), "");
    assert!(!schema().to_string().contains("null"));
}

#[test]
fn the_page_has_a_section_for_every_table() {
    let page = reference();
    for title in [
        "[image]",
        "[debian]",
        "[[debian.repository]]",
        "[alpine]",
        "[[alpine.repository]]",
        "[engine]",
        "[env]",
        "[[variant]]",
        "[[file]]",
        "[users.NAME]",
        "[groups.NAME]",
        "[ca]",
        "[listen]",
        "[[network.address-pools]]",
        "[hardening]",
    ] {
        assert!(page.contains(&format!("## `{title}`\n")), "{title}\n{page}");
    }
    assert!(page.contains("| `suite` | string |"), "{page}");
    assert!(
        page.contains("| `stop-timeout` | integer | `10` |"),
        "{page}"
    );
    assert!(
        page.contains("| `read-only` | `false` | `true` | installing packages"),
        "{page}"
    );
}
