//! `[[file]]`: what each table places, read from beside the recipe.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::super::error::RecipeError;
use super::super::source::Source;
use super::super::values::RelativePath;
use super::at::At;
use super::raw::{RawFile, RawFiles};
use super::values::{FileMode, ImagePath, OwnerText};
use super::{Bytes, Entry, File, reserved};

/// Largest file taken, in bytes: content is held in memory while an image is built, and what is
/// larger belongs into a package.
const FILE_LIMIT: u64 = 64 << 20;
/// Most bytes all files of a recipe may have together, for the same reason.
const TOTAL_LIMIT: u64 = 128 << 20;
/// Deepest directory walked: further down is a mistake.
const DEPTH_LIMIT: usize = 64;
/// Mode of a directory that names none.
const DIRECTORY: FileMode = FileMode(0o755);
/// Mode of a script or program that names none.
const PROGRAM: FileMode = FileMode(0o755);
/// Mode of another file that names none.
const PLAIN: FileMode = FileMode(0o644);

/// What stands at a path beside a recipe.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File {
        /// Its content.
        bytes: Vec<u8>,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A directory, and the names in it.
    Directory(Vec<String>),
    /// A symbolic link and its target.
    Link(String),
}

impl Found {
    /// Looks at `path` on disk without following it; a file may have `limit` bytes.
    pub(in crate::recipe) fn at(path: &Path, limit: u64) -> io::Result<Self> {
        let metadata = std::fs::symlink_metadata(path)?;
        if metadata.is_symlink() {
            return text(std::fs::read_link(path)?.into_os_string()).map(Self::Link);
        }
        if metadata.is_dir() {
            let mut names = std::fs::read_dir(path)?
                .map(|entry| text(entry?.file_name()))
                .collect::<io::Result<Vec<_>>>()?;
            names.sort();
            return Ok(Self::Directory(names));
        }
        if !metadata.is_file() {
            return Err(io::Error::other(
                "it is neither a file nor a directory nor a link",
            ));
        }
        let file = std::fs::File::open(path)?;
        let executable = file.metadata()?.permissions().mode() & 0o100 != 0;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!(
                "it has more than {limit} bytes; what is so large belongs into a package"
            )));
        }
        Ok(Self::File { bytes, executable })
    }
}

fn text(name: std::ffi::OsString) -> io::Result<String> {
    name.into_string().map_err(|name| {
        io::Error::other(format!(
            "the name {name:?} is not UTF-8, which layers must be"
        ))
    })
}

/// Reads every `[[file]]` table.
pub(super) fn read(
    raw: RawFiles,
    source: &dyn Source,
) -> Result<BTreeMap<ImagePath, File>, RecipeError> {
    let mut reader = Reader {
        source,
        left: TOTAL_LIMIT,
        files: BTreeMap::new(),
    };
    for raw in raw.0 {
        reader.table(&raw)?;
    }
    Ok(reader.files)
}

struct Reader<'a> {
    source: &'a dyn Source,
    /// Bytes that may still be read.
    left: u64,
    files: BTreeMap<ImagePath, File>,
}

