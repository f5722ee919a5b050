//! Alpine's repositories: the one table of default hosts and keys, and what a recipe makes of it.

use std::collections::BTreeSet;
use std::io::Read as _;

use crate::fetch::{FetchError, Fetcher, Known, Sought};
use crate::recipe::{AlpineKey, KeySource, Recipe};

use super::super::repositories::{check_pins, mirrors as chosen, public};
use super::super::{FamilyError, KeyAddress, Mirrors, PackageSource, Repository, SourceKey};
use super::table;

/// The distribution's own mirror.
const MIRROR: &str = "https://dl-cdn.alpinelinux.org/alpine";
/// Where the distribution publishes its keys.
const KEYS: &str = "https://alpinelinux.org/keys";
/// Most bytes of a key file; RSA of 16,384 bits has 3,000.
const KEY_LIMIT: u64 = 16 << 10;
/// The distribution's keys that sign repositories of the architectures that images are built for,
/// each with the SHA-256 of its file: amd64 has the first three, the newest last, arm64 the others.
/// The distribution's package `alpine-keys` and the directory above have the same files.
const DISTRIBUTION: [(&str, &str); 5] = [
    (
        "alpine-devel@lists.alpinelinux.org-4a6a0840.rsa.pub",
        "9c102bcc376af1498d549b77bdbfa815ae86faa1d2d82f040e616b18ef2df2d4",
    ),
    (
        "alpine-devel@lists.alpinelinux.org-5261cecb.rsa.pub",
        "12f899e55a7691225603d6fb3324940fc51cd7f133e7ead788663c2b7eecb00c",
    ),
    (
        "alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub",
        "207e4696d3c05f7cb05966aee557307151f1f00217af4143c1bcaf33b8df733f",
    ),
    (
        "alpine-devel@lists.alpinelinux.org-58199dcc.rsa.pub",
        "73867d92083f2f8ab899a26ccda7ef63dfaa0032a938620eda605558958a8041",
    ),
    (
        "alpine-devel@lists.alpinelinux.org-616ae350.rsa.pub",
        "d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d",
    ),
];
/// What the names of the distribution's repositories begin with.
const OWN: &str = "alpine/";

/// The repositories of a recipe: those of the branch, then further ones.
pub(super) fn repositories(
    recipe: &Recipe,
    mirrors: &Mirrors,
) -> Result<Vec<Repository>, FamilyError> {
    let alpine = table(recipe)?;
    let branch = alpine.branch.as_str();
    let bases = chosen(&alpine.mirrors, &mirrors.alpine, MIRROR);
    let own_keys = match &alpine.keys {
        Some(keys) => keys.clone(),
        None => distribution_keys()?,
    };
    let mut repositories: Vec<Repository> = alpine
        .repositories
        .iter()
        .map(|name| {
            let base = |base: &String| format!("{base}/{branch}/{name}");
            repository(
                format!("{OWN}{branch}/{name}"),
                bases.iter().map(base).collect(),
                branch,
                name.as_str(),
                &own_keys,
            )
        })
        .collect();
    for further in &alpine.further {
        let name = further.name.as_str();
        if name.starts_with(OWN) || repositories.iter().any(|known| known.name == name) {
            return Err(FamilyError::Recipe(format!(
                "[[alpine.repository]] `{name}` has a name that is taken; give each repository its own, not below `{OWN}`"
            )));
        }
        let addresses = further.mirrors.iter().map(ToString::to_string).collect();
        let mut repository = repository(name.to_owned(), addresses, "", name, &further.keys);
        repository.tag = further.tagged.then(|| name.to_owned());
        repositories.push(repository);
    }
    check_pins(recipe, &repositories)?;
    Ok(repositories)
}

