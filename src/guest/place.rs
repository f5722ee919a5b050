//! Rendering and placing guest files.

use std::collections::BTreeMap;

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason,
};
use serde::Serialize;
use serde_json::Value;

use crate::epoch::Epoch;
use crate::recipe::{Compose, Hardening, Kind as Cluster, Listen, Network, Run, Storage, Tls};
use crate::tree::{Kind, Meta, Node, PathError, Tree, TreeError, TreePath};

use super::sources::Sources;

/// The ending of files that are rendered.
const TEMPLATE: &str = ".hbs";

/// Why the guest runtime cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// A guest source cannot be read.
    #[error("guest files of `{part}`: {source}")]
    Read {
        /// `common` or the profile.
        part: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing for a profile.
    #[error("there are no guest files of `{0}`; the directory given has no {0}/rootfs")]
    Empty(String),
    /// A template uses what it was not given, or is not text.
    #[error("template {path}: {message}")]
    Template {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// A value of the recipe would not survive in a data file.
    #[error(
        "`{key}` holds a quote, backslash, dollar, backtick or line break, which guest data cannot carry: {value:?}"
    )]
    Value {
        /// What it is.
        key: String,
        /// The value.
        value: String,
    },
    /// A file cannot be placed.
    #[error("guest file: {0}")]
    Tree(#[from] TreeError),
    /// A name that is no path.
    #[error("guest file: {0}")]
    Path(#[from] PathError),
}

/// What templates can say: data of the recipe and the lock, never code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GuestData {
    /// The profile.
    pub profile: String,
    /// `engine.version`.
    pub engine: BTreeMap<String, String>,
    /// `debian/bookworm`.
    pub distribution: String,
    /// The program that is PID 1.
    pub init: String,
    /// `iptables.backend`.
    pub iptables: BTreeMap<String, String>,
    /// `[storage]`
    pub storage: Storage,
    /// `[run]`
    pub run: Run,
    /// `[listen]`
    pub listen: Listen,
    /// `[tls]`
    pub tls: Tls,
    /// `[network]`
    pub network: Network,
    /// `[compose]`
    pub compose: Compose,
    /// `[kind]`
    pub kind: Cluster,
    /// `[hardening]`
    pub hardening: Hardening,
    /// The keys of `daemon.json`.
    pub daemon: BTreeMap<String, Value>,
}

/// Places the guest files of `parts`, later parts over earlier ones.
pub fn place(
    tree: &mut Tree,
    sources: &Sources,
    parts: &[&str],
    data: &GuestData,
    epoch: Epoch,
) -> Result<(), GuestError> {
    check(data)?;
    let mut files = BTreeMap::new();
    for part in parts {
        let found = sources.files(part).map_err(|source| GuestError::Read {
            part: (*part).to_owned(),
            source,
        })?;
        if found.is_empty() {
            return Err(GuestError::Empty((*part).to_owned()));
        }
        files.extend(found);
    }
    let renderer = renderer();
    for (name, content) in files {
        let (name, content) = match name.strip_suffix(TEMPLATE) {
            Some(stripped) => (
                stripped.to_owned(),
                render(&renderer, &name, &content, data)?,
            ),
            None => (name, content),
        };
        let mode = if content.starts_with(b"#!") {
            0o755
        } else {
            0o644
        };
        let node = Node {
            kind: Kind::File(content.into()),
            meta: Meta::root(mode, epoch.seconds()),
        };
        tree.set(&TreePath::parse(&name)?, node)?;
    }
    Ok(())
}

/// Data files quote their values; what could end a quotation has no place in one. The daemon's keys
/// are written as JSON, which quotes by itself.
fn check(data: &GuestData) -> Result<(), GuestError> {
    let fail = |error: serde_json::Error| GuestError::Template {
        path: "guest data".to_owned(),
        message: error.to_string(),
    };
    let mut value = serde_json::to_value(data).map_err(fail)?;
    if let Value::Object(tables) = &mut value {
        tables.remove("daemon");
        // Paths for the build alone.
        if let Some(Value::Object(hardening)) = tables.get_mut("hardening") {
            for key in ["setuid", "secrets"] {
                hardening.remove(key);
            }
        }
    }
    check_value("", &value)
}

