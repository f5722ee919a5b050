//! Directories of package files as repositories: what apt calls a trivial archive, with the index
//! made from the packages' own control files.
//!
//! Nothing is signed. The packages are trusted because they lie beside the recipe, as its own text
//! is; the lock records the digest of each that is used, and of the directory as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::path::{Path, PathBuf};

use crate::deb::archive;
use crate::deb::packages::parse_index;
use crate::digest::{Digest, Hashing};
use crate::epoch::Epoch;
use crate::platform::Architecture;
use crate::recipe::LocalRepository;

use super::super::{Directory, FamilyError, Opened, Repository};

/// Kind in the lock.
pub(super) const KIND: &str = "local";
/// Ending of the names that count.
const SUFFIX: &str = ".deb";
/// Most package files of one directory: every one is hashed and its control file read at each
/// build. Whole distributions belong into a signed repository.
const FILES_LIMIT: usize = 10_000;

/// Reads a directory: the repository with the digest of what is in it.
pub(super) fn repository(local: &LocalRepository) -> Result<Repository, FamilyError> {
    let mut listing = String::new();
    for (name, path) in names(&local.path, &local.named)? {
        let (digest, _) = File::open(&path)
            .and_then(|mut file| hashed(&mut file))
            .map_err(|error| unreadable(&format!("{}/{name}", local.named), &error))?;
        let _ = writeln!(listing, "{} {name}", digest.hex());
    }
    Ok(Repository {
        name: local.name.to_string(),
        kind: KIND,
        mirrors: Vec::new(),
        directory: Some(Directory {
            path: local.path.clone(),
            named: local.named.clone(),
            digest: Digest::of(listing),
        }),
        snapshots: None,
        suite: String::new(),
        components: Vec::new(),
        priority: local.priority,
        only: BTreeSet::new(),
        tag: None,
        key_addresses: Vec::new(),
        certificates: Vec::new(),
        fingerprints: Vec::new(),
        snapshot: None,
        archived: false,
        check_valid_until: false,
    })
}

/// Makes the indexes of a directory from the control files of its packages.
pub(super) fn open(
    repository: &Repository,
    directory: &Directory,
    architectures: &BTreeSet<Architecture>,
) -> Result<Opened, FamilyError> {
    let mut indexes: BTreeMap<Architecture, Vec<Vec<u8>>> = architectures
        .iter()
        .map(|&architecture| (architecture, vec![Vec::new()]))
        .collect();
    for (name, path) in names(&directory.path, &directory.named)? {
        let metadata = |message: String| FamilyError::Metadata {
            subject: format!("{}/{name}", directory.named),
            message,
        };
        let mut file = File::open(&path).map_err(|error| metadata(error.to_string()))?;
        let (digest, size) = hashed(&mut file).map_err(|error| metadata(error.to_string()))?;
        let control =
            archive::control(BufReader::new(file)).map_err(|error| metadata(error.to_string()))?;
        let text = control
            .text("control")
            .ok_or_else(|| metadata("its control file is not UTF-8".to_owned()))?;
        let own = control
            .field("Architecture")
            .ok_or_else(|| metadata("its control file names no architecture".to_owned()))?;
        let mut stanza = text.trim_end().to_owned();
        let _ = write!(
            stanza,
            "\nFilename: {name}\nSize: {size}\nSHA256: {}\n\n",
            digest.hex()
        );
        // Judged by itself, so that an error names the file.
        parse_index(stanza.as_bytes()).map_err(|error| metadata(error.to_string()))?;
        for (architecture, texts) in &mut indexes {
            if own == "all" || own == architecture.debian() {
                texts[0].extend_from_slice(stanza.as_bytes());
            }
        }
    }
    Ok(Opened {
        repository: repository.clone(),
        date: Epoch::default(),
        digest: directory.digest,
        signers: Vec::new(),
        warnings: Vec::new(),
        indexes,
    })
}

