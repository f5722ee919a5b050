//! What every verb that resolves or builds needs, made once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};

use crate::digest::{Digest, Hashing};
use crate::epoch::Epoch;
use crate::family::{self, Repository};
use crate::fetch::{Cache, FetchError, FetchOptions, Fetcher};
use crate::lab::Supply;
use crate::layer::Compression;
use crate::lock::{self, Encoding, Lock, LockError};
use crate::progress::{Reporter, Stage};
use crate::recipe::{Recipe, Recipes, VariantName};
use crate::resolve::{self, Keep};

use super::args::{Common, Locking, Make};
use super::exit::LockStale;
use super::settings::Settings;

/// The pieces of one run.
pub(super) struct Session {
    pub settings: Settings,
    pub fetcher: Fetcher,
    pub reporter: Arc<dyn Reporter>,
    pub now: Epoch,
    /// Whether nothing may be asked for over the network.
    pub offline: bool,
}

impl Session {
    pub fn open(
        common: &Common,
        ignore_derived: bool,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self> {
        let settings = Settings::read(common)?;
        let mut cache = Cache::open(&settings.cache).map_err(FetchError::from)?;
        if ignore_derived {
            cache = cache.ignore_derived();
        }
        let fetcher = Fetcher::new(Arc::new(cache), options(common), Arc::clone(&reporter));
        Ok(Self {
            settings,
            fetcher,
            reporter,
            now: now()?,
            offline: common.offline,
        })
    }

    /// Where machines come from: the same cache and mirrors.
    pub fn lab(&self, common: &Common) -> Supply {
        let cache = Arc::clone(self.fetcher.cache());
        let reporter = Arc::clone(&self.reporter);
        Supply {
            fetcher: Arc::new(Fetcher::new(cache, options(common), Arc::clone(&reporter))),
            mirrors: self.settings.mirrors.clone(),
            now: self.now,
            reporter,
        }
    }

    /// The repositories of a recipe.
    pub fn repositories(&self, recipe: &Recipe) -> Result<Vec<Repository>> {
        Ok(family::of(recipe)
            .repositories(recipe, &self.settings.mirrors)
            .map_err(resolve::ResolveError::from)?)
    }

    /// Resolves a recipe and its variants.
    pub fn resolve(
        &self,
        recipes: &Recipes,
        previous: Option<&Lock>,
        keep: &Keep,
        allow_expired: bool,
    ) -> Result<Lock> {
        Ok(resolve::resolve(
            recipes,
            previous,
            keep,
            &resolve::Context {
                fetcher: &self.fetcher,
                mirrors: &self.settings.mirrors,
                now: self.now,
                allow_expired,
                encodings: &encodings(recipes)?,
                reporter: self.reporter.as_ref(),
            },
        )?)
    }
}

fn options(common: &Common) -> FetchOptions {
    FetchOptions {
        offline: common.offline,
        ..FetchOptions::default()
    }
}

/// Codec and level: the flag's, the recipe's or the default.
pub(super) fn compression(recipe: &Recipe, flag: Option<Compression>) -> Result<Compression> {
    match (flag, &recipe.compression) {
        (Some(flag), _) => Ok(flag),
        (None, Some(text)) => text.as_str().parse().map_err(|error| {
            crate::recipe::RecipeError::Whole {
                path: recipe.path.clone(),
                message: format!("compression: {error}"),
            }
            .into()
        }),
        (None, None) => Ok(Compression::default()),
    }
}

/// Where a recipe's lock is.
pub(super) fn lock_path(recipe: &Recipe, locking: &Locking) -> PathBuf {
    locking
        .lock_file
        .clone()
        .unwrap_or_else(|| recipe.path.with_extension("lock"))
}

/// Reads a lock file; `None` if there is none.
pub(super) fn read_lock(path: &Path) -> Result<Option<Lock>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            Ok(Some(lock::parse(&text).with_context(|| {
                format!("lock file {}", path.display())
            })?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(anyhow!(error).context(format!("cannot read lock file {}", path.display())))
        }
    }
}

/// Writes a lock file whole, and only if it says something else than before.
pub(super) fn write_lock(path: &Path, lock: &Lock) -> Result<()> {
    let text = lock::render(lock)?;
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    replace(path, text.as_bytes()).with_context(|| {
        format!(
            "cannot write lock file {}; name another place with --lock-file",
            path.display()
        )
    })
}

