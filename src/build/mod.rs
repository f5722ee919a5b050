//! The pipeline from a lock to an image, with its layer cache.

mod artifact;
mod assemble;
mod config;
mod error;
mod exclude;
mod inventory;
mod plan;
mod preload;
mod segments;
mod store;
mod tags;
mod unpack;
mod world;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::family::{self, PackageSource, Repository};
use crate::fetch::{CacheError, Derived, Fetcher};
use crate::guest::{self, Sources};
use crate::layer::{Compression, LayerDescriptor, LayerInput, LayerOptions, write_layer};
use crate::lock::{Lock, LockedPackage, changed_in};
use crate::oci::{BlobSource as _, Descriptor, ForeignBlobs, ImageSet};
use crate::platform::Platform;
use crate::progress::{Reporter, Stage};
use crate::recipe::Recipe;
use crate::resolve::{ResolveError, fetch_downloads, fetch_packages, filters, roots};

pub use config::identity;
pub use error::BuildError;
pub use inventory::{Inventory, Origin, OwnFile};
pub use plan::LayerName;
pub use preload::{Images, InRegistry};
pub use store::Blobs;
pub use tags::{TagData, render as render_tag};

/// What reading an image can fail with.
type Fault = Box<dyn Error + Send + Sync>;

/// What building needs beside the recipe and the lock.
pub struct Context<'a> {
    /// The network and the cache.
    pub fetcher: &'a Fetcher,
    /// The repositories of the recipe, for the addresses of packages.
    pub repositories: &'a [Repository],
    /// Guest files.
    pub sources: &'a Sources,
    /// Codec and level.
    pub compression: Compression,
    /// Threads for decoding and compressing; zero counts as one.
    pub jobs: usize,
    /// Date of everything generated; the lock's unless `SOURCE_DATE_EPOCH` says otherwise.
    pub epoch: Epoch,
    /// Identifies the program, so that what another version derived is not taken for its own.
    pub program: Digest,
    /// Images of registries, for `[[preload]]`.
    pub images: &'a dyn Images,
    /// Who is told of progress.
    pub reporter: &'a dyn Reporter,
}

/// A built image with its layers.
#[derive(Clone, Debug)]
pub struct Built {
    /// The images of all platforms.
    pub set: ImageSet,
    /// Their layers.
    pub blobs: Blobs,
    /// What is in each of them.
    pub inventories: BTreeMap<Platform, Inventory>,
}

impl ForeignBlobs for Built {
    fn document(&self, digest: &Digest, _: bool) -> Result<Vec<u8>, Fault> {
        let documents = self.set.documents().into_iter();
        let mut found = documents.filter(|one| one.descriptor.digest == *digest);
        let found = found.next().ok_or("no such document was made")?;
        Ok(found.bytes.clone())
    }

    fn layer(&self, layer: &Descriptor) -> Result<Box<dyn Read + '_>, Fault> {
        Ok(self.blobs.open(&layer.digest)?)
    }
}

/// Builds `recipe` from `lock` for `platforms`.
pub fn build(
    recipe: &Recipe,
    lock: &Lock,
    platforms: &[Platform],
    context: &Context<'_>,
) -> Result<Built, BuildError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(context.jobs.max(1))
        .build()
        .map_err(|error| BuildError::Threads {
            jobs: context.jobs,
            message: error.to_string(),
        })?;
    let changed = changed_in(lock, recipe);
    if !changed.is_empty() {
        return Err(BuildError::Changed(changed));
    }
    let finished = pool.install(|| build_platforms(recipe, lock, platforms, context))?;
    let mut images = Vec::new();
    let mut blobs = Blobs::default();
    let mut inventories = BTreeMap::new();
    for (&platform, (assembly, layers)) in platforms.iter().zip(finished) {
        tell(&assembly, context);
        images.push(config::image(
            recipe,
            lock,
            platform,
            context.epoch,
            &assembly,
        ));
        blobs.extend(layers);
        inventories.insert(platform, assembly.seen.inventory);
    }
    let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
    let set = ImageSet::new(images, config::annotations(recipe, &data, context.epoch))?;
    Ok(Built {
        set,
        blobs,
        inventories,
    })
}

/// The layers of one platform, bottom first, before they are written.
type Layers = Vec<(LayerName, LayerInput)>;

/// A platform's layers and what is to be told of them, as the cache remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Assembly {
    layers: Vec<Written>,
    seen: Seen,
}

/// What was seen of a tree while it was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    /// The programs of packages that lost their set-id bits.
    unprivileged: Vec<String>,
    /// The plugins of Docker's client.
    plugins: Vec<String>,
    /// What should be known although the image is built.
    notes: Vec<String>,
    /// What is in it.
    inventory: Inventory,
}

