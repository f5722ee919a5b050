//! What an archive publishes: package files made for the test, or real ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use dindimg::deb::archive::control;
use dindimg::digest::Digest;
use dindimg::fetch::Cache;
use dindimg::lock::{Lock, LockedPackage};

use super::deb::Deb;
use crate::product::{dindimg, kept};

/// A package file with its control stanza.
#[derive(Clone)]
pub struct Package {
    /// The control file of the package.
    pub control: String,
    /// Its place below the archive's root.
    pub path: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Built(Vec<u8>),
    /// In the cache that the tests share, by digest and size.
    Cached,
}

impl Package {
    /// A package made for the test.
    pub fn built(deb: &Deb) -> Self {
        let (control, bytes) = (deb.control(), deb.build());
        let field = |name| super::field(&control, name).expect("a field of the control file");
        let (name, version) = (field("Package"), field("Version"));
        // As in every archive, without the epoch.
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        let path = format!(
            "pool/main/{}/{name}/{name}_{version}_{}.deb",
            &name[..1],
            field("Architecture")
        );
        Self {
            path,
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64,
            content: Content::Built(bytes),
            control,
        }
    }

    /// A real package that was fetched when it was locked.
    pub fn locked(package: &LockedPackage, cache: &Cache) -> Self {
        let file = cached(cache, &package.sha256, package.size);
        let control = control(file).expect("a package file");
        Self {
            control: control.text("control").expect("text").to_owned(),
            path: package.path.clone(),
            sha256: package.sha256,
            size: package.size,
            content: Content::Cached,
        }
    }

    /// The name of the package.
    pub fn name(&self) -> &str {
        super::field(&self.control, "Package").expect("a field of the control file")
    }

    /// The architecture of the package.
    pub fn architecture(&self) -> &str {
        super::field(&self.control, "Architecture").expect("a field of the control file")
    }

    /// Writes the package file to its place below `root`.
    pub fn write(&self, root: &Path, cache: &Cache) {
        let path = root.join(&self.path);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directory of a pool");
        match &self.content {
            Content::Built(bytes) => std::fs::write(&path, bytes).expect("a package file"),
            Content::Cached => {
                let mut from = cached(cache, &self.sha256, self.size);
                let mut to = File::create(&path).expect("a package file");
                std::io::copy(&mut from, &mut to).expect("a package file");
            }
        }
    }

    /// The decoded payload of a real package, for those made from it.
    pub fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let file = cached(&shared_cache(), &self.sha256, self.size);
        dindimg::deb::archive::unpack(file, &mut payload).expect("a package file");
        payload
    }
}

fn cached(cache: &Cache, digest: &Digest, size: u64) -> File {
    let file = cache.open_blob(digest, size).expect("a sound cache");
    file.expect("locking fetched every package")
}

/// The cache that the tests share: what was downloaded once is not downloaded again.
pub fn shared_cache() -> Cache {
    Cache::open(&kept("cache")).expect("the shared cache")
}

/// The real packages that a recipe locks, solved by the product itself, once a run for each
/// `name`. The recipe is `source.toml` among `files`, which are written to a directory of that name.
pub fn closure(name: &str, files: &[(&str, String)]) -> Vec<Package> {
    static SOLVED: Mutex<BTreeMap<String, Vec<Package>>> = Mutex::new(BTreeMap::new());
    let mut solved = SOLVED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(packages) = solved.get(name) {
        return packages.clone();
    }
    let lock = solve(name, files);
    let cache = shared_cache();
    let packages: Vec<Package> = lock
        .packages
        .iter()
        .map(|package| Package::locked(package, &cache))
        .collect();
    solved.insert(name.to_owned(), packages.clone());
    packages
}

/// The lock that the product makes of the recipe `source.toml` among `files`. What it names is in
/// the shared cache, but for files that a mirror lists and no longer has.
pub fn solve(name: &str, files: &[(&str, String)]) -> Lock {
    let directory = kept("archives").join(name);
    std::fs::create_dir_all(&directory).expect("a directory for the recipe");
    for (file, text) in files {
        std::fs::write(directory.join(file), text).expect("a file of the recipe");
    }
    let recipe = directory.join("source.toml");
    // The mirror's copy of a security suite may lag behind the week it is valid for.
    dindimg(&[
        "lock".as_ref(),
        recipe.as_os_str(),
        "--update".as_ref(),
        "--allow-expired".as_ref(),
    ])
    .good();
    let text = std::fs::read_to_string(recipe.with_extension("lock")).expect("a lock");
    dindimg::lock::parse(&text).expect("a valid lock")
}