/// Replaces a file by a whole one: temporary file, fsync, rename.
pub(super) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The lock that a new one starts from. A file that cannot be understood is no reason not to make
/// it anew when that is what the user asked for.
pub(super) fn previous_lock(session: &Session, path: &Path, update: bool) -> Result<Option<Lock>> {
    match read_lock(path) {
        Err(error) if update && error.downcast_ref::<LockError>().is_some() => {
            session
                .reporter
                .warn(Stage::Resolve, &format!("{error:#}; it is made anew"));
            Ok(None)
        }
        other => other,
    }
}

/// The lock to build from, by the staleness rule: a missing or stale lock is made anew, keeping
/// the versions it had, unless `locked` forbids it.
pub(super) fn current_lock(session: &Session, recipes: &Recipes, make: &Make) -> Result<Lock> {
    let recipe = recipes.default();
    warn_of_content(session, recipes);
    let path = lock_path(recipe, &make.locking);
    let previous = previous_lock(session, &path, make.update)?;
    let repositories = session.repositories(recipe)?;
    let stale = |why: &str| {
        LockStale(format!(
            "lock file {} {why}; run `dindimg lock {}`",
            path.display(),
            recipe.path.display()
        ))
    };
    let why_stale = previous
        .as_ref()
        .and_then(|lock| resolve::stale(lock, recipes, &repositories));
    if let Some(lock) = &previous
        && !make.update
        && why_stale.is_none()
    {
        for warning in lock
            .repositories
            .iter()
            .flat_map(|repository| &repository.warnings)
        {
            session.reporter.warn(Stage::Resolve, warning);
        }
        let encodings = encodings(recipes)?;
        let same = lock
            .images
            .iter()
            .all(|image| encodings.get(&image.variant) == Some(&image.encoding));
        let changed = lock::changed_artifacts(lock, recipes);
        if make.locked && !changed.is_empty() {
            let changed = changed.join(", ");
            return Err(stale(&format!("is stale: since it was made, {changed}")).into());
        }
        // A codec named on the command line is this run's own affair.
        if (make.compression.is_some() || same) && changed.is_empty() {
            return Ok(lock.clone());
        }
        if make.locked {
            return Err(stale(
                "was made for another encoding of the layers, which gives other digests",
            )
            .into());
        }
        let mut lock = lock.clone();
        lock::record_artifacts(&mut lock, recipes);
        for image in &mut lock.images {
            if let Some(encoding) = encodings.get(&image.variant)
                && make.compression.is_none()
            {
                image.encoding = encoding.clone();
            }
        }
        write_lock(&path, &lock)?;
        return Ok(lock);
    }
    if make.locked {
        return Err(stale(why_stale.as_deref().unwrap_or("does not exist")).into());
    }
    let keep = if make.update {
        Keep::Nothing
    } else {
        Keep::All
    };
    let lock = session.resolve(
        recipes,
        previous.as_ref(),
        &keep,
        make.locking.allow_expired,
    )?;
    write_lock(&path, &lock)?;
    Ok(lock)
}

/// Tells what should be known of the recipe's own content today.
pub(super) fn warn_of_content(session: &Session, recipes: &Recipes) {
    let warnings: BTreeSet<String> = recipes
        .iter()
        .flat_map(|recipe| recipe.content.warnings(session.now))
        .collect();
    for warning in &warnings {
        session.reporter.warn(Stage::Resolve, warning);
    }
}

/// How the layers of each image of a recipe are encoded.
fn encodings(recipes: &Recipes) -> Result<BTreeMap<VariantName, Encoding>> {
    recipes
        .iter()
        .map(|recipe| {
            let compression = compression(recipe, None)?;
            let encoding = Encoding {
                compression: compression.to_string(),
                encoder: compression.encoder_identity(),
            };
            Ok((recipe.variant.clone(), encoding))
        })
        .collect()
}

/// The present.
fn now() -> Result<Epoch> {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("this machine's clock stands before 1970")?;
    i64::try_from(elapsed.as_secs())
        .ok()
        .and_then(Epoch::from_seconds)
        .context("this machine's clock stands beyond the year 9999")
}

/// Identifies this very program, so that what another build of it derived is made again.
pub(super) fn program() -> Result<Digest> {
    let path = std::env::current_exe().context("cannot find this program's own file")?;
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut reader = Hashing::new(BufReader::with_capacity(256 << 10, file));
    std::io::copy(&mut reader, &mut std::io::sink())?;
    Ok(reader.finish().1)
}
