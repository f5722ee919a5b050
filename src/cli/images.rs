//! Images of registries, for recipes that put some into theirs.

use std::error::Error;
use std::io::Read;
use std::sync::OnceLock;

use anyhow::anyhow;

use crate::build::Images;
use crate::digest::Digest;
use crate::oci::{DOCUMENT_LIMIT, Descriptor};
use crate::registry::{Reference, Registry, Repository, Selector};

use super::args::RegistryAccess;
use super::context::Session;
use super::publish;

/// What reading an image can fail with.
type Fault = Box<dyn Error + Send + Sync>;

/// Registries, reached when the first image is asked for. Layers go through the cache.
pub(super) struct Pulled<'a> {
    session: &'a Session,
    access: &'a RegistryAccess,
    registry: OnceLock<Registry>,
}

impl<'a> Pulled<'a> {
    pub(super) fn new(session: &'a Session, access: &'a RegistryAccess) -> Self {
        Self {
            session,
            access,
            registry: OnceLock::new(),
        }
    }

    fn registry(&self) -> Result<&Registry, Fault> {
        if self.session.offline {
            return Err("it is not in the cache, and --offline asks no registry".into());
        }
        if let Some(registry) = self.registry.get() {
            return Ok(registry);
        }
        let made = publish::registry(self.access, self.session)?;
        Ok(self.registry.get_or_init(|| made))
    }
}

fn gone(what: &str, digest: &Digest, repository: &str) -> Fault {
    anyhow!("{repository} has no {what} {digest}").into()
}

impl Images for Pulled<'_> {
    fn document(
        &self,
        repository: &str,
        digest: &Digest,
        manifest: bool,
    ) -> Result<Vec<u8>, Fault> {
        let registry = self.registry()?;
        let name: Repository = repository.parse()?;
        if !manifest {
            let blob = registry.fetch_blob(&name, digest, DOCUMENT_LIMIT)?;
            return blob.ok_or_else(|| gone("configuration", digest, repository));
        }
        let reference = Reference {
            repository: name,
            selector: Selector::Digest(*digest),
        };
        let found = registry.fetch_manifest(&reference)?;
        let found = found.ok_or_else(|| gone("manifest", digest, repository))?;
        Ok(found.bytes)
    }

    fn layer(&self, repository: &str, layer: &Descriptor) -> Result<Box<dyn Read>, Fault> {
        let cache = self.session.fetcher.cache();
        if let Some(file) = cache.open_blob(&layer.digest, layer.size)? {
            return Ok(Box::new(file));
        }
        let registry = self.registry()?;
        let name: Repository = repository.parse()?;
        let scratch = tempfile::tempfile_in(cache.home().join("tmp"))?;
        if !registry.fetch_blob_into(&name, &layer.digest, layer.size, &scratch)? {
            return Err(gone("layer", &layer.digest, repository));
        }
        let mut pending = cache.create()?;
        let mut content = &scratch;
        std::io::Seek::rewind(&mut content)?;
        std::io::copy(&mut content, &mut pending)?;
        Ok(Box::new(cache.put_blob(
            pending,
            &layer.digest,
            layer.size,
        )?))
    }
}
