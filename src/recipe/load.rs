//! Reading a recipe: the file, what it extends and the keys it names, all below one root.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::platform::{Architecture, Platform};

use super::error::RecipeError;
use super::keys;
use super::merge::Merge;
use super::model::{Debian, ExtraRepository, LocalRepository, Pin, Recipe, Trust};
use super::raw::{RawKey, RawLocal, RawRecipe};
use super::values::{RelativePath, Word};
use super::words::{EnginePackage, InitKind, IptablesBackend, RunWait, StorageFallback};

/// The recipe format this crate reads.
const SCHEMA: u32 = 1;
/// A chain of `extends` longer than this is a loop or a mistake.
const EXTENDS_LIMIT: usize = 8;
/// Largest recipe or key file read, in bytes; real ones are a few kilobytes.
const FILE_LIMIT: u64 = 1 << 20;
/// Priority of a repository that names none, as in apt_preferences(5).
const DEFAULT_PRIORITY: i32 = 500;
/// Size of a loop file or tmpfs when the recipe names none.
const DEFAULT_STORAGE_SIZE: &str = "20G";
/// `docker stop` kills after ten seconds unless told otherwise.
const DEFAULT_STOP_TIMEOUT: u32 = 10;

/// Reads the files a recipe names. The file system is the only implementation outside of tests.
pub trait Source {
    /// The content of `path`, which lies below the directory of the first recipe.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;

    /// The directory `path`, absolute and without links, which lies below that of the first recipe.
    fn directory(&self, path: &Path) -> std::io::Result<PathBuf>;
}

/// Files on disk, below `root`; links that lead out of it are refused.
struct Disk {
    root: PathBuf,
}

impl Disk {
    fn inside(&self, path: &Path) -> std::io::Result<PathBuf> {
        let real = path.canonicalize()?;
        if !real.starts_with(&self.root) {
            return Err(std::io::Error::other(format!(
                "it leads out of {}, the recipe's root",
                self.root.display()
            )));
        }
        Ok(real)
    }
}

impl Source for Disk {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let real = self.inside(path)?;
        let size = std::fs::metadata(&real)?.len();
        if size > FILE_LIMIT {
            return Err(std::io::Error::other(format!(
                "it has {size} bytes, more than the {FILE_LIMIT} a recipe's file may have"
            )));
        }
        std::fs::read(real)
    }

    fn directory(&self, path: &Path) -> std::io::Result<PathBuf> {
        let real = self.inside(path)?;
        if !real.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        Ok(real)
    }
}

