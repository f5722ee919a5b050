//! What a registry says of an image: for engines that pull what they run and say nothing of it.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::digest::Digest;
use crate::platform::Platform;
use crate::registry::{Reference, Registry, Selector};
use crate::smoke::Subject;
use crate::smoke::engine::Image;

use super::super::args::Smoke;
use super::super::context::Session;
use super::super::engines;
use super::super::publish;

/// Largest configuration read, in bytes: one with a label of every kind has some kilobytes.
const CONFIG_LIMIT: u64 = 1 << 20;

/// The subject of a reference, named by the digest that its tag leads to now: so that what is run is
/// what was judged.
pub(super) fn subject(named: &str, arguments: &Smoke, session: &Session) -> Result<Subject> {
    let reference: Reference = named.parse()?;
    let registry = publish::registry(&arguments.registry, session)?;
    let top = registry.fetch_manifest(&reference)?;
    let top = top.with_context(|| format!("there is no {named} in its registry"))?;
    // Of an index the platform's own manifest: it is what runs, and what is stated of.
    let mut pinned = top.digest;
    let mut manifest = parse(named, &top.bytes)?;
    if manifest["manifests"].is_array() {
        let platform = platform(arguments)?;
        let digest = of_platform(&manifest, &platform)
            .with_context(|| format!("{named} has no image for {platform}"))?;
        pinned = digest.parse()?;
        let chosen = Reference {
            repository: reference.repository.clone(),
            selector: Selector::Digest(pinned),
        };
        let chosen = registry.fetch_manifest(&chosen)?;
        let chosen = chosen.with_context(|| format!("{digest} of {named} is not there"))?;
        manifest = parse(named, &chosen.bytes)?;
    }
    let (id, config) = config(named, &manifest, &reference, &registry)?;
    Ok(Subject::Published {
        reference: format!("{}@{pinned}", reference.repository),
        image: Image {
            id: id.to_string(),
            digest: Some(pinned.to_string()),
            labels: labels(&config),
            architecture: config["architecture"].as_str().map(str::to_owned),
        },
    })
}

fn config(
    named: &str,
    manifest: &Value,
    reference: &Reference,
    registry: &Registry,
) -> Result<(Digest, Value)> {
    let Some(digest) = manifest["config"]["digest"].as_str() else {
        bail!("{named} is no image: its manifest has no configuration");
    };
    let digest: Digest = digest.parse()?;
    let blob = registry.fetch_blob(&reference.repository, &digest, CONFIG_LIMIT)?;
    let blob = blob.with_context(|| format!("the configuration of {named} is not there"))?;
    Ok((digest, parse(named, &blob)?))
}

/// The platform that was asked for, or this machine's: a cluster's nodes are not asked yet.
fn platform(arguments: &Smoke) -> Result<Platform> {
    if let [platform] = arguments.make.platform[..] {
        return Ok(platform);
    }
    let own = engines::own_architecture().context("name the nodes' platform with --platform")?;
    Ok(format!("linux/{}", own.oci()).parse()?)
}

fn of_platform(index: &Value, platform: &Platform) -> Option<String> {
    let entries = index["manifests"].as_array()?;
    let fits = |entry: &&Value| {
        let found = &entry["platform"];
        found["os"] == "linux" && found["architecture"] == platform.architecture.oci()
    };
    let digest = entries.iter().find(fits)?["digest"].as_str()?;
    Some(digest.to_owned())
}

fn labels(config: &Value) -> std::collections::BTreeMap<String, String> {
    let labels = config["config"]["Labels"].as_object().into_iter().flatten();
    labels
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn parse(named: &str, bytes: &[u8]) -> Result<Value> {
    serde_json::from_slice(bytes).with_context(|| format!("a document of {named} is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_image_of_the_platform_is_taken_and_its_labels_are_read() {
        let entry = |architecture: &str, digest: &str| json!({"platform": {"os": "linux", "architecture": architecture}, "digest": digest});
        let index =
            json!({"manifests": [entry("unknown", "a"), entry("amd64", "b"), entry("arm64", "c")]});
        let of = |text: &str| of_platform(&index, &text.parse().expect("a platform"));
        assert_eq!(of("linux/arm64").as_deref(), Some("c"));
        assert_eq!(of("linux/amd64").as_deref(), Some("b"));
        let config = json!({"config": {"Labels": {"k": "v"}}});
        assert_eq!(labels(&config)["k"], "v");
        assert!(labels(&json!({"config": {"Labels": null}})).is_empty());
    }
}
