//! Everything that can go wrong between this crate and a registry.

use std::io;
use std::path::PathBuf;

use super::credentials::CredentialError;
use super::reference::ReferenceError;
use crate::digest::Digest;

/// Why an image could not be pushed to, or read from, a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A repository, tag or image name is malformed.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The stored credentials could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A document of the push is not what it claims to be, or names content the push lacks.
    #[error("cannot push {document}: {reason}")]
    Incomplete {
        /// The manifest, index or blob concerned.
        document: Digest,
        /// What is missing or contradictory.
        reason: String,
    },
    /// A repository that is copied from lacks a part of the image.
    #[error(
        "{repository} has no {digest}, which the image refers to; publish the image there again"
    )]
    Lacking {
        /// The repository.
        repository: String,
        /// The part.
        digest: Digest,
    },
    /// A blob cannot be read.
    #[error("cannot read blob {digest} to upload it: {source}")]
    Unreadable {
        /// The blob.
        digest: Digest,
        /// What the system said.
        source: io::Error,
    },
    /// A file no longer holds its blob; nothing was committed under its digest.
    #[error(
        "blob {digest} ({size} bytes) changed before or during its upload: {found}; build the image again"
    )]
    Changed {
        /// The blob.
        digest: Digest,
        /// Size of that blob, in bytes.
        size: u64,
        /// What it holds instead.
        found: String,
    },
    /// A certificate given as trusted cannot be used.
    #[error("cannot use {} as a certificate authority: {reason}", path.display())]
    Certificate {
        /// The file as it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no certificate authorities, without which no client can be made.
    #[error(
        "cannot set up the registry client: {0}; install them (`apt-get install ca-certificates`), \
         or name a file that holds any with SSL_CERT_FILE"
    )]
    NoAuthorities(String),
    /// The registry's certificate is not trusted.
    #[error(
        "no trusted connection to {registry}: {reason}; if a private authority signed its \
         certificate, give the authority's certificate with --registry-ca"
    )]
    Untrusted {
        /// Host and port.
        registry: String,
        /// What the TLS library said.
        reason: String,
    },
    /// The registry speaks no TLS, or none that is still considered safe.
    #[error(
        "no encrypted connection to {registry}: {reason}; if it speaks plain HTTP, use --plain-http"
    )]
    NoTls {
        /// Host and port.
        registry: String,
        /// What the TLS library said.
        reason: String,
    },
    /// Something answers at the address, but not a registry.
    #[error("{url} answered {status}: this is not a registry; check the host and port")]
    NotRegistry {
        /// The address asked.
        url: String,
        /// Its answer.
        status: u16,
    },
    /// The registry refused for want of permission.
    #[error(transparent)]
    Denied(Box<Denial>),
    /// The registry sends credentials to a place that would receive them in the clear.
    #[error(
        "{registry} asks for credentials to be sent to {realm} without encryption; nothing was sent. \
         The registry's `auth.token.realm` must be an https address"
    )]
    InsecureRealm {
        /// Host and port.
        registry: String,
        /// The address of the token service.
        realm: String,
    },
    /// The registry gave an answer that trying again does not change.
    #[error("{task} failed: {registry} answered {status}: {reason}")]
    Refused {
        /// Host and port.
        registry: String,
        /// What was being done.
        task: String,
        /// The HTTP status.
        status: u16,
        /// What the registry said.
        reason: String,
    },
    /// The list of what is attached to an image is written by others at the same time.
    #[error("{registry}: others write {tag} at the same time; run it again")]
    Contested {
        /// Host and port.
        registry: String,
        /// The tag of the list.
        tag: String,
    },
    /// No connection could be made.
    #[error(
        "cannot reach {registry} ({attempts} attempts): {reason}; check the host, the port and the proxy settings"
    )]
    Unreachable {
        /// Host and port.
        registry: String,
        /// How often it was tried.
        attempts: u32,
        /// Why the last attempt failed.
        reason: String,
    },
    /// Every attempt failed for a passing reason.
    #[error(
        "{task} failed after {attempts} attempts: {reason}; run the command again to continue where it stopped"
    )]
    Unavailable {
        /// What was being done.
        task: String,
        /// How often it was tried.
        attempts: u32,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The registry says it holds other content than was sent or asked for.
    #[error(
        "{task} failed: {registry} says the content is {actual}, but it is {expected}; \
         the registry or a proxy before it alters content"
    )]
    Altered {
        /// Host and port.
        registry: String,
        /// What was being done.
        task: String,
        /// The content's true digest.
        expected: String,
        /// What the registry said.
        actual: String,
    },
    /// Content is larger than anyone expects at this place.
    #[error("{subject} is larger than {limit} bytes")]
    TooLarge {
        /// What was being read.
        subject: String,
        /// The largest size that is accepted, in bytes.
        limit: u64,
    },
    /// What was read cannot be kept.
    #[error("{subject} cannot be kept: {source}")]
    Keep {
        /// What was being read.
        subject: String,
        /// Why.
        source: std::io::Error,
    },
    /// The HTTP client or its runtime cannot be set up.
    #[error("cannot set up the registry client: {0}")]
    Setup(String),
}

/// A refusal for want of permission. Secrets are never part of it.
#[derive(Debug, thiserror::Error)]
#[error("{registry} does not let {client} {action} {repository}: {reason}; {hint}")]
pub struct Denial {
    /// Host and port.
    pub registry: String,
    /// Who we were: the user and where the credentials came from, or `an anonymous client`.
    pub client: String,
    /// `push to` or `pull from`.
    pub action: &'static str,
    /// The repository's name within the registry.
    pub repository: String,
    /// What the registry said.
    pub reason: String,
    /// What to do.
    pub hint: String,
}