/// The package files by name.
fn names(directory: &Path, named: &str) -> Result<BTreeMap<String, PathBuf>, FamilyError> {
    let fail = |error: &std::io::Error| unreadable(named, error);
    let mut names = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(|error| fail(&error))? {
        let entry = entry.map_err(|error| fail(&error))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(FamilyError::Recipe(format!(
                "[[debian.local]] {named}: the file name {name:?} is not UTF-8; rename it"
            )));
        };
        if !name.ends_with(SUFFIX) {
            continue;
        }
        if !entry.file_type().map_err(|error| fail(&error))?.is_file() {
            return Err(FamilyError::Recipe(format!(
                "[[debian.local]] {named}/{name} is not a plain file; put the package itself there"
            )));
        }
        names.insert(name.to_owned(), entry.path());
        if names.len() > FILES_LIMIT {
            return Err(FamilyError::Recipe(format!(
                "[[debian.local]] {named} holds more than {FILES_LIMIT} packages; make it a signed repository"
            )));
        }
    }
    if names.is_empty() {
        return Err(FamilyError::Recipe(format!(
            "[[debian.local]] {named} holds no `*{SUFFIX}` file; put the packages there, or remove the table"
        )));
    }
    Ok(names)
}

/// Digest and size of the whole file, which then stands at its start.
fn hashed(file: &mut File) -> std::io::Result<(Digest, u64)> {
    let mut reader = Hashing::new(&mut *file);
    std::io::copy(
        &mut BufReader::with_capacity(128 << 10, &mut reader),
        &mut std::io::sink(),
    )?;
    let (_, digest, size) = reader.finish();
    file.rewind()?;
    Ok((digest, size))
}

fn unreadable(named: &str, error: &std::io::Error) -> FamilyError {
    FamilyError::Recipe(format!("[[debian.local]] cannot read {named}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(directory: &Path) -> LocalRepository {
        LocalRepository {
            name: "own".parse().expect("a name"),
            named: "packages".to_owned(),
            path: directory.to_owned(),
            priority: 500,
        }
    }

    #[test]
    fn a_directory_is_known_by_the_names_and_bytes_of_its_packages_alone() {
        let scratch = tempfile::tempdir().expect("temporary directory");
        let write = |name: &str, text: &str| {
            std::fs::write(scratch.path().join(name), text).expect("written");
        };
        let digest = || {
            let repository = repository(&local(scratch.path())).expect("readable");
            repository.directory.expect("a directory").digest
        };
        write("b.deb", "two");
        write("a.deb", "one");
        let first = digest();
        write("README", "no package");
        assert_eq!(digest(), first);
        write("a.deb", "One");
        assert_ne!(digest(), first);
        write("a.deb", "one");
        assert_eq!(digest(), first);
        std::fs::rename(scratch.path().join("a.deb"), scratch.path().join("c.deb"))
            .expect("renamed");
        assert_ne!(digest(), first);
    }

    #[test]
    fn an_empty_directory_a_link_and_what_is_no_package_are_refused_by_name() {
        let scratch = tempfile::tempdir().expect("temporary directory");
        let error = repository(&local(scratch.path())).expect_err("empty");
        assert!(error.to_string().contains("packages holds no"), "{error}");
        let link = scratch.path().join("link.deb");
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("link");
        let error = repository(&local(scratch.path())).expect_err("a link");
        assert!(
            error
                .to_string()
                .contains("packages/link.deb is not a plain file"),
            "{error}"
        );
        std::fs::remove_file(&link).expect("removed");
        std::fs::write(scratch.path().join("x.deb"), "text").expect("written");
        let read = repository(&local(scratch.path())).expect("readable");
        let directory = read.directory.clone().expect("a directory");
        let error = open(&read, &directory, &BTreeSet::from([Architecture::Amd64]))
            .expect_err("no package");
        assert!(error.to_string().starts_with("packages/x.deb: "), "{error}");
    }
}
