//! The image configuration and the guest's data, from recipe and lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::family::PackageSource;
use crate::guest::{self, FileData, GuestData, LABEL, Runtime};
use crate::lock::{Lock, artifacts};
use crate::oci::{ContainerConfig, Healthcheck, Image, ImageSource, Step};
use crate::platform::Platform;
use crate::recipe::{Compose, Hardening, Kind, Listen, Network, Recipe, Run, Storage, Tls};

use super::tags::TagData;
use super::{Assembly, Seen};

/// Annotation and label keys of the OCI image specification (annotations.md).
mod key {
    pub const SPECIFIED: &str = "org.opencontainers.image.";
    pub const CREATED: &str = "org.opencontainers.image.created";
    pub const VERSION: &str = "org.opencontainers.image.version";
    pub const TITLE: &str = "org.opencontainers.image.title";
}

/// The label that tells what is particular about an image.
const BUILD_LABEL: &str = "io.dindimg.build";
/// The part of a recipe that the generated files depend on.
#[derive(Debug, Serialize)]
pub(super) struct GuestInputs<'a> {
    profile: Option<&'static str>,
    distribution: String,
    init: &'static str,
    iptables: &'static str,
    storage: &'a Storage,
    run: &'a Run,
    listen: &'a Listen,
    tls: &'a Tls,
    network: &'a Network,
    compose: &'a Compose,
    kind: &'a Kind,
    hardening: &'a Hardening,
    daemon: &'a BTreeMap<String, serde_json::Value>,
    roots: crate::resolve::Roots,
    replaces: &'a BTreeMap<String, BTreeSet<String>>,
    sources: &'a [PackageSource],
}

impl<'a> GuestInputs<'a> {
    pub(super) fn of(recipe: &'a Recipe, sources: &'a [PackageSource]) -> Self {
        Self {
            profile: recipe.profile.map(|profile| profile.word()),
            distribution: recipe.distribution.to_string(),
            init: recipe.init.word(),
            iptables: recipe.iptables.word(),
            storage: &recipe.storage,
            run: &recipe.run,
            listen: &recipe.listen,
            tls: &recipe.tls,
            network: &recipe.network,
            compose: &recipe.compose,
            kind: &recipe.kind,
            hardening: &recipe.hardening,
            daemon: &recipe.daemon,
            roots: crate::resolve::roots(recipe),
            replaces: &recipe.replaces,
            sources,
        }
    }
}

/// The data of the guest's templates.
pub(super) fn guest_data(recipe: &Recipe, data: &TagData) -> GuestData {
    let one = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    GuestData {
        profile: recipe
            .profile
            .map(|profile| profile.word().to_owned())
            .unwrap_or_default(),
        engine: one("version", &data.engine.version),
        distribution: recipe.distribution.to_string(),
        init: recipe.init.word().to_owned(),
        iptables: one("backend", recipe.iptables.word()),
        storage: recipe.storage.clone(),
        run: recipe.run.clone(),
        listen: recipe.listen.clone(),
        tls: recipe.tls.clone(),
        network: recipe.network.clone(),
        compose: recipe.compose.clone(),
        kind: recipe.kind.clone(),
        hardening: recipe.hardening.clone(),
        daemon: recipe.daemon.clone(),
    }
}

/// The line of the image's history for what the recipe adds of its own: how much, and a digest by
/// which it can be compared with the recipe's lock.
fn content_step(recipe: &Recipe) -> Option<String> {
    if recipe.content.is_empty() {
        return None;
    }
    let content = &recipe.content;
    // Strings and digests in ordered maps: writing them into memory cannot fail.
    let digest = Digest::of(serde_json::to_vec(&artifacts(recipe)).unwrap_or_default());
    Some(format!(
        "dindimg: {} files, {} users, {} groups and {} certificates of {}, {digest}",
        content.files.len(),
        content.users.len(),
        content.groups.len(),
        content.authorities.len(),
        recipe.name
    ))
}

/// The data of the recipe's own templates.
pub(super) fn file_data(recipe: &Recipe, data: &TagData, platform: Platform) -> FileData {
    let engine = &data.engine;
    let parts = [
        ("version", &engine.version),
        ("major", &engine.major),
        ("minor", &engine.minor),
    ];
    let mut guest = guest_data(recipe, data);
    // An image without an engine has no version: a template that asks for it is in error.
    guest.engine = parts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    FileData {
        guest,
        suite: data.suite.clone(),
        architecture: platform.architecture.debian().to_owned(),
        env: recipe.env.clone(),
        labels: recipe.labels.clone(),
    }
}

