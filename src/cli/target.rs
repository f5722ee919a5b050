//! What verbs look at: images of recipes, layouts, archives and registries, all read the same way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::build::{InRegistry, TagData, render_tag};
use crate::digest::Digest;
use crate::oci::{ImageConfig, Layout};
use crate::recipe::{self, Recipe, VariantName};
use crate::registry::Reference;
use crate::release::ImageError;
use crate::resolve;
use crate::view::{self, View};

use super::args::{Make, RegistryAccess, Source};
use super::context::{Session, current_lock};
use super::images::Pulled;
use super::{build, publish};

/// Before the path of a layout, as `--output` has it.
const KINDS: [&str; 2] = ["oci:", "oci-archive:"];
/// The recipe without a variant.
const DEFAULT: &str = "default";
/// How recipes end.
const RECIPE: &str = "toml";

/// An image that was read.
pub(super) struct Seen {
    /// The image, as it was named; of a recipe its name.
    pub name: String,
    /// What it was built from, if it was.
    pub recipe: Option<Recipe>,
    /// Digest of the index, or of the only manifest.
    pub digest: Digest,
    /// Each of its platforms.
    pub views: Vec<View>,
    /// Whether these are all that it has.
    pub whole: bool,
    /// The files that the guest and the recipe bring, without a leading slash.
    pub own: BTreeSet<String>,
}

impl Seen {
    /// The packages that somebody asked for, each with who did; the packages that nothing needs
    /// where no recipe says so.
    pub fn requests(&self, view: &View) -> Vec<(String, String)> {
        let Some(recipe) = &self.recipe else {
            let tops = view::Graph::of(&view.packages).tops();
            let asked = |name| (name, "nothing in the image needs it".to_owned());
            return tops.into_iter().map(asked).collect();
        };
        let mut found: Vec<(String, String)> = Vec::new();
        let listed = recipe.include.iter().map(|one| one.name.clone());
        let listed = listed.map(|name| (name, "[packages] `include`".to_owned()));
        let roots = resolve::roots(recipe);
        let profile = recipe.profile.map_or("the recipe", |one| one.word());
        let of = |layer: &str| format!("profile {profile}, layer {layer}");
        let engine = roots.engine_package.into_iter().chain(roots.engine);
        let engine = engine.map(|name| (name, of("engine")));
        let base = roots.base.into_iter().map(|name| (name, of("base")));
        for (name, why) in listed.chain(engine).chain(base) {
            let there = view.packages.installed.contains_key(&name);
            if there && !found.iter().any(|(known, _)| *known == name) {
                found.push((name, why));
            }
        }
        // What every system of the distribution has is asked for by no name.
        let names: BTreeSet<String> = found.iter().map(|(name, _)| name.clone()).collect();
        let graph = view::Graph::of(&view.packages);
        let unreached = view.packages.installed.keys();
        let unreached: Vec<String> = unreached
            .filter(|name| graph.chain(&names, name).is_none())
            .cloned()
            .collect();
        let of_system = |name| (name, "the distribution's own choice".to_owned());
        found.extend(unreached.into_iter().map(of_system));
        found
    }
}

/// What is looked at, with how it is made or reached.
pub(super) struct Looking<'a> {
    pub session: &'a Session,
    pub make: &'a Make,
    pub access: &'a RegistryAccess,
    /// The images of recipes; every one where none is named.
    pub variants: &'a [VariantName],
}

impl<'a> Looking<'a> {
    pub fn new(session: &'a Session, source: &'a Source) -> Self {
        Self {
            session,
            make: &source.make,
            access: &source.access,
            variants: &source.variant,
        }
    }

    /// Reads every image that a name stands for.
    pub fn at(&self, named: &str) -> Result<Vec<Seen>> {
        let path = Path::new(named);
        if path.extension().is_some_and(|ending| ending == RECIPE) {
            return self.recipe(path);
        }
        if let Some((path, name)) = layout(named) {
            let one = self.layout(named, &path, name.as_deref());
            return Ok(vec![one.with_context(|| format!("cannot read {named}"))?]);
        }
        let one = self.published(named);
        Ok(vec![one.with_context(|| {
            format!("{named} is no recipe and no layout here, and as an image of a registry it cannot be read")
        })?])
    }

    /// Reads the one image that a name stands for.
    pub fn one(&self, named: &str) -> Result<Seen> {
        let path = Path::new(named);
        let alone = [DEFAULT.parse().map_err(|error: String| anyhow!(error))?];
        let variants = match self.variants.is_empty() {
            true if path.extension().is_some_and(|ending| ending == RECIPE) => &alone[..],
            _ => self.variants,
        };
        let looking = Looking { variants, ..*self };
        let mut seen = looking.at(named)?;
        match (seen.pop(), seen.is_empty()) {
            (Some(one), true) => Ok(one),
            _ => bail!("{named} has several images; choose one with --variant"),
        }
    }

    fn recipe(&self, path: &Path) -> Result<Vec<Seen>> {
        let recipes = recipe::load(path)?;
        let chosen = recipes.select(self.variants)?;
        let lock = current_lock(self.session, &recipes, self.make)?;
        let mut seen = Vec::new();
        for recipe in chosen {
            let built = build::make(self.session, recipe, &lock, self.make, self.access)?;
            let digest = built.set.top().digest;
            let own = built.inventories.values().flat_map(|one| one.files.keys());
            let version = TagData::of(recipe, lock.packages_of_variant(&recipe.variant)).engine;
            let name = match version.version.is_empty() {
                true => recipe.name.clone(),
                false => format!("{} {}", recipe.name, version.version),
            };
            seen.push(Seen {
                name,
                recipe: Some(recipe.clone()),
                digest,
                views: view::views(&built, &digest, &[])?,
                whole: true,
                own: own.cloned().collect(),
            });
        }
        Ok(seen)
    }