/// A written layer, as the cache remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    name: String,
    key: Digest,
    layer: LayerDescriptor,
}

/// Builds every platform. Decoding, compressing and the network have work for all threads by
/// themselves, and platforms share packages: one platform after the other. What lies between, the
/// making of a tree, has work for one thread: all platforms at once.
fn build_platforms(
    recipe: &Recipe,
    lock: &Lock,
    platforms: &[Platform],
    context: &Context<'_>,
) -> Result<Vec<(Assembly, Blobs)>, BuildError> {
    let mut finished = BTreeMap::new();
    let mut unpacked = Vec::new();
    let filters = filters(recipe);
    for (position, &platform) in platforms.iter().enumerate() {
        match start(recipe, lock, platform, context)? {
            Start::Known(known) => {
                finished.insert(position, *known);
            }
            Start::Fetched(work) => {
                let packages = unpack::unpack(
                    &work.locked,
                    recipe,
                    &filters,
                    context.fetcher,
                    context.reporter,
                )?;
                unpacked.push((position, work, packages));
            }
        }
    }
    let assembled = unpacked
        .into_par_iter()
        .map(|(position, work, packages)| {
            let (layers, seen) = assemble::assemble(recipe, lock, &work, packages, context)?;
            let layers = layers
                .into_par_iter()
                .map(|(name, input)| Planned::of(name, input, context))
                .collect::<Result<Vec<_>, CacheError>>()?;
            Ok((position, work, layers, seen))
        })
        .collect::<Vec<Result<_, BuildError>>>();
    for one in assembled {
        let (position, work, layers, seen) = one?;
        finished.insert(position, write(&work, layers, seen, context)?);
    }
    Ok(finished.into_values().collect())
}

/// A platform's image: of the cache, or with all that it is made from on this machine.
enum Start<'a> {
    Known(Box<(Assembly, Blobs)>),
    Fetched(Work<'a>),
}

/// What one platform's layers are made from.
struct Work<'a> {
    platform: Platform,
    locked: Vec<&'a LockedPackage>,
    sources: Vec<PackageSource>,
    key: Digest,
}

/// Finds the image of a platform in the cache, or fetches what it is made from.
fn start<'a>(
    recipe: &'a Recipe,
    lock: &'a Lock,
    platform: Platform,
    context: &Context<'_>,
) -> Result<Start<'a>, BuildError> {
    let mut locked: Vec<&LockedPackage> = lock.packages_of(&recipe.variant, platform).collect();
    if locked.is_empty() {
        return Err(BuildError::Platform(platform));
    }
    // As if each layer were installed upon those below it: dates of directories that several packages
    // have, and numbers of accounts, then are the same in every image that shares a layer.
    let layers = plan::assign(locked.iter().copied(), &roots(recipe));
    locked.sort_by_key(|package| layers.get(&package.name).copied());
    let sources = family::of(recipe)
        .sources(recipe, context.fetcher)
        .map_err(ResolveError::from)?;
    let key = image_key(recipe, &locked, &sources, platform, context)?;
    if let Some(known) = from_cache(&key, context)? {
        let said = format!("{platform} is unchanged");
        context.reporter.note(Stage::Layer, &said);
        return Ok(Start::Known(Box::new(known)));
    }
    fetch_packages(
        lock,
        Some((&recipe.variant, platform)),
        context.repositories,
        context.fetcher,
    )?;
    fetch_downloads(lock, &recipe.variant, platform, context.fetcher)?;
    Ok(Start::Fetched(Work {
        platform,
        locked,
        sources,
        key,
    }))
}

/// A layer that is to be, and what the cache has of it.
struct Planned {
    name: LayerName,
    input: LayerInput,
    key: Digest,
    known: Option<(LayerDescriptor, File)>,
}

impl Planned {
    fn of(name: LayerName, input: LayerInput, context: &Context<'_>) -> Result<Self, CacheError> {
        let key = layer_key(&input, context.compression);
        let known = known_layer(&key, context)?;
        Ok(Self {
            name,
            input,
            key,
            known,
        })
    }
}

/// Writes the layers that the cache does not have, and remembers the image.
fn write(
    work: &Work<'_>,
    layers: Vec<Planned>,
    seen: Seen,
    context: &Context<'_>,
) -> Result<(Assembly, Blobs), BuildError> {
    let mut blobs = Blobs::default();
    let mut written = Vec::new();
    for Planned {
        name,
        input,
        key,
        known,
    } in layers
    {
        let layer = match known {
            Some((layer, file)) => {
                context
                    .reporter
                    .note(Stage::Layer, &format!("{} is unchanged", input.name));
                blobs.insert(layer.digest, file);
                layer
            }
            None => make_layer(&key, &input, context, &mut blobs)?,
        };
        written.push(Written {
            name: name.word().to_owned(),
            key,
            layer,
        });
    }
    let assembly = Assembly {
        layers: written,
        seen,
    };
    store::write_note(
        context.fetcher.cache(),
        Derived::Layers,
        &work.key,
        &assembly,
    )?;
    Ok((assembly, blobs))
}