fn check_value(key: &str, value: &Value) -> Result<(), GuestError> {
    match value {
        Value::String(text) if text.contains(['"', '\'', '\\', '$', '`', '\n', '\r']) => {
            Err(GuestError::Value {
                key: key.to_owned(),
                value: text.clone(),
            })
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_value(key, item)),
        Value::Object(table) => table.iter().try_for_each(|(name, inner)| {
            let dot = if key.is_empty() { "" } else { "." };
            check_value(&format!("{key}{dot}{name}"), inner)
        }),
        _ => Ok(()),
    }
}

pub(super) fn renderer() -> Handlebars<'static> {
    let mut renderer = Handlebars::new();
    renderer.set_strict_mode(true);
    renderer.register_escape_fn(handlebars::no_escape);
    renderer.register_helper("json", Box::new(json));
    renderer
}

/// `{{{json value}}}`: the value as JSON, keys sorted.
fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = helper
        .param(0)
        .ok_or(RenderErrorReason::ParamNotFoundForIndex("json", 0))?;
    let text = serde_json::to_string_pretty(value.value()).map_err(RenderErrorReason::from)?;
    out.write(&text)?;
    Ok(())
}

pub(super) fn render(
    renderer: &Handlebars<'_>,
    path: &str,
    content: &[u8],
    data: &impl Serialize,
) -> Result<Vec<u8>, GuestError> {
    let fail = |message: String| GuestError::Template {
        path: path.to_owned(),
        message,
    };
    let template = std::str::from_utf8(content).map_err(|error| fail(error.to_string()))?;
    if template.starts_with("#!") {
        return Err(fail(
            "it is a script; only data files are rendered".to_owned(),
        ));
    }
    renderer
        .render_template(template, data)
        .map(String::into_bytes)
        .map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> GuestData {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("r.toml");
        let text = "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n";
        std::fs::write(&path, text).expect("recipe written");
        let recipes = crate::recipe::load(&path).expect("valid");
        let recipe = recipes.default();
        GuestData {
            profile: "dind".to_owned(),
            engine: BTreeMap::from([("version".to_owned(), "20.10.24".to_owned())]),
            distribution: "debian/bookworm".to_owned(),
            init: "tini".to_owned(),
            iptables: BTreeMap::from([("backend".to_owned(), "legacy".to_owned())]),
            storage: recipe.storage.clone(),
            run: recipe.run.clone(),
            listen: recipe.listen.clone(),
            tls: recipe.tls.clone(),
            network: recipe.network.clone(),
            compose: recipe.compose.clone(),
            kind: recipe.kind.clone(),
            hardening: recipe.hardening.clone(),
            daemon: BTreeMap::from([("log-driver".to_owned(), serde_json::json!("local"))]),
        }
    }

    fn rendered(template: &str) -> Result<String, GuestError> {
        render(&renderer(), "x.hbs", template.as_bytes(), &data())
            .map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn templates_are_strict_and_do_not_escape() {
        assert_eq!(
            rendered("{{engine.version}} {{run.stop-timeout}}").expect("renders"),
            "20.10.24 10"
        );
        assert_eq!(
            rendered("{{{json daemon}}}").expect("renders"),
            "{\n  \"log-driver\": \"local\"\n}"
        );
        assert_eq!(rendered("[{{storage.driver}}]").expect("renders"), "[]");
        assert!(rendered("{{absent}}").is_err());
        assert!(rendered("#!/bin/sh\n{{init}}").is_err());
    }

    #[test]
    fn a_value_that_could_end_its_quotation_is_refused() {
        let mut data = data();
        data.hardening.secrets = vec!["/srv/it's.key".parse().expect("a path")];
        assert!(check(&data).is_ok());
        data.distribution = "debian\"; reboot #".to_owned();
        let mut tree = Tree::new(0);
        let epoch = Epoch::default();
        let error =
            place(&mut tree, &Sources::Embedded, &["common"], &data, epoch).expect_err("unsafe");
        assert!(
            error
                .to_string()
                .starts_with("`distribution` holds a quote"),
            "{error}"
        );
    }
}
