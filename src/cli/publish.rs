//! What verbs that speak to registries have in common.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::build::Built;
use crate::digest::Digest;
use crate::oci::Names;
use crate::process::{Command, Input, ProcessError};
use crate::registry::{
    BlobFile, Credentials, Document, HelperOutput, HelperRunner, PlainHttp, Push, Registry,
    RegistryOptions, Repository, Root, Tag,
};
use crate::release::{Attachments, TagPlan, Tags};

use super::args::{RegistryAccess, RegistryFlags};
use super::context::{Session, replace};
use super::output::Output;
use super::settings::credential_sources;

/// A credential helper may ask a key store that asks the user.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs credential helpers through the process seam.
struct Helpers;

impl HelperRunner for Helpers {
    fn get(&self, program: &str, server: &str) -> io::Result<HelperOutput> {
        let output = Command::new(program)
            .arg("get")
            .input(Input::Bytes(server.as_bytes().to_vec()))
            .timeout(HELPER_TIMEOUT)
            .output()
            .map_err(|error| match error {
                ProcessError::Missing { .. } => io::Error::new(io::ErrorKind::NotFound, error),
                other => io::Error::other(other),
            })?;
        Ok(HelperOutput {
            success: output.code() == 0,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }
}

/// Pushes an image with its tags, and says what was sent.
pub(super) fn push(
    built: &Built,
    names: &Names,
    repository: &Repository,
    flags: &RegistryFlags,
    session: &Session,
) -> Result<String> {
    let registry = registry(&flags.access, session)?;
    let pushed = registry.push(&plan(built, names, repository, flags)?)?;
    let tags = names.tags.join(", ");
    Ok(format!(
        "pushed {repository}@{} as {tags} ({} layers sent, {}; {} were there, {} mounted)",
        pushed.digest,
        pushed.blobs.uploaded,
        HumanBytes(pushed.blobs.uploaded_bytes),
        pushed.blobs.present,
        pushed.blobs.mounted,
    ))
}

/// A client for registries, as flags and configuration have it.
pub(super) fn registry(flags: &RegistryAccess, session: &Session) -> Result<Registry> {
    registry_of(flags, session, None)
}

/// The same; the password of the flags is for the registry `only`, if there is one.
pub(super) fn registry_of(
    flags: &RegistryAccess,
    session: &Session,
    only: Option<&str>,
) -> Result<Registry> {
    let plain: Vec<String> = flags
        .plain_http
        .iter()
        .chain(&session.settings.plain_http)
        .cloned()
        .collect();
    let options = RegistryOptions {
        plain_http: if plain.is_empty() {
            PlainHttp::LoopbackOnly
        } else {
            PlainHttp::Hosts(plain.into_iter().collect())
        },
        ca_certificates: flags
            .registry_ca
            .iter()
            .chain(&session.settings.registry_ca)
            .cloned()
            .collect(),
        ..RegistryOptions::default()
    };
    let credentials = Credentials::new(credential_sources(flags, only)?, Arc::new(Helpers));
    let reporter = Arc::clone(&session.reporter);
    Ok(Registry::new(options, credentials, reporter)?)
}

pub(super) fn plan(
    built: &Built,
    names: &Names,
    repository: &Repository,
    flags: &RegistryFlags,
) -> Result<Push> {
    let top = built.set.top();
    let tags = names
        .tags
        .iter()
        .map(|tag| tag.parse())
        .collect::<Result<_, _>>()?;
    let documents = built
        .set
        .documents()
        .into_iter()
        .map(|document| {
            let descriptor = &document.descriptor;
            let content = Document {
                media_type: descriptor.media_type.clone(),
                bytes: document.bytes.clone(),
            };
            (descriptor.digest, content)
        })
        .collect();
    let blobs = built
        .set
        .layers()
        .into_values()
        .map(|layer| {
            let file = built
                .blobs
                .file(&layer.digest)
                .context("a layer was not built")?;
            Ok(BlobFile {
                digest: layer.digest,
                size: layer.size,
                media_type: layer.media_type.clone(),
                file: Arc::clone(file),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Push {
        repository: repository.clone(),
        tags,
        root: Root {
            digest: top.digest,
            media_type: top.media_type,
            size: top.size,
        },
        documents,
        blobs,
        mount_from: flags.mount_from.clone(),
        origin: None,
    })
}

/// What became of the tags of an image, in a line.
pub(super) fn moved(repository: &Repository, digest: Digest, tags: &Tags, moved: &[Tag]) -> String {
    let names: Vec<&str> = moved.iter().map(Tag::as_str).collect();
    let what = match (tags.all().next().is_none(), names.is_empty()) {
        (true, _) => "sent by digest, and no tag moves".to_owned(),
        (false, true) => "every tag was there".to_owned(),
        (false, false) => format!("moved {}", names.join(", ")),
    };
    format!("{repository}@{digest}: {what}")
}

/// Each tag in JSON: where it led, and whether it moved.
pub(super) fn tags(plan: &TagPlan, moved: Option<&[Tag]>) -> Value {
    let tags = plan.moves.iter().map(|one| {
        json!({
            "tag": one.tag.as_str(),
            "from": one.from,
            "immutable": one.fixed,
            "moved": moved.is_some_and(|moved| moved.contains(&one.tag)),
        })
    });
    Value::Array(tags.collect())
}

/// What became of what is attached, in JSON.
pub(super) fn attachments(of: &Attachments) -> Value {
    json!({ "sent": of.sent, "present": of.present, "bytes": of.bytes })
}

/// Writes what a run did to its file, if it has one, and prints it where JSON is wanted.
pub(super) fn conclude(file: Option<&Path>, metadata: &Value, output: &Output) -> Result<()> {
    if let Some(path) = file {
        replace(path, format!("{metadata:#}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    output.object(metadata);
    Ok(())
}