/// Says what should be known of an image, whether it was made now or before.
fn tell(assembly: &Assembly, context: &Context<'_>) {
    for note in &assembly.seen.notes {
        context.reporter.warn(Stage::Assemble, note);
    }
}

/// Everything the layers of one platform are made from.
fn image_key(
    recipe: &Recipe,
    locked: &[&LockedPackage],
    sources: &[PackageSource],
    platform: Platform,
    context: &Context<'_>,
) -> Result<Digest, BuildError> {
    let runtime = guest::runtime(recipe);
    let mut files = BTreeMap::new();
    for part in &runtime.parts {
        let found = context
            .sources
            .files(part)
            .map_err(|source| guest::GuestError::Read {
                part: (*part).to_owned(),
                source,
            })?;
        files.extend(
            found
                .into_iter()
                .map(|(name, bytes)| (format!("{part}/{name}"), Digest::of(bytes))),
        );
    }
    let assigned = plan::assign(locked.iter().copied(), &roots(recipe));
    let packages: Vec<(&str, &str, Digest, Option<&str>)> = locked
        .iter()
        .map(|package| {
            let layer = assigned.get(&package.name).map(|layer| layer.word());
            (
                package.name.as_str(),
                package.version.as_str(),
                package.sha256,
                layer,
            )
        })
        .collect();
    let inputs = serde_json::json!({
        "program": context.program,
        "platform": platform,
        "epoch": context.epoch,
        "encoder": context.compression.encoder_identity(),
        "packages": packages,
        "guest": files,
        "filters": filters(recipe).configuration(),
        "recipe": config::GuestInputs::of(recipe, sources),
        "content": recipe.content,
        "artifacts": recipe.artifacts,
        "preloads": recipe.preloads,
        "texts": [&recipe.env, &recipe.labels],
    });
    Ok(Digest::of(inputs.to_string()))
}

fn from_cache(
    key: &Digest,
    context: &Context<'_>,
) -> Result<Option<(Assembly, Blobs)>, BuildError> {
    let cache = context.fetcher.cache();
    let Some(assembly) = store::read_note::<Assembly>(cache, Derived::Layers, key)? else {
        return Ok(None);
    };
    let mut blobs = Blobs::default();
    let entries = assembly
        .layers
        .par_iter()
        .map(|one| cache.open_derived(Derived::Layers, &one.key))
        .collect::<Result<Vec<_>, CacheError>>()?;
    for (one, entry) in assembly.layers.iter().zip(entries) {
        match entry {
            Some(entry) if entry.digest == one.layer.digest => {
                blobs.insert(entry.digest, entry.file)
            }
            _ => return Ok(None),
        }
    }
    Ok(Some((assembly, blobs)))
}

fn layer_key(input: &LayerInput, compression: Compression) -> Digest {
    let mut text = format!("layer/1\n{}\n", compression.encoder_identity());
    for segment in &input.segments {
        text.push_str(&format!("{:?}\n", segment.key));
    }
    Digest::of(text)
}

/// A layer that the cache has, verified.
fn known_layer(
    key: &Digest,
    context: &Context<'_>,
) -> Result<Option<(LayerDescriptor, File)>, CacheError> {
    let cache = context.fetcher.cache();
    let Some(known) = store::read_note::<LayerDescriptor>(cache, Derived::Layers, key)? else {
        return Ok(None);
    };
    let entry = cache.open_derived(Derived::Layers, key)?;
    Ok(entry
        .filter(|entry| entry.digest == known.digest)
        .map(|entry| (known, entry.file)))
}

/// Writes a layer and puts it into the cache.
fn make_layer(
    key: &Digest,
    input: &LayerInput,
    context: &Context<'_>,
    blobs: &mut Blobs,
) -> Result<LayerDescriptor, BuildError> {
    let cache = context.fetcher.cache();
    let segments = store::CachedSegments {
        cache: cache.clone(),
    };
    let mut pending = cache.create()?;
    let options = LayerOptions {
        compression: context.compression,
        jobs: context.jobs.max(1),
        store: cache
            .uses_derived()
            .then_some(&segments as &dyn crate::layer::SegmentStore),
        reporter: context.reporter,
    };
    let written = write_layer(input, &options, &mut pending)?;
    let entry = cache.put_derived(Derived::Layers, key, pending)?;
    store::write_note(cache, Derived::Layers, key, &written)?;
    blobs.insert(written.digest, entry.file);
    Ok(written)
}