/// Loads and validates the recipe at `path`, everything it extends and the keys it names.
///
/// The recipe's root is its own directory: no named file may lie outside it, links included.
pub fn load(path: &Path) -> Result<Recipe, RecipeError> {
    let read_error = |source| RecipeError::Read {
        path: path.to_owned(),
        source,
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = directory.canonicalize().map_err(read_error)?;
    let disk = Disk { root };
    load_from(path, &disk)
}

fn load_from(path: &Path, source: &dyn Source) -> Result<Recipe, RecipeError> {
    let mut chain = vec![(path.to_owned(), parse_file(path, source)?)];
    while let Some((from, parent)) = chain
        .last()
        .and_then(|(from, raw)| Some((from.clone(), raw.extends.clone()?)))
    {
        let next = beside(&from, &parent);
        if chain.len() >= EXTENDS_LIMIT || chain.iter().any(|(seen, _)| *seen == next) {
            return Err(RecipeError::whole(
                &from,
                format!(
                    "extends {parent}, which leads back to itself or too far; remove one `extends`"
                ),
            ));
        }
        let raw = parse_file(&next, source)?;
        chain.push((next, raw));
    }
    // Keys are read where they are named, so that each path is relative to its own file.
    let trust = chain
        .iter()
        .find_map(|(at, raw)| raw.debian.keys.as_ref().map(|keys| (at, keys)))
        .map(|(at, keys)| read_pins(at, keys, source))
        .transpose()?;
    let repositories = chain
        .iter()
        .find_map(|(at, raw)| raw.debian.repository.as_ref().map(|list| (at, list)));
    let repositories = match repositories {
        Some((at, list)) => list
            .iter()
            .map(|raw| {
                Ok(ExtraRepository {
                    name: raw.name.clone(),
                    mirrors: raw.mirrors.clone(),
                    suite: raw.suite.clone(),
                    components: raw.components.clone(),
                    pins: read_pins(at, &raw.keys, source)?,
                    priority: raw.priority.unwrap_or(DEFAULT_PRIORITY),
                    check_valid_until: raw.check_valid_until.unwrap_or(true),
                    packages: raw
                        .packages
                        .iter()
                        .flatten()
                        .map(|package| package.name.clone())
                        .collect(),
                })
            })
            .collect::<Result<Vec<_>, RecipeError>>()?,
        None => Vec::new(),
    };
    let local = chain
        .iter()
        .find_map(|(at, raw)| raw.debian.local.as_ref().map(|list| (at, list)))
        .map(|(at, list)| read_local(at, list, source))
        .transpose()?
        .unwrap_or_default();
    let merged = chain
        .into_iter()
        .rev()
        .map(|(_, raw)| raw)
        .reduce(Merge::merge)
        .unwrap_or_default();
    complete(path, merged, trust, repositories, local)
}

fn beside(file: &Path, relative: &RelativePath) -> PathBuf {
    file.parent()
        .unwrap_or(Path::new(""))
        .join(relative.as_str())
}

fn read_pins(at: &Path, keys: &[RawKey], source: &dyn Source) -> Result<Vec<Pin>, RecipeError> {
    if keys.is_empty() {
        return Err(RecipeError::whole(
            at,
            "`keys` is empty, so nothing could be verified; name at least one key or leave it out",
        ));
    }
    keys.iter()
        .map(|key| {
            let path = beside(at, &key.file);
            Ok(Pin {
                file: key.file.to_string(),
                certificate: source
                    .read(&path)
                    .map_err(|source| RecipeError::Read { path, source })?,
                fingerprint: key.fingerprint.clone(),
            })
        })
        .collect()
}

fn read_local(
    at: &Path,
    list: &[RawLocal],
    source: &dyn Source,
) -> Result<Vec<LocalRepository>, RecipeError> {
    list.iter()
        .map(|raw| {
            let path = beside(at, &raw.path);
            Ok(LocalRepository {
                name: raw.name.clone(),
                named: raw.path.to_string(),
                path: source
                    .directory(&path)
                    .map_err(|source| RecipeError::Read { path, source })?,
                priority: raw.priority.unwrap_or(DEFAULT_PRIORITY),
            })
        })
        .collect()
}

fn parse_file(path: &Path, source: &dyn Source) -> Result<RawRecipe, RecipeError> {
    let bytes = source.read(path).map_err(|source| RecipeError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| RecipeError::whole(path, "it is not UTF-8 text; recipes are TOML"))?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<RawRecipe, RecipeError> {
    let fail = |error: toml::de::Error| {
        let span = error.span().unwrap_or(0..text.len());
        RecipeError::text(path, text, span, error.message())
    };
    let table = toml::de::DeTable::parse(text).map_err(fail)?;
    if let Some((span, message)) = keys::first_unknown(table.get_ref()) {
        return Err(RecipeError::text(path, text, span, &message));
    }
    let raw = RawRecipe::deserialize(toml::de::Deserializer::from(table)).map_err(fail)?;
    match raw.schema {
        Some(SCHEMA) | None => Ok(raw),
        Some(other) => Err(RecipeError::whole(
            path,
            format!("schema is {other}; this version reads schema {SCHEMA}"),
        )),
    }
}

fn complete(
    path: &Path,
    raw: RawRecipe,
    pins: Option<Vec<Pin>>,
    repositories: Vec<ExtraRepository>,
    local: Vec<LocalRepository>,
) -> Result<Recipe, RecipeError> {
    let whole = |message: &str| RecipeError::whole(path, message);
    if raw.schema.is_none() {
        return Err(whole("the first key must be `schema = 1`"));
    }
    let suite = raw.debian.suite.ok_or_else(|| {
        whole("no distribution is named; add [debian] with `suite = \"bookworm\"`")
    })?;
    let platforms = raw.image.platforms.unwrap_or_else(|| {
        vec![Platform {
            architecture: Architecture::Amd64,
        }]
    });
    if platforms.is_empty() {
        return Err(whole("`platforms` is empty; name at least linux/amd64"));
    }
    if platforms.iter().collect::<BTreeSet<_>>().len() != platforms.len() {
        return Err(whole("`platforms` names a platform twice"));
    }
    let include = raw.packages.include.unwrap_or_default();
    if raw.profile.is_none() && include.is_empty() {
        return Err(whole(
            "there is nothing to install; name a `profile` or packages in [packages] `include`",
        ));
    }
    if let Some(label) = raw
        .labels
        .keys()
        .find(|label| label.starts_with("io.dindimg."))
    {
        return Err(whole(&format!(
            "label `{label}` is the program's own; choose another name"
        )));
    }
    let name = path.file_stem().map_or_else(
        || "image".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    let archived = raw.debian.archived.unwrap_or(false);
    Ok(Recipe {
        name,
        path: path.to_owned(),
        profile: raw.profile,
        repository: raw.image.repository,
        platforms,
        tags: raw.image.tags.unwrap_or_default(),
        compression: raw.image.compression,
        volume: raw.image.volume.unwrap_or(true),
        debian: Debian {
            suite,
            mirrors: raw.debian.mirrors.unwrap_or_default(),
            security_mirrors: raw.debian.security_mirrors.unwrap_or_default(),
            components: match raw.debian.components {
                Some(components) => components,
                None => vec!["main".parse::<Word>().map_err(|error| whole(&error))?],
            },
            snapshot: raw.debian.snapshot.map(|stamp| stamp.0),
            archived,
            security: raw.debian.security.unwrap_or(true),
            updates: raw.debian.updates.unwrap_or(true),
            check_valid_until: raw.debian.check_valid_until.unwrap_or(true),
            trust: pins.map_or(Trust::Distribution, Trust::Pinned),
            repositories,
            local,
        },
        include,
        recommends: raw.packages.recommends.unwrap_or(false),
        replaces: raw
            .packages
            .replaces
            .unwrap_or_default()
            .into_iter()
            .map(|(winner, losers)| (winner, losers.into_iter().map(|loser| loser.name).collect()))
            .collect(),
        pins: raw.packages.pin.unwrap_or_default(),
        acknowledged: raw.packages.acknowledge_scripts,
        init: raw.init.kind.unwrap_or(InitKind::Tini),
        iptables: raw.iptables.backend.unwrap_or(IptablesBackend::Legacy),
        storage_fallback: raw
            .storage
            .fallback
            .unwrap_or_else(|| vec![StorageFallback::Loop]),
        storage_size: raw
            .storage
            .size
            .map_or_else(|| DEFAULT_STORAGE_SIZE.to_owned(), |size| size.to_string()),
        engine_package: raw.engine.package.unwrap_or(EnginePackage::DockerIo),
        daemon: raw.engine.daemon,
        wait: raw.run.wait.unwrap_or(RunWait::Command),
        stop_timeout: raw.run.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        env: raw.env,
        labels: raw.labels,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Files(BTreeMap<&'static str, &'static str>);

    impl Source for Files {
        fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
            self.0
                .get(path.to_str().unwrap_or_default())
                .map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| std::io::ErrorKind::NotFound.into())
        }

        fn directory(&self, path: &Path) -> std::io::Result<PathBuf> {
            Ok(path.to_owned())
        }
    }

    fn files(list: &[(&'static str, &'static str)]) -> Files {
        Files(list.iter().copied().collect())
    }

    fn load_text(text: &'static str) -> Result<Recipe, String> {
        load_from(Path::new("r/a.toml"), &files(&[("r/a.toml", text)])).map_err(|e| e.to_string())
    }

    const SMALL: &str = "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n";

    #[test]
    fn the_smallest_recipe_is_complete() {
        let recipe = load_text(SMALL).expect("valid");
        assert_eq!(recipe.name, "a");
        assert_eq!(recipe.platforms[0].to_string(), "linux/amd64");
        assert_eq!(recipe.iptables, IptablesBackend::Legacy);
        assert!(recipe.debian.security && recipe.debian.check_valid_until);
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_the_nearest_key() {
        let error = load_text("schema = 1\n[iptables]\nbackand = \"nft\"\n").expect_err("unknown");
        assert!(
            error.contains("unknown key `backand` in [iptables]; did you mean `backend`?"),
            "{error}"
        );
        assert!(error.contains("r/a.toml:3:1"), "{error}");
        assert!(error.contains("backand = \"nft\""), "{error}");
    }

    #[test]
    fn a_wrong_word_is_shown_with_the_choices() {
        let error =
            load_text("schema = 1\n[iptables]\nbackend = \"legcy\"\n").expect_err("unknown");
        assert!(
            error.contains("one of legacy, nft, auto); did you mean `legacy`?"),
            "{error}"
        );
        assert!(error.contains("r/a.toml:3:11"), "{error}");
    }

    #[test]
    fn an_unknown_key_in_an_array_of_tables_is_found() {
        let error = load_text("schema = 1\n[[debian.repository]]\nname = \"x\"\nsuit = \"y\"\n")
            .expect_err("unknown");
        assert!(
            error.contains("`suit` in [debian.repository]; did you mean `suite`?"),
            "{error}"
        );
    }

    #[test]
    fn extending_replaces_what_it_names_and_keeps_the_rest() {
        let source = files(&[
            (
                "r/a.toml",
                "extends = \"base.toml\"\n[debian]\nmirrors = [\"http://m/d\"]\n",
            ),
            (
                "r/base.toml",
                "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"trixie\"\nupdates = false\n",
            ),
        ]);
        let recipe = load_from(Path::new("r/a.toml"), &source).expect("valid");
        assert_eq!(recipe.debian.suite.as_str(), "trixie");
        assert_eq!(recipe.debian.mirrors[0].as_str(), "http://m/d");
        assert!(!recipe.debian.updates);
    }

    #[test]
    fn a_recipe_that_extends_itself_is_refused() {
        let source = files(&[
            ("r/a.toml", "extends = \"b.toml\"\n"),
            ("r/b.toml", "extends = \"a.toml\"\n"),
        ]);
        let error = load_from(Path::new("r/a.toml"), &source)
            .expect_err("loop")
            .to_string();
        assert!(error.contains("leads back to itself"), "{error}");
    }

    #[test]
    fn an_empty_recipe_says_what_it_needs() {
        assert!(load_text("").expect_err("empty").contains("schema = 1"));
        assert!(
            load_text("schema = 1\n")
                .expect_err("no suite")
                .contains("[debian]")
        );
        assert!(
            load_text("schema = 9\n")
                .expect_err("future")
                .contains("schema is 9")
        );
        let nothing = load_text("schema = 1\n[debian]\nsuite = \"sid\"\n").expect_err("nothing");
        assert!(nothing.contains("nothing to install"), "{nothing}");
    }

    #[test]
    fn a_link_out_of_the_recipes_root_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().join("recipes");
        std::fs::create_dir(&root).expect("directory");
        std::fs::write(dir.path().join("outside.toml"), SMALL).expect("file");
        std::os::unix::fs::symlink("../outside.toml", root.join("link.toml")).expect("link");
        std::fs::write(root.join("a.toml"), "extends = \"link.toml\"\n").expect("file");
        let error = load(&root.join("a.toml")).expect_err("outside").to_string();
        assert!(error.contains("leads out of"), "{error}");
    }
}