impl Reader<'_> {
    fn table(&mut self, raw: &RawFile) -> Result<(), RecipeError> {
        let directory = raw.directory.unwrap_or(false);
        let given = [
            raw.content.is_some(),
            raw.template.is_some(),
            raw.source.is_some(),
            raw.link.is_some(),
            directory,
        ];
        let count = given.into_iter().filter(|given| *given).count();
        if count != 1 {
            let many = if count == 0 { "none" } else { "several" };
            return Err(raw.path.error(
                self.source,
                &format!(
                    "[[file]] {} has {many} of `content`, `template`, `source`, `link` and `directory = true`; say one",
                    raw.path.value
                ),
            ));
        }
        if raw.path.value.as_str() == "/" && raw.source.is_none() {
            return Err(raw.path.error(
                self.source,
                "only a `source` directory can be placed at `/`",
            ));
        }
        let (entry, usual) = if let Some(content) = &raw.content {
            self.count(raw, content.len() as u64)?;
            let usual = usual_mode(content.as_bytes(), false);
            (Entry::File(Bytes::new(content.as_bytes())), usual)
        } else if let Some(template) = &raw.template {
            (self.template(template)?, PLAIN)
        } else if let Some(target) = &raw.link {
            if target.is_empty() || target.chars().any(char::is_control) {
                let message = format!("{target:?} is not the target of a link");
                return Err(raw.path.error(self.source, &message));
            }
            (Entry::Link(target.clone()), FileMode(0o777))
        } else if let Some(named) = &raw.source {
            return self.source(raw, named);
        } else {
            let named = raw.owner.is_some() || raw.mode.is_some();
            (Entry::Directory { named }, DIRECTORY)
        };
        self.put(raw, raw.path.value.clone(), entry, usual)
    }

    fn template(&mut self, named: &At<RelativePath>) -> Result<Entry, RecipeError> {
        let fail = |why: &str| named.error(self.source, &format!("{} {why}", named.value));
        let bytes = match self.look(named, &real(self.source, named)?)? {
            Found::File { bytes, .. } => bytes,
            _ => return Err(fail("is no file; a template is one file")),
        };
        if bytes.starts_with(b"#!") {
            return Err(fail(
                "is a script, and scripts are never rendered; render the values into a file that the script reads",
            ));
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(fail("is not UTF-8 text, which a template must be"));
        }
        Ok(Entry::Template {
            name: named.value.to_string(),
            bytes: Bytes::new(bytes),
        })
    }

    /// Places a file or everything in a directory. The last link of the path is followed, those
    /// inside a directory are placed as links.
    fn source(&mut self, raw: &RawFile, named: &At<RelativePath>) -> Result<(), RecipeError> {
        let top = real(self.source, named)?;
        let found = self.look(named, &top)?;
        if raw.path.value.as_str() == "/" && !matches!(found, Found::Directory(_)) {
            let message = format!("{} is no directory, so it cannot be `/`", named.value);
            return Err(named.error(self.source, &message));
        }
        let mut ahead = vec![(String::new(), top, found, 0)];
        while let Some((below, at, found, depth)) = ahead.pop() {
            let path = raw
                .path
                .value
                .join(&below)
                .map_err(|message| named.error(self.source, &message))?;
            match found {
                Found::File { bytes, executable } => {
                    let usual = usual_mode(&bytes, executable);
                    self.put(raw, path, Entry::File(Bytes::new(bytes)), usual)?;
                }
                Found::Link(target) => {
                    self.put(raw, path, Entry::Link(target), FileMode(0o777))?;
                }
                Found::Directory(names) => {
                    if depth == DEPTH_LIMIT {
                        let message =
                            format!("{} is deeper than {DEPTH_LIMIT} directories", named.value);
                        return Err(named.error(self.source, &message));
                    }
                    if path.as_str() != "/" {
                        let named = false;
                        self.put(raw, path, Entry::Directory { named }, DIRECTORY)?;
                    }
                    for name in names {
                        let at = at.join(&name);
                        let found = self.look(named, &at)?;
                        ahead.push((format!("{below}/{name}"), at, found, depth + 1));
                    }
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, named: &At<RelativePath>, path: &Path) -> Result<Found, RecipeError> {
        let limit = FILE_LIMIT.min(self.left);
        let found = self.source.entry(path, limit).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            named.error(self.source, &message)
        })?;
        if let Found::File { bytes, .. } = &found {
            self.left -= bytes.len() as u64;
        }
        Ok(found)
    }

    fn count(&mut self, raw: &RawFile, bytes: u64) -> Result<(), RecipeError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let message = format!("the files have more than {TOTAL_LIMIT} bytes together");
            raw.path.error(self.source, &message)
        })?;
        Ok(())
    }

    fn put(
        &mut self,
        raw: &RawFile,
        path: ImagePath,
        entry: Entry,
        usual: FileMode,
    ) -> Result<(), RecipeError> {
        if let Some(reason) = reserved(path.as_str()) {
            return Err(raw.path.error(self.source, &reason));
        }
        let mode = match (&entry, raw.mode) {
            (Entry::Link(_), _) | (_, None) => usual,
            // Whoever may read a directory's names may enter it, as `chmod -R +X` has it.
            (Entry::Directory { .. }, Some(mode)) if raw.source.is_some() => {
                FileMode(mode.0 & 0o777 | (mode.0 & 0o444) >> 2)
            }
            (_, Some(mode)) => mode,
        };
        let file = File {
            entry,
            owner: raw.owner.clone().unwrap_or_else(OwnerText::root),
            mode,
            replace: raw.replace.unwrap_or(false),
        };
        match self.files.entry(path) {
            Slot::Vacant(slot) => {
                slot.insert(file);
                Ok(())
            }
            Slot::Occupied(mut slot) => match (&slot.get().entry, &file.entry) {
                // Several trees may share directories; one that is named has the say.
                (Entry::Directory { named: true }, Entry::Directory { named: false }) => Ok(()),
                (Entry::Directory { .. }, Entry::Directory { .. }) => {
                    slot.insert(file);
                    Ok(())
                }
                _ => {
                    let message = format!("two [[file]] tables place {}", slot.key());
                    Err(raw.path.error(self.source, &message))
                }
            },
        }
    }
}

/// The path a name beside a recipe stands for, its links followed.
fn real(source: &dyn Source, named: &At<RelativePath>) -> Result<PathBuf, RecipeError> {
    let path = super::super::load::beside(named.recipe(), &named.value);
    source.real(&path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        named.error(source, &message)
    })
}

fn usual_mode(content: &[u8], executable: bool) -> FileMode {
    if executable || content.starts_with(b"#!") {
        PROGRAM
    } else {
        PLAIN
    }
}