/// The image of one platform.
pub(super) fn image(
    recipe: &Recipe,
    lock: &Lock,
    platform: Platform,
    epoch: Epoch,
    assembly: &Assembly,
) -> Image {
    let runtime = guest::runtime(recipe);
    let data = TagData::of(recipe, lock.packages_of(&recipe.variant, platform));
    let mut steps: Vec<Step> = assembly
        .layers
        .iter()
        .map(|one| Step::Layer {
            layer: one.layer,
            created_by: format!("dindimg: {} layer of {}", one.name, recipe.name),
            comment: format!("{} bytes unpacked", one.layer.uncompressed_size),
        })
        .collect();
    if let Some(created_by) = content_step(recipe) {
        steps.push(Step::Setting { created_by });
    }
    for (word, value) in [
        ("ENTRYPOINT", &runtime.entrypoint),
        ("CMD", &runtime.command),
    ] {
        if !value.is_empty() {
            steps.push(Step::Setting {
                created_by: format!("dindimg: {word} {value:?}"),
            });
        }
    }
    Image::new(ImageSource {
        platform,
        created: epoch,
        author: None,
        config: container(recipe, lock, &runtime, &data, epoch, &assembly.seen),
        steps,
        annotations: annotations(recipe, &data, epoch),
    })
}

/// What was left out of the image and why, as the lock records it, and what its files were hardened
/// to.
fn build_record(lock: &Lock, recipe: &Recipe, unprivileged: &[String]) -> serde_json::Value {
    let variant = &recipe.variant;
    let image = lock.image(variant);
    let reasons: BTreeMap<&str, &str> = image
        .iter()
        .flat_map(|image| &image.dropped)
        .map(|(name, dropped)| (name.as_str(), dropped.reason.as_str()))
        .collect();
    serde_json::json!({
        "variant": variant.as_str(),
        "dropped": reasons,
        "exclude-paths": image.map(|image| &image.exclude_paths),
        "include-paths": image.map(|image| &image.include_paths),
        "hardening": recipe.profile.map(|_| recipe.hardening.level),
        "setuid-removed": unprivileged,
    })
}

fn container(
    recipe: &Recipe,
    lock: &Lock,
    runtime: &Runtime,
    data: &TagData,
    epoch: Epoch,
    seen: &Seen,
) -> ContainerConfig {
    let mut labels = annotations(recipe, data, epoch);
    if let Some(contract) = guest::contract(recipe, runtime, &data.engine.version, &seen.plugins)
        && let Ok(value) = serde_json::to_value(&contract)
    {
        // By way of a value, whose keys are sorted: the canonical form.
        labels.insert(LABEL.to_owned(), value.to_string());
    }
    // The keys of a value are sorted: the same text each time.
    let record = build_record(lock, recipe, &seen.unprivileged).to_string();
    labels.insert(BUILD_LABEL.to_owned(), record);
    labels.extend(recipe.labels.clone());
    ContainerConfig {
        exposed_ports: runtime
            .ports
            .iter()
            .map(|port| format!("{}/tcp", port.port))
            .collect(),
        env: runtime
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect(),
        entrypoint: runtime.entrypoint.clone(),
        cmd: runtime.command.clone(),
        volumes: runtime.volumes.iter().cloned().collect(),
        stop_signal: runtime.stop_signal.to_owned(),
        user: runtime.user.clone(),
        labels,
        healthcheck: recipe
            .health
            .as_ref()
            .filter(|_| !runtime.health.is_empty())
            .map(|health| {
                let seconds = |number: u32| Duration::from_secs(number.into());
                Healthcheck {
                    test: runtime.health.clone(),
                    interval: seconds(health.interval),
                    timeout: seconds(health.timeout),
                    start_period: seconds(health.start_period),
                    retries: health.retries,
                }
            }),
        ..ContainerConfig::default()
    }
}

/// The labels by which the images of a recipe and its lock are told from all others.
pub fn identity(recipe: &Recipe, lock: &Lock, epoch: Epoch) -> BTreeMap<String, String> {
    let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
    let mut labels = annotations(recipe, &data, epoch);
    for (name, value) in &mut labels {
        if let Some(own) = recipe.labels.get(name) {
            value.clone_from(own);
        }
    }
    labels
}

/// What is known about the image as a whole.
pub(super) fn annotations(
    recipe: &Recipe,
    data: &TagData,
    epoch: Epoch,
) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::from([
        (key::CREATED.to_owned(), epoch.to_string()),
        (key::TITLE.to_owned(), recipe.name.clone()),
    ]);
    if !data.engine.version.is_empty() {
        annotations.insert(key::VERSION.to_owned(), data.engine.version.clone());
    }
    // What a recipe says by the specification's keys is said where registries look, too.
    let said = recipe.labels.iter();
    let said = said.filter(|(name, _)| name.starts_with(key::SPECIFIED));
    annotations.extend(said.map(|(name, value)| (name.clone(), value.clone())));
    annotations
}
