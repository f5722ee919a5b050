//! Pushing to, and reading from, registries that speak the OCI distribution specification.
//!
//! The transport is `oci-client`: blobs are asked for, uploaded and read with it. What it cannot do
//! is done by requests of our own, all in `direct` and `token`, each with its reason.
//!
//! An image is pushed so that nobody ever sees half of it: blobs, then configurations, then
//! manifests by digest, then the index by digest, then the tags. What the registry has is not sent
//! again, so that an interrupted push is continued by running it again.

mod answer;
mod attach;
mod blobs;
mod body;
mod challenge;
mod connection;
mod credentials;
mod direct;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod plan;
mod push;
mod reference;
mod retry;
mod token;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

pub use attach::{Attached, Attachment};
pub use credentials::{
    CredentialError, CredentialSources, Credentials, HelperOutput, HelperRunner, NoHelpers, Secret,
};
pub use direct::{MANIFEST_LIMIT, Manifest};
pub use error::{Denial, RegistryError};
pub use plan::{BlobFile, Document, Push, Root};
pub use push::{Counts, Pushed};
pub use reference::{Reference, ReferenceError, Repository, Selector, Tag};

use crate::digest::Digest;
use crate::oci::{Descriptor, Document as OciDocument};
use crate::progress::Reporter;
use connection::{Access, Connection, Opening};

/// Which registries may be spoken to without encryption.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum PlainHttp {
    /// Those on this machine, if they do not speak TLS; what Docker does by itself.
    #[default]
    LoopbackOnly,
    /// These as well, by host and port as in repository names; they are not asked for TLS.
    Hosts(BTreeSet<String>),
    /// Every registry; none is asked for TLS.
    Always,
}

/// How to speak to registries.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Which registries are spoken to in plain HTTP.
    pub plain_http: PlainHttp,
    /// PEM files with certificates of authorities to trust besides the system's.
    pub ca_certificates: Vec<PathBuf>,
    /// Blobs transferred at once.
    pub jobs: usize,
    /// How often each operation is tried before it fails.
    pub attempts: u32,
    /// Pause after the first failed attempt; it doubles with each further one.
    pub back_off: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer to a small request may take.
    pub answer_timeout: Duration,
    /// How long an upload may stand still, the registry's final answer included: storing a large
    /// layer in an object store takes it minutes.
    pub stall_timeout: Duration,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            plain_http: PlainHttp::default(),
            ca_certificates: Vec::new(),
            jobs: 4,
            attempts: 5,
            back_off: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(300),
        }
    }
}

/// What a connection is for: the repository, what is done there, and where blobs are mounted from.
type Opened = (Repository, Access, Vec<Repository>);

/// A client for registries. Its calls block; it must not be used from within an async runtime.
pub struct Registry {
    options: RegistryOptions,
    certificates: Vec<Vec<u8>>,
    credentials: Credentials,
    reporter: Arc<dyn Reporter>,
    connections: Mutex<BTreeMap<Opened, Arc<Connection>>>,
    runtime: tokio::runtime::Runtime,
}

impl Registry {
    /// Reads the certificates; no connection is made yet.
    pub fn new(
        options: RegistryOptions,
        credentials: Credentials,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, RegistryError> {
        // Fails if a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        transport::check_authorities()?;
        let certificates = options
            .ca_certificates
            .iter()
            .map(|path| read_certificates(path))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|error| RegistryError::Setup(error.to_string()))?;
        Ok(Self {
            options,
            certificates,
            credentials,
            reporter,
            connections: Mutex::default(),
            runtime,
        })
    }

    /// Pushes an image and moves its tags to it.
    ///
    /// Tags move last, one after the other, when everything they lead to is in the registry. Fails
    /// before anything is sent if the parts of `push` do not fit together.
    pub fn push(&self, push: &Push) -> Result<Pushed, RegistryError> {
        self.runtime.block_on(async {
            let plan = self.plan(push).await?;
            let sources: Vec<Repository> = push
                .mount_from
                .iter()
                .filter(|source| source.registry() == push.repository.registry())
                .filter(|source| **source != push.repository)
                .cloned()
                .collect();
            let connection = self.kept(&push.repository, Access::Push, &sources).await?;
            push::run(
                &connection,
                &plan,
                &sources,
                self.options.jobs,
                &self.reporter,
            )
            .await
        })
    }

