//! Pushing what was built.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::HumanBytes;

use crate::build::Built;
use crate::oci::Names;
use crate::process::{Command, Input, ProcessError};
use crate::registry::{
    BlobFile, Credentials, Document, HelperOutput, HelperRunner, PlainHttp, Push, Registry,
    RegistryOptions, Repository, Root,
};

use super::args::{RegistryAccess, RegistryFlags};
use super::context::Session;
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
    let credentials = Credentials::new(credential_sources(flags)?, Arc::new(Helpers));
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
