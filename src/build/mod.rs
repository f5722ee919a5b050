//! The pipeline from a lock to an image, with its layer cache.

mod artifact;
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
use crate::harden;
use crate::layer::{Compression, LayerDescriptor, LayerInput, LayerOptions, write_layer};
use crate::lock::{Lock, LockedDownload, LockedPackage, changed_in};
use crate::oci::{BlobSource as _, Descriptor, ForeignBlobs, Image, ImageSet};
use crate::platform::Platform;
use crate::progress::{Reporter, Stage};
use crate::recipe::{Profile, Recipe};
use crate::resolve::{ResolveError, fetch_downloads, fetch_packages, filters, roots};
use crate::setup::{self, Package, Setup, conventions};
use crate::tree::{Kind, Meta, Node, Tree, TreePath};

pub use config::identity;
pub use error::BuildError;
pub use inventory::{Inventory, Origin, OwnFile};
pub use plan::LayerName;
pub use preload::{Images, InRegistry};
pub use store::Blobs;
pub use tags::{TagData, render as render_tag};

/// What reading an image can fail with.
type Fault = Box<dyn Error + Send + Sync>;

/// The plugin of Docker's client that starts services.
const COMPOSE: &str = "docker-compose";

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
    let mut images = Vec::new();
    let mut blobs = Blobs::default();
    let mut inventories = BTreeMap::new();
    for &platform in platforms {
        let (image, layers, inventory) =
            pool.install(|| build_platform(recipe, lock, platform, context))?;
        images.push(image);
        blobs.extend(layers);
        inventories.insert(platform, inventory);
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

fn build_platform(
    recipe: &Recipe,
    lock: &Lock,
    platform: Platform,
    context: &Context<'_>,
) -> Result<(Image, Blobs, Inventory), BuildError> {
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
    if let Some((assembly, blobs)) = from_cache(&key, context)? {
        context
            .reporter
            .note(Stage::Layer, &format!("{platform} is unchanged"));
        tell(&assembly, context);
        return Ok((
            config::image(recipe, lock, platform, context.epoch, &assembly),
            blobs,
            assembly.seen.inventory,
        ));
    }
    fetch_packages(
        lock,
        Some((&recipe.variant, platform)),
        context.repositories,
        context.fetcher,
    )?;
    fetch_downloads(lock, &recipe.variant, platform, context.fetcher)?;
    let (layers, seen) = assemble(recipe, lock, &locked, &sources, platform, context)?;
    let mut blobs = Blobs::default();
    let mut written = Vec::new();
    let keys: Vec<Digest> = layers
        .iter()
        .map(|(_, input)| layer_key(input, context.compression))
        .collect();
    let known = keys
        .par_iter()
        .map(|key| known_layer(key, context))
        .collect::<Result<Vec<_>, CacheError>>()?;
    for (((name, input), key), known) in layers.into_iter().zip(keys).zip(known) {
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
    tell(&assembly, context);
    store::write_note(context.fetcher.cache(), Derived::Layers, &key, &assembly)?;
    Ok((
        config::image(recipe, lock, platform, context.epoch, &assembly),
        blobs,
        assembly.seen.inventory,
    ))
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

/// Packages, rules, guest, hardening and database, in the order of the design; cut into layers.
fn assemble(
    recipe: &Recipe,
    lock: &Lock,
    locked: &[&LockedPackage],
    sources: &[PackageSource],
    platform: Platform,
    context: &Context<'_>,
) -> Result<(Layers, Seen), BuildError> {
    let epoch = context.epoch;
    let filters = filters(recipe);
    let mut unpacked = unpack::unpack(locked, recipe, &filters, context.fetcher, context.reporter)?;
    let mut tree = Tree::new(epoch.seconds());
    let conventions = conventions::of(&recipe.distribution);
    (conventions.prepare)(&mut tree, platform.architecture, epoch)?;
    unpack::place(&mut tree, &mut unpacked, recipe)?;
    let packages: Vec<Package> = unpacked.into_iter().map(|one| one.package).collect();
    let artifacts = artifacts(recipe, lock, platform)?;
    let mut names: Vec<String> = packages.iter().map(Package::label).collect();
    names.extend(artifacts.iter().map(artifact::Source::name));
    names.extend(recipe.preloads.iter().map(preload::title));
    let mtime = epoch.seconds();
    artifact::place_all(
        &mut tree,
        &artifacts,
        packages.len(),
        &names,
        context.fetcher,
        mtime,
    )?;
    let first = packages.len() + artifacts.len();
    preload::place_all(&mut tree, recipe, platform, first, &names, context)?;
    let mut setup = Setup {
        tree: &mut tree,
        conventions,
        packages: &packages,
        architecture: platform.architecture,
        epoch,
        sources,
        world: &world::world(recipe, &packages, context.repositories),
        tags: world::tags(locked, context.repositories),
        iptables: recipe.iptables,
        filters: &filters,
        rule: "",
    };
    setup::apply(&mut setup)?;
    guest::enrol(&mut setup, &recipe.content)?;
    let data = TagData::of(recipe, lock.packages_of(&recipe.variant, platform));
    if recipe.profile.is_some() {
        let runtime = guest::runtime(recipe);
        let data = config::guest_data(recipe, &data);
        guest::place(setup.tree, context.sources, &runtime.parts, &data, epoch)?;
        for directory in &runtime.directories {
            let path = TreePath::parse(directory.path).map_err(guest::GuestError::from)?;
            if !setup.tree.contains(&path) {
                let meta = Meta {
                    uid: directory.owner,
                    gid: directory.owner,
                    ..Meta::root(directory.mode, epoch.seconds())
                };
                setup.tree.set(
                    &path,
                    Node {
                        kind: Kind::Directory,
                        meta,
                    },
                )?;
            }
        }
    }
    let runtime = guest::runtime(recipe);
    for (path, target) in &runtime.links {
        setup.link(path, target)?;
    }
    // Without a profile the packages are installed as they are; what the recipe adds is judged below
    // like that of any image.
    let unprivileged = match recipe.profile {
        Some(_) => harden::mend(&mut setup, &recipe.hardening)?,
        None => Vec::new(),
    };
    for (path, capability) in &runtime.capabilities {
        harden::confer(&mut setup, path, *capability)?;
    }
    (conventions.write_database)(&mut setup)?;
    let data = config::file_data(recipe, &data, platform);
    guest::place_content(&mut setup, &recipe.content, &data)?;
    let plugins = guest::plugins(setup.tree);
    check_compose(recipe, setup.tree, &plugins)?;
    check_cluster(recipe, setup.tree)?;
    let seen = Seen {
        unprivileged,
        plugins,
        notes: harden::check(setup.tree, &packages, recipe)?,
        inventory: inventory::of(
            setup.tree,
            &packages,
            recipe,
            context.sources,
            family::of(recipe),
        )?,
    };
    let assigned = plan::assign(locked.iter().copied(), &roots(recipe));
    let mut sources = sources_of(&packages, locked, &assigned, &artifacts);
    let preloads = recipe.preloads.iter();
    sources.extend(preloads.map(|one| segments::Source {
        file: Some(preload::key(one, platform)),
        layer: Some(LayerName::Preload),
    }));
    let layers = segments::cut(&tree, &sources, epoch);
    Ok((layers, seen))
}

/// Services need their file and the program that reads it.
fn check_compose(recipe: &Recipe, tree: &Tree, plugins: &[String]) -> Result<(), BuildError> {
    let Some(file) = &recipe.compose.file else {
        return Ok(());
    };
    let path = TreePath::parse(file.as_str()).map_err(guest::GuestError::from)?;
    if tree.file(&path).is_none() {
        return Err(BuildError::Compose(format!(
            "the image has no {file}; bring it with [[file]]"
        )));
    }
    if !plugins.iter().any(|plugin| plugin == COMPOSE) {
        return Err(BuildError::Compose(
            "the image has no plugin docker-compose; add its package to [packages] `include` (docker-compose from Debian 13 on, docker-compose-plugin of Docker's)"
                .to_owned(),
        ));
    }
    Ok(())
}

/// A cluster needs what makes it and what talks to it, from wherever.
fn check_cluster(recipe: &Recipe, tree: &Tree) -> Result<(), BuildError> {
    if recipe.profile != Some(Profile::KindCluster) {
        return Ok(());
    }
    let has = |path: &str| -> Result<bool, guest::GuestError> {
        Ok(tree.file(&TreePath::parse(path)?).is_some())
    };
    for program in ["kind", "kubectl"] {
        let places = [
            format!("/usr/bin/{program}"),
            format!("/usr/local/bin/{program}"),
        ];
        if !has(&places[0])? && !has(&places[1])? {
            return Err(BuildError::Kind(format!(
                "the image has no {program}, which the distribution has no package of (Debian has one from 13 on); bring it to {} with [[artifact]]",
                places[1]
            )));
        }
    }
    match &recipe.kind.config {
        Some(file) if !has(file.as_str())? => Err(BuildError::Kind(format!(
            "the image has no {file} ([kind] `config`); bring it with [[file]]"
        ))),
        _ => Ok(()),
    }
}

/// What the image takes from elsewhere, with the file that the lock has for each.
fn artifacts<'a>(
    recipe: &'a Recipe,
    lock: &'a Lock,
    platform: Platform,
) -> Result<Vec<artifact::Source<'a>>, BuildError> {
    recipe
        .artifacts
        .iter()
        .map(|artifact| {
            let is = |one: &&LockedDownload| {
                one.name == artifact.name && one.is_in(&recipe.variant, platform)
            };
            let locked = lock.downloads.iter().find(is);
            let locked = locked.ok_or_else(|| BuildError::Artifact {
                name: artifact.name.clone(),
                message: format!("the lock has no file for {platform}; lock again"),
            })?;
            Ok(artifact::Source { artifact, locked })
        })
        .collect()
}

/// Where the entries of a tree are from, by the numbers of their owners.
fn sources_of(
    packages: &[Package],
    locked: &[&LockedPackage],
    assigned: &BTreeMap<String, LayerName>,
    artifacts: &[artifact::Source<'_>],
) -> Vec<segments::Source> {
    let digests = unpack::digests(locked);
    let of_packages = packages.iter().map(|package| segments::Source {
        file: digests.get(&package.name).copied(),
        layer: assigned.get(&package.name).copied(),
    });
    let of_artifacts = artifacts.iter().map(|one| segments::Source {
        file: Some(one.key()),
        layer: Some(LayerName::Extra),
    });
    of_packages.chain(of_artifacts).collect()
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
