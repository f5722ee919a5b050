//! What is proven: a recipe's image, which is built first, or one that is there.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::guest;
use crate::oci::Names;
use crate::platform::Platform;
use crate::recipe::{self, Recipe, RecipeError, Recipes};
use crate::smoke::Subject;
use crate::smoke::matrix::{Choice, Needs};

use super::super::args::{Make, RegistryAccess, Smoke};
use super::super::build::{make, scratch};
use super::super::context::{Session, current_lock};
use super::super::engines;

/// The subject as it was named.
pub(super) enum Wanted {
    /// One image of a recipe.
    Recipe(Box<Image>),
    /// An archive or a reference.
    Ready(Subject),
}

/// One image of a recipe, for one platform.
pub(super) struct Image {
    recipes: Recipes,
    pub recipe: Recipe,
    platform: Platform,
}

impl Wanted {
    pub fn of(named: &str, arguments: &Smoke) -> Result<Self> {
        let path = Path::new(named);
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Ok(Self::Recipe(Box::new(Image::of(path, arguments)?))),
            _ => Ok(Self::Ready(ready(named))),
        }
    }

    /// The matrix before the command line has its say.
    pub fn choice(&self) -> Choice {
        match self {
            Self::Recipe(image) => Choice::of_recipe(&image.recipe.smoke),
            Self::Ready(_) => Choice::of_image(),
        }
    }

    /// The subject for the engines; the directory holds its archive.
    ///
    /// A recipe is built and handed over as an archive under a name of its own, so that no image
    /// of the user's is touched.
    pub fn subject(
        &self,
        flags: &Make,
        access: &RegistryAccess,
        session: &Session,
    ) -> Result<(Option<tempfile::TempDir>, Subject)> {
        let image = match self {
            Self::Ready(subject) => return Ok((None, subject.clone())),
            Self::Recipe(image) => image,
        };
        let recipe = &image.recipe;
        let flags = Make {
            platform: vec![image.platform],
            ..flags.clone()
        };
        let lock = current_lock(session, &image.recipes, &flags)?;
        let built = make(session, recipe, &lock, &flags, access)?;
        let (directory, archive) = scratch(session)?;
        let unique = directory
            .path()
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase());
        let tag: String = unique
            .unwrap_or_default()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        let names = Names {
            repository: Some(format!(
                "localhost/dindimg-smoke/{}",
                engines::image_name(recipe)
            )),
            tags: vec![tag],
        };
        let architecture = image.platform.architecture;
        let built = engines::write_archive(&archive, &built, architecture, &names, session)?;
        let subject = Subject::Built {
            archive,
            name: recipe.name.clone(),
            digest: built.to_string(),
        };
        Ok((Some(directory), subject))
    }
}

/// An image that is there, by its archive or its name.
pub(super) fn ready(named: &str) -> Subject {
    let path = Path::new(named);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("tar") => Subject::Archive(path.to_owned()),
        _ => Subject::Reference(named.to_owned()),
    }
}

impl Image {
    fn of(path: &Path, arguments: &Smoke) -> Result<Self> {
        let recipes = recipe::load(path)?;
        let whole = |message: String| RecipeError::Whole {
            path: path.to_owned(),
            message,
        };
        let wanted = std::slice::from_ref(&arguments.variant);
        let [recipe] = recipes.select(wanted)?[..] else {
            bail!(whole(format!(
                "variant `{}` is not one image",
                arguments.variant
            )));
        };
        let platform = match arguments.make.platform[..] {
            [platform] => platform,
            [] => own_platform(recipe).with_context(|| {
                format!(
                    "the recipe has no image for this machine, {}; for an engine elsewhere choose one with --platform",
                    std::env::consts::ARCH
                )
            })?,
            _ => bail!(whole(
                "smoke proves one platform at a time; name one with --platform".to_owned()
            )),
        };
        let recipe = recipe.clone();
        Ok(Self {
            recipes,
            recipe,
            platform,
        })
    }

    /// What the image will ask of engines, known before it is built.
    pub fn needs(&self) -> Result<Needs> {
        let recipe = &self.recipe;
        let contract = guest::contract(recipe, &guest::runtime(recipe), "", &[]);
        let contract = contract.ok_or_else(|| RecipeError::Whole {
            path: recipe.path.clone(),
            message: "it has no `profile`, so there is nothing to prove".to_owned(),
        })?;
        let architecture = self.platform.architecture.oci().to_owned();
        Ok(Needs::of(&contract, Some(architecture), true))
    }
}

/// The recipe's platform that this machine is of.
fn own_platform(recipe: &Recipe) -> Option<Platform> {
    let own = engines::own_architecture()?;
    let mut platforms = recipe.platforms.iter().copied();
    platforms.find(|platform| platform.architecture == own)
}