    fn layout(&self, named: &str, path: &Path, name: Option<&str>) -> Result<Seen> {
        let (layout, digest) = opened(path, name)?;
        Ok(Seen {
            name: named.to_owned(),
            recipe: None,
            digest,
            views: view::views(&layout, &digest, &self.make.platform)?,
            whole: self.make.platform.is_empty(),
            own: BTreeSet::new(),
        })
    }

    fn published(&self, named: &str) -> Result<Seen> {
        let (reference, digest) = self.resolve(named)?;
        let images = Pulled::new(self.session, self.access);
        let repository = reference.repository.to_string();
        let blobs = InRegistry {
            images: &images,
            repository: &repository,
        };
        Ok(Seen {
            name: reference.to_string(),
            recipe: None,
            digest,
            views: view::views(&blobs, &digest, &self.make.platform)?,
            whole: self.make.platform.is_empty(),
            own: BTreeSet::new(),
        })
    }

    /// The digest that a reference leads to now.
    fn resolve(&self, named: &str) -> Result<(Reference, Digest)> {
        let reference: Reference = named.parse()?;
        let registry = publish::registry(self.access, self.session)?;
        let digest = registry.resolve(&reference)?;
        let digest = digest.ok_or_else(|| ImageError::Absent(reference.clone()))?;
        Ok((reference, digest))
    }

    /// The label and the reference of the one image that a name stands for, without its layers.
    pub fn promised(&self, named: &str) -> Result<Promised> {
        let path = Path::new(named);
        if path.extension().is_some_and(|ending| ending == RECIPE) {
            return self.promised_by_recipe(path);
        }
        if let Some((path, name)) = layout(named) {
            let (layout, digest) = opened(&path, name.as_deref())?;
            return Ok(Promised {
                reference: None,
                local: true,
                name: named.to_owned(),
                configurations: view::configurations(&layout, &digest)?,
            });
        }
        let (reference, digest) = self.resolve(named).with_context(|| {
            format!("{named} is no recipe and no layout here, and as an image of a registry it cannot be read")
        })?;
        let images = Pulled::new(self.session, self.access);
        let repository = reference.repository.to_string();
        let blobs = InRegistry {
            images: &images,
            repository: &repository,
        };
        Ok(Promised {
            reference: Some(format!("{repository}@{digest}")),
            local: false,
            name: reference.to_string(),
            configurations: view::configurations(&blobs, &digest)?,
        })
    }

    fn promised_by_recipe(&self, path: &Path) -> Result<Promised> {
        let recipes = recipe::load(path)?;
        let alone = [DEFAULT.parse().map_err(|error: String| anyhow!(error))?];
        let chosen = recipes.select(match self.variants {
            [] => &alone[..],
            variants => variants,
        })?;
        let [recipe] = chosen[..] else {
            bail!(
                "{} has several images; choose one with --variant",
                path.display()
            );
        };
        let lock = current_lock(self.session, &recipes, self.make)?;
        let built = build::make(self.session, recipe, &lock, self.make, self.access)?;
        let digest = built.set.top().digest;
        let data = TagData::of(recipe, lock.packages_of_variant(&recipe.variant));
        let tag = recipe.tags.first().map(|tag| render_tag(tag, &data));
        let tag = tag.transpose()?.unwrap_or_else(|| "latest".to_owned());
        let repository = build::place(None, self.session, recipe)?;
        let (place, reference) = match &repository {
            Some(repository) => (repository.to_string(), format!("{repository}@{digest}")),
            // As `build --load` names it.
            None => (recipe.name.clone(), format!("{}:{tag}", recipe.name)),
        };
        Ok(Promised {
            reference: Some(reference),
            local: repository.is_none(),
            name: format!("{place}:{tag}"),
            configurations: view::configurations(&built, &digest)?,
        })
    }
}

/// What an image says of itself, and how it is pulled.
pub(super) struct Promised {
    /// Its reference, by digest where it is a registry's; none in a layout.
    pub reference: Option<String>,
    /// Whether the reference is that of a container engine here, which no other machine could pull.
    pub local: bool,
    /// What people know it by.
    pub name: String,
    /// The configurations of its platforms.
    pub configurations: Vec<ImageConfig>,
}

fn opened(path: &Path, name: Option<&str>) -> Result<(Layout, Digest)> {
    let layout = Layout::open(path)?;
    let digest = layout.find(name)?.digest;
    Ok((layout, digest))
}

/// The path of a layout or an archive, and the name of an image in it: `PATH` or `PATH:NAME`.
fn layout(named: &str) -> Option<(PathBuf, Option<String>)> {
    let kind = KINDS.iter().find_map(|kind| named.strip_prefix(kind));
    let path = kind.unwrap_or(named);
    if Path::new(path).exists() {
        return Some((path.into(), None));
    }
    let (before, name) = path.rsplit_once(':')?;
    let is = Path::new(before).exists() || kind.is_some();
    is.then(|| (before.into(), Some(name.to_owned())))
}