fn repository(
    name: String,
    mirrors: Vec<String>,
    suite: &str,
    component: &str,
    keys: &[AlpineKey],
) -> Repository {
    let mut certificates = Vec::new();
    let mut addresses = Vec::new();
    for key in keys {
        match &key.source {
            KeySource::File(bytes) => certificates.push((key.name.clone(), bytes.clone())),
            KeySource::Url(url) => addresses.push(KeyAddress {
                name: key.name.clone(),
                url: url.clone(),
                sha256: key.sha256,
            }),
        }
    }
    Repository {
        name,
        kind: "apk",
        mirrors,
        directory: None,
        snapshots: None,
        suite: suite.to_owned(),
        components: vec![component.to_owned()],
        priority: 0,
        only: BTreeSet::new(),
        tag: None,
        certificates,
        key_addresses: addresses,
        fingerprints: keys.iter().map(|key| key.sha256.to_string()).collect(),
        snapshot: None,
        archived: false,
        check_valid_until: true,
    }
}

fn distribution_keys() -> Result<Vec<AlpineKey>, FamilyError> {
    DISTRIBUTION
        .iter()
        .map(|(name, sha256)| {
            Ok(AlpineKey {
                name: (*name).to_owned(),
                source: KeySource::Url(format!("{KEYS}/{name}")),
                sha256: sha256.parse().map_err(|error| {
                    FamilyError::Recipe(format!("key {name} of the distribution: {error}"))
                })?,
            })
        })
        .collect()
}

/// The key files of a repository, by name.
pub(super) fn keys(
    repository: &Repository,
    fetcher: &Fetcher,
) -> Result<Vec<SourceKey>, FamilyError> {
    let sought: Vec<Sought> = repository
        .key_addresses
        .iter()
        .map(|key| Sought {
            subject: format!("key {} of {}", key.name, repository.name),
            mirrors: vec![key.url.clone()],
            known: Known::Digest {
                digest: key.sha256,
                limit: KEY_LIMIT,
            },
        })
        .collect();
    let found = fetcher.seek(&sought)?;
    let mut keys: Vec<SourceKey> = repository
        .certificates
        .iter()
        .map(|(name, bytes)| SourceKey {
            name: name.clone(),
            bytes: bytes.clone(),
        })
        .collect();
    for (key, found) in repository.key_addresses.iter().zip(found) {
        let cache = fetcher.cache();
        let opened = cache.open_blob(&found.digest, found.size);
        let mut bytes = Vec::new();
        let file = opened.map_err(FetchError::from)?;
        let read = file.map(|file| file.take(KEY_LIMIT).read_to_end(&mut bytes));
        if !matches!(read, Some(Ok(_))) {
            return Err(FamilyError::Metadata {
                subject: format!("key {}", key.name),
                message: "it left the cache while it was used; run again".to_owned(),
            });
        }
        keys.push(SourceKey {
            name: key.name.clone(),
            bytes,
        });
    }
    Ok(keys)
}

/// The repositories that apk in the image uses: the recipe's own, without this machine's mirrors.
/// The distribution's keys are in its own package.
pub(super) fn of_image(
    recipe: &Recipe,
    fetcher: &Fetcher,
) -> Result<Vec<PackageSource>, FamilyError> {
    let distribution_keys = table(recipe)?.keys.is_none();
    let mut sources = Vec::new();
    for repository in repositories(recipe, &Mirrors::default())? {
        let own = repository.name.starts_with(OWN);
        let reachable = |mirror: &&String| mirror.starts_with("http");
        // A directory of the machine that builds is nothing to a container.
        let default = || {
            own.then(|| {
                format!(
                    "{MIRROR}/{}/{}",
                    repository.suite,
                    repository.components.join("/")
                )
            })
        };
        let mirror = repository.mirrors.iter().find(reachable).cloned();
        let Some(mirror) = mirror.or_else(default) else {
            continue;
        };
        let keys = if own && distribution_keys {
            Vec::new()
        } else {
            keys(&repository, fetcher)?
        };
        sources.push(PackageSource {
            uri: public(&mirror)?,
            name: repository.name,
            suite: repository.suite,
            components: repository.components,
            certificates: Vec::new(),
            keys,
            tag: repository.tag,
            distribution_keys: own && distribution_keys,
            priority: repository.priority,
            check_valid_until: true,
        });
    }
    Ok(sources)
}
