//! An image to run inside the image under test, made without any registry: a shell and a few tools
//! taken out of the running outer container, with the libraries they load.
//!
//! What is inside was already inside the image under test, so it fits its architecture and needs
//! neither network nor trust. Reading files is the caller's business ([`Files`]); the rest is pure.

mod archive;
mod elf;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use elf::{Binary, ElfError};

pub use archive::docker_archive;

/// Name of the image inside the inner engine.
pub const IMAGE: &str = "dindimg/nested:smoke";

/// Programs the checks use in nested containers; `echo`, `exit` and `read` are the shell's own.
const TOOLS: [&str; 4] = ["sh", "cat", "sleep", "timeout"];

/// What checks of networks use as well; an image without TLS may lack it.
pub const SPEAKER: &str = "openssl";

/// What looks names up in C libraries that load it when it is needed (glibc before 2.34).
const RESOLVERS: [&str; 2] = ["libnss_dns.so.2", "libresolv.so.2"];

/// Where programs are, in the order of a usual `PATH`.
const PROGRAM_DIRS: [&str; 4] = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"];

/// Most files followed; they and their libraries are about a dozen.
const FILE_LIMIT: usize = 64;

/// Reads files of the container the nested image is made of.
pub trait Files {
    /// Why a file cannot be read, other than that it does not exist.
    type Error;

    /// Path and content of the first of `candidates` that is a file, links followed; `None` when
    /// none is.
    ///
    /// # Errors
    /// When the container cannot be asked.
    fn first(&mut self, candidates: &[String]) -> Result<Option<(String, Vec<u8>)>, Self::Error>;
}

/// The files of a nested image by absolute path, and the architecture they are for.
#[derive(Debug, PartialEq, Eq)]
pub struct Rootfs {
    /// `amd64` or `arm64`, as OCI names it.
    pub architecture: &'static str,
    /// Every file is executable: programs, loader and libraries.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Rootfs {
    /// Whether [`SPEAKER`] is among its files.
    pub fn speaks(&self) -> bool {
        let mut names = self.files.keys().filter_map(|path| path.rsplit('/').next());
        names.any(|name| name == SPEAKER)
    }
}

/// Why no nested image can be made.
#[derive(Debug, thiserror::Error)]
pub enum NestedError<E> {
    /// The container could not be asked.
    #[error(transparent)]
    Files(E),
    /// A tool or library is in none of its usual places.
    #[error("the image has no {name} in {places}, needed for the nested container{}", by(.wanted_by))]
    Missing {
        /// What was looked for.
        name: String,
        /// Where.
        places: String,
        /// The file that needs it; empty for a tool.
        wanted_by: String,
    },
    /// A tool or library is not an ELF file this crate knows.
    #[error("{path} of the image cannot be used for the nested container")]
    Elf {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: ElfError,
    },
    /// Following the libraries does not end.
    #[error("the tools for the nested container load more than {FILE_LIMIT} files")]
    TooMany,
}

fn by(wanted_by: &str) -> String {
    if wanted_by.is_empty() {
        String::new()
    } else {
        format!(" (loaded by {wanted_by})")
    }
}

/// One file still to be read.
struct Wanted {
    name: String,
    candidates: Vec<String>,
    by: String,
    required: bool,
}

/// Collects the tools and, recursively, their loader and libraries.
///
/// # Errors
/// See [`NestedError`].
pub fn collect<F: Files>(source: &mut F) -> Result<Rootfs, NestedError<F::Error>> {
    let tool = |name: &str, required| Wanted {
        name: name.to_owned(),
        candidates: in_dirs(PROGRAM_DIRS, name),
        by: String::new(),
        required,
    };
    let tools = TOOLS.iter().map(|name| tool(name, true));
    let mut queue: VecDeque<Wanted> = tools.chain([tool(SPEAKER, false)]).collect();
    let mut seen = BTreeSet::new();
    let mut files = BTreeMap::new();
    let mut architecture = None;
    while let Some(wanted) = queue.pop_front() {
        if !seen.insert(wanted.name.clone()) {
            continue;
        }
        if seen.len() > FILE_LIMIT {
            return Err(NestedError::TooMany);
        }
        let found = source
            .first(&wanted.candidates)
            .map_err(NestedError::Files)?;
        let (path, bytes) = match found {
            Some(found) => found,
            None if !wanted.required => continue,
            None => {
                return Err(NestedError::Missing {
                    places: wanted.candidates.join(", "),
                    name: wanted.name,
                    wanted_by: wanted.by,
                });
            }
        };
        let binary = Binary::parse(&bytes).map_err(|source| NestedError::Elf {
            path: path.clone(),
            source,
        })?;
        if architecture.is_none() {
            let dirs = library_dirs(&[], binary.architecture.triplet());
            queue.extend(RESOLVERS.map(|name| Wanted {
                name: name.to_owned(),
                candidates: in_dirs(dirs.iter().map(String::as_str), name),
                by: String::new(),
                required: false,
            }));
        }
        architecture.get_or_insert(binary.architecture);
        queue.extend(binary.interpreter.map(|loader| Wanted {
            name: loader.clone(),
            candidates: vec![loader],
            by: path.clone(),
            required: true,
        }));
        let dirs = library_dirs(&binary.run_path, binary.architecture.triplet());
        queue.extend(binary.needed.into_iter().map(|name| Wanted {
            candidates: in_dirs(dirs.iter().map(String::as_str), &name),
            name,
            by: path.clone(),
            required: true,
        }));
        files.insert(path, bytes);
    }
    let architecture = architecture.expect("TOOLS is not empty, so a binary was parsed");
    Ok(Rootfs {
        architecture: architecture.oci(),
        files,
    })
}

fn in_dirs<'a>(dirs: impl IntoIterator<Item = &'a str>, name: &str) -> Vec<String> {
    dirs.into_iter()
        .map(|dir| format!("{dir}/{name}"))
        .collect()
}

/// Where the loader looks: the binary's own run path, Debian's multi-arch directories, and the
/// defaults of glibc and musl (ld.so(8); musl's `/lib:/usr/local/lib:/usr/lib`).
fn library_dirs(run_path: &[String], triplet: &str) -> Vec<String> {
    let usual = ["/lib64", "/usr/lib64", "/lib", "/usr/local/lib", "/usr/lib"];
    run_path
        .iter()
        .cloned()
        .chain([format!("/lib/{triplet}"), format!("/usr/lib/{triplet}")])
        .chain(usual.map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests;
