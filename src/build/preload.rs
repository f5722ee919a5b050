//! Images for the engine inside: each an archive of `docker save` in a layer of their own, which the
//! guest loads at the first start (`images/dind`, `preload.sh`).

use std::error::Error;
use std::io::{Read, Write};
use std::sync::Arc;

use crate::digest::Digest;
use crate::fetch::{Derived, Entry, FetchError};
use crate::oci::{Descriptor, ForeignBlobs, Layout, write_foreign};
use crate::platform::Platform;
use crate::progress::Stage;
use crate::recipe::{Origin, Preload, Recipe};
use crate::tree::{Content, Kind, Meta, Node, Spool, Tree, TreePath};

use super::Context;
use super::error::BuildError;

/// Changes whenever archives get another form.
const FORMAT: &str = "preload/1";
/// Where the guest looks for archives.
const PLACE: &str = "usr/share/dind/preload";
/// Permissions of an archive.
const MODE: u32 = 0o644;
/// Digits of a digest that tell archives of one name apart.
const DIGITS: usize = 12;

/// Images of registries, by digest.
pub trait Images: Sync {
    /// A manifest, an index or a configuration; `manifest` is whether it is one of the first two.
    ///
    /// # Errors
    /// When the repository does not have it, or cannot be asked.
    fn document(
        &self,
        repository: &str,
        digest: &Digest,
        manifest: bool,
    ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// A layer, from its start.
    ///
    /// # Errors
    /// When the repository does not have it, or cannot be asked.
    fn layer(
        &self,
        repository: &str,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read>, Box<dyn Error + Send + Sync>>;
}

/// Its name among packages.
pub(super) fn title(preload: &Preload) -> String {
    format!("[[preload]] {}", preload.name)
}

/// What stands for the archive of an image.
pub(super) fn key(preload: &Preload, platform: Platform) -> Digest {
    Digest::of(format!(
        "{FORMAT}\n{platform}\n{}\n{}",
        preload.digest, preload.name
    ))
}

/// Places the archive of every image, as what the packages from number `first` on bring.
pub(super) fn place_all(
    tree: &mut Tree,
    recipe: &Recipe,
    platform: Platform,
    first: usize,
    names: &[String],
    context: &Context<'_>,
) -> Result<(), BuildError> {
    for (number, preload) in recipe.preloads.iter().enumerate() {
        let content = archive(preload, platform, context)?;
        let path = TreePath::parse(&place(preload, number))
            .map_err(|error| wrong(preload, error.to_string()))?;
        let node = Node {
            kind: Kind::File(content),
            meta: Meta::root(MODE, context.epoch.seconds()),
        };
        let owner = first + number;
        tree.place(&path, node, owner, &|_, _| false)
            .map_err(|error| super::unpack::explain(error, names, owner))?;
    }
    Ok(())
}

/// The archive's path: in the order of the recipe, with a name that people know it by.
fn place(preload: &Preload, number: usize) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = preload.name.as_str().chars().map(plain).collect();
    let digest = &preload.digest.hex()[..DIGITS];
    format!("{PLACE}/{:02}-{name}-{digest}.tar", number + 1)
}

/// The archive: from the cache or into it.
fn archive(
    preload: &Preload,
    platform: Platform,
    context: &Context<'_>,
) -> Result<Content, BuildError> {
    let cached = |error| BuildError::from(FetchError::from(error));
    let cache = context.fetcher.cache();
    let key = key(preload, platform);
    if let Some(entry) = cache.open_derived(Derived::Spool, &key).map_err(cached)? {
        return Ok(spooled(entry));
    }
    let name = format!("{} for {platform}", preload.name);
    let task = context.reporter.begin(Stage::Assemble, &name, None);
    let mut pending = cache.create().map_err(cached)?;
    let made = made(preload, platform, context, &mut pending);
    let said = if made.is_ok() { "" } else { "failed" };
    context.reporter.finish(task, said);
    made?;
    let entry = cache.put_derived(Derived::Spool, &key, pending);
    Ok(spooled(entry.map_err(cached)?))
}

fn spooled(entry: Entry) -> Content {
    Content::Spooled {
        offset: 0,
        length: entry.size,
        spool: Arc::new(Spool::new(entry.file, entry.size)),
    }
}

/// Writes the archive from where the image is.
fn made(
    preload: &Preload,
    platform: Platform,
    context: &Context<'_>,
    out: impl Write,
) -> Result<(), BuildError> {
    let (top, name) = (&preload.digest, preload.name.as_str());
    match &preload.origin {
        Origin::Layout(path) => {
            let layout = Layout::open(path);
            let layout = layout.map_err(|error| refused(preload, path.display(), &error))?;
            write_foreign(&layout, top, platform, name, out)
                .map_err(|error| refused(preload, path.display(), &error))
        }
        Origin::Registry(repository) => {
            let blobs = InRegistry {
                images: context.images,
                repository: repository.as_str(),
            };
            write_foreign(&blobs, top, platform, name, out)
                .map_err(|error| refused(preload, repository, &error))
        }
    }
}

fn refused(preload: &Preload, place: impl std::fmt::Display, error: &dyn Error) -> BuildError {
    let mut message = format!("{place}: {error}");
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !message.ends_with(&said) {
            message = format!("{message}: {said}");
        }
        next = source.source();
    }
    wrong(preload, message)
}

fn wrong(preload: &Preload, message: String) -> BuildError {
    BuildError::Preload {
        name: preload.name.to_string(),
        message,
    }
}

/// The images of one repository.
pub struct InRegistry<'a> {
    /// The registries.
    pub images: &'a dyn Images,
    /// Registry and repository.
    pub repository: &'a str,
}

impl ForeignBlobs for InRegistry<'_> {
    fn document(
        &self,
        digest: &Digest,
        manifest: bool,
    ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        self.images.document(self.repository, digest, manifest)
    }

    fn layer(
        &self,
        layer: &Descriptor,
    ) -> Result<Box<dyn Read + '_>, Box<dyn Error + Send + Sync>> {
        self.images.layer(self.repository, layer)
    }
}