    /// The digest `reference` leads to now; `None` if there is no such tag or repository.
    pub fn resolve(&self, reference: &Reference) -> Result<Option<Digest>, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.reader(&reference.repository).await?;
            connection.head_manifest(&reference.selector).await
        })
    }

    /// The manifest or index `reference` leads to, at most [`MANIFEST_LIMIT`] bytes, checked
    /// against its digest; `None` if there is none.
    pub fn fetch_manifest(&self, reference: &Reference) -> Result<Option<Manifest>, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.reader(&reference.repository).await?;
            connection.get_manifest(&reference.selector).await
        })
    }

    /// A blob of at most `limit` bytes, checked against its digest; `None` if there is none.
    pub fn fetch_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.reader(repository).await?;
            connection.fetch_blob(digest, limit).await
        })
    }

    /// Reads a blob of `size` bytes into `file`, in place of what it has, checked against its digest;
    /// false if there is none.
    pub fn fetch_blob_into(
        &self,
        repository: &Repository,
        digest: &Digest,
        size: u64,
        file: &std::fs::File,
    ) -> Result<bool, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.reader(repository).await?;
            connection.fetch_blob_into(digest, size, file).await
        })
    }

    /// Attaches something to an image that is in the repository.
    pub fn attach(
        &self,
        repository: &Repository,
        attachment: &Attachment,
    ) -> Result<Attached, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.kept(repository, Access::Push, &[]).await?;
            connection.attach(attachment, &self.reporter).await
        })
    }

    /// Bytes of blobs that a push would send, if nothing could be mounted.
    pub fn lacking(&self, push: &Push) -> Result<u64, RegistryError> {
        self.runtime.block_on(async {
            let plan = self.plan(push).await?;
            let connection = self.reader(&push.repository).await?;
            let mut lacking = 0;
            for blob in plan.layers.iter().chain(&plan.configs) {
                if !connection.has_blob(&blob.digest).await? {
                    lacking += blob.size;
                }
            }
            Ok(lacking)
        })
    }

    /// What is attached to an image: the entries of the registry's list, or of the index that
    /// stands for it.
    pub fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.reader(repository).await?;
            connection.referrers(subject).await
        })
    }

    /// Has an artifact that is in the repository in the list of what refers to `subject`; false if
    /// it was there, or the registry lists it by itself.
    pub fn list_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        entry: &Descriptor,
    ) -> Result<bool, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.kept(repository, Access::Push, &[]).await?;
            connection.list(subject, entry).await
        })
    }

    /// Moves a tag to a manifest that is in the repository; false if it led there.
    pub fn move_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        manifest: &OciDocument,
    ) -> Result<bool, RegistryError> {
        self.runtime.block_on(async {
            let connection = self.kept(repository, Access::Push, &[]).await?;
            connection.move_tag(tag, &attach::node(manifest)).await
        })
    }

    async fn reader(&self, repository: &Repository) -> Result<Arc<Connection>, RegistryError> {
        self.kept(repository, Access::Pull, &[]).await
    }

    async fn plan(&self, push: &Push) -> Result<plan::Plan, RegistryError> {
        let origin = match &push.origin {
            Some(repository) => Some(self.reader(repository).await?),
            None => None,
        };
        plan::Plan::of(push, origin)
    }

    /// A connection that is made once.
    async fn kept(
        &self,
        repository: &Repository,
        access: Access,
        sources: &[Repository],
    ) -> Result<Arc<Connection>, RegistryError> {
        let kept = || {
            self.connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let key = (repository.clone(), access, sources.to_vec());
        if let Some(connection) = kept().get(&key) {
            return Ok(connection.clone());
        }
        let connection = Arc::new(self.connect(repository, access, sources).await?);
        kept().insert(key, connection.clone());
        Ok(connection)
    }

    async fn connect(
        &self,
        repository: &Repository,
        access: Access,
        sources: &[Repository],
    ) -> Result<Connection, RegistryError> {
        Connection::open(Opening {
            repository,
            access,
            sources,
            options: &self.options,
            certificates: &self.certificates,
            credentials: &self.credentials,
            reporter: &self.reporter,
        })
        .await
    }
}

/// The certificates of a PEM file, in DER: `oci-client` takes one certificate at a time.
fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, RegistryError> {
    let fail = |reason: String| RegistryError::Certificate {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| fail(error.to_string()))?;
    if certificates.is_empty() {
        return Err(fail("it holds no PEM certificate".to_owned()));
    }
    let mut store = rustls::RootCertStore::empty();
    for certificate in &certificates {
        store
            .add(certificate.clone())
            .map_err(|error| fail(error.to_string()))?;
    }
    Ok(certificates.iter().map(|der| der.to_vec()).collect())
}
