//! Environment variables of containers.

use std::collections::BTreeMap;

use super::field::{Field, Place};

/// Environment variables.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// By name.
    pub settings: BTreeMap<String, Setting>,
    /// More may be set than the manifest shows.
    pub open: bool,
}

/// Variables that a daemon or its client reads and that rules ask for.
const VARIABLES: &[&str] = &[
    "DIND_DAEMON_JSON",
    "DIND_LISTEN",
    "DIND_LISTEN_ADDRESS",
    "DIND_PORT",
    "DIND_STORAGE",
    "DIND_TLS_PORT",
    "DIND_TLS_SAN",
    "DIND_WAIT",
    "DOCKER_CERT_PATH",
    "DOCKER_DRIVER",
    "DOCKER_HOST",
    "DOCKER_TLS_CERTDIR",
    "DOCKER_TLS_SAN",
    "DOCKER_TLS_VERIFY",
];

/// The value of a variable.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The value, or nothing where something else decides it.
    pub value: Option<String>,
    /// Where it stands.
    pub place: Place,
}

impl Environment {
    /// The value of a variable that is set here.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.value.as_deref()
    }

    /// Takes up variables: of a mapping, or of a list of `NAME=VALUE`. Only those that matter are
    /// kept, since every job of a pipeline has those of all.
    pub fn take(&mut self, variables: &Field<'_>) {
        for name in VARIABLES {
            if let Some(place) = variables.entry(name) {
                let value = variables.get(name);
                // Nothing means an empty text to some readers, and to Compose what its own environment has.
                let text = value
                    .as_ref()
                    .and_then(|value| value.text().or_else(|| value.word("value")));
                self.set(name, text, place);
            }
        }
        for item in variables.items() {
            let text = item.text().unwrap_or_default();
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            self.set(name, value, item.place.clone());
        }
    }

    /// Takes up a variable; a value with a dollar is decided elsewhere.
    pub fn set(&mut self, name: &str, value: Option<&str>, place: Place) {
        if !VARIABLES.contains(&name) {
            return;
        }
        let value = value
            .filter(|value| !value.contains('$'))
            .map(str::to_owned);
        self.settings
            .insert(name.to_owned(), Setting { value, place });
    }
}
