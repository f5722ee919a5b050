//! How an image was made: provenance of SLSA v1 (slsa.dev/spec/v1.0/provenance).
//!
//! It says nothing of when and where: whoever builds from the same recipe and lock says the same.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::lock::{Lock, render};
use crate::recipe::{Origin, Recipe};

use super::bill::{TOOL, VERSION};

/// The kind of build: its parameters and dependencies are read as this file writes them.
const BUILD_TYPE: &str = "urn:dindimg:build:v1";
/// Who builds, where nobody says.
pub const BUILDER: &str = "urn:dindimg:local";

/// The predicate for an image of `recipe` that was built from `lock` by `builder`, a URI.
/// `packages` are those of every platform, each a package URL and the digest of its file.
pub fn provenance(
    recipe: &Recipe,
    lock: &Lock,
    packages: &[(String, Digest)],
    compression: &str,
    builder: &str,
) -> Value {
    let file = |name: &str, digest: Digest| json!({ "uri": name, "digest": sha256(digest) });
    let recipes: Vec<Value> = recipe
        .sources
        .iter()
        .map(|source| file(&source.name, source.digest))
        .collect();
    // A lock that was read can be written.
    let lock_text = render(lock).unwrap_or_default();
    let mut materials: Vec<Value> = lock
        .repositories
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "digest": sha256(one.digest),
                "annotations": {
                    "signers": one.signers,
                    "date": one.date.to_string(),
                    "snapshot": one.snapshot,
                },
            })
        })
        .collect();
    materials.extend(packages.iter().map(|(purl, digest)| file(purl, *digest)));
    let downloads = lock.downloads.iter();
    let downloads = downloads.filter(|one| one.platforms.contains_key(&recipe.variant));
    materials.extend(downloads.map(|one| file(&one.url, one.sha256)));
    materials.extend(recipe.preloads.iter().map(|one| {
        let from = match &one.origin {
            Origin::Registry(repository) => format!("oci://{repository}@{}", one.digest),
            Origin::Layout(_) => format!("oci:{}", one.name),
        };
        file(&from, one.digest)
    }));
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "recipe": recipes,
                "variant": recipe.variant.as_str(),
                "platforms": recipe.platforms.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "lock": { "digest": sha256(Digest::of(&lock_text)) },
                "compression": compression,
            },
            "resolvedDependencies": materials,
        },
        "runDetails": {
            "builder": { "id": builder, "version": { TOOL: VERSION } },
        },
    })
}

fn sha256(digest: Digest) -> Value {
    json!({ "sha256": digest.hex() })
}
