//! The image that is deployed, as far as it can be believed.

use serde_json::Value;

use super::error::DeployError;
use crate::guest::Contract;
use crate::text::printable;

/// The version of labels that is understood.
const SCHEMA: u32 = 1;

/// The image that is deployed.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its reference, by digest where that is known.
    pub image: String,
    /// What people know it by.
    pub name: String,
    /// What it offers and needs.
    pub contract: Contract,
}

impl Subject {
    /// An image whose label is fit to be put into manifests: anybody can write one.
    ///
    /// # Errors
    /// When the label is of another version, or has texts that no image of this program has.
    pub fn new(image: String, name: &str, contract: Contract) -> Result<Self, DeployError> {
        let wrong = |reason: String| DeployError::Label {
            image: printable(name),
            reason,
        };
        if contract.schema != SCHEMA {
            let schema = contract.schema;
            return Err(wrong(format!("its version is {schema}, not {SCHEMA}")));
        }
        let value = serde_json::to_value(&contract).map_err(|error| wrong(error.to_string()))?;
        let texts = texts(&value);
        if let Some(text) = texts.iter().find(|text| printable(text) != **text) {
            return Err(wrong(format!("it has the text {}", printable(text))));
        }
        let paths = contract.volumes.iter().chain(&contract.writable);
        let mut paths = paths.chain(&contract.privileges.devices);
        if let Some(path) = paths.find(|path| !is_plain(path)) {
            return Err(wrong(format!("it has the path {path}")));
        }
        Ok(Self {
            image,
            name: printable(name),
            contract,
        })
    }
}

/// An absolute path without anything that a shell or a manifest has a meaning for.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.split('/').all(|part| part != "..")
        && path
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
