//! Files of which digest or size is not known beforehand: keys and downloads that a recipe pins by
//! digest alone, packages that an index names by a part of their content.

use std::fs::File;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::{Cache, CacheError, Stored, Validators};
use super::client::{Fetcher, Wanted};
use super::error::FetchError;
use super::options::FILE_LIMIT;
use crate::digest::Digest;

/// Says why a whole file, read from its start, is not the one that is wanted.
pub type Judge = Arc<dyn Fn(File) -> Result<(), String> + Send + Sync>;

/// A file that is looked for.
#[derive(Clone)]
pub struct Sought {
    /// What to call it in messages.
    pub subject: String,
    /// Where it should be, in the order to ask.
    pub mirrors: Vec<String>,
    /// What is known of it.
    pub known: Known,
}

/// What is known of a file.
#[derive(Clone)]
pub enum Known {
    /// Its digest, and the most bytes it may have.
    Digest {
        /// The digest.
        digest: Digest,
        /// The limit in bytes.
        limit: u64,
    },
    /// Its size in bytes, and a way to tell it from others. `name` stands for what `judge` asks: the
    /// cache remembers by it which file was accepted.
    Size {
        /// The size.
        size: u64,
        /// The name of the judgement.
        name: Digest,
        /// The judgement.
        judge: Judge,
    },
}

/// A file of the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl Fetcher {
    /// Brings every file into the cache, as [`Fetcher::fetch_all`] does; what was found is in the
    /// order of `sought`.
    ///
    /// # Errors
    /// As [`Fetcher::fetch_all`].
    pub fn seek(&self, sought: &[Sought]) -> Result<Vec<Found>, FetchError> {
        let mut found: Vec<Option<Found>> = Vec::with_capacity(sought.len());
        let mut missing = Vec::new();
        for one in sought {
            let goal = Goal::from(one.clone());
            let present = goal.present(&self.cache)?;
            if present.is_none() {
                missing.push(goal);
            }
            found.push(present);
        }
        let mut brought = self.bring(missing)?.into_iter();
        Ok(found
            .into_iter()
            .filter_map(|present| present.or_else(|| brought.next()))
            .collect())
    }
}

/// What proves that a file is the right one.
#[derive(Clone)]
pub(super) enum Proof {
    Digest(Digest),
    Judge(Judge),
}

/// A file to bring, whatever is known of it.
#[derive(Clone)]
pub(super) struct Goal {
    pub subject: String,
    pub mirrors: Vec<String>,
    pub fallbacks: Vec<String>,
    /// What its download and its part on disk go by.
    pub key: Digest,
    pub size: Option<u64>,
    /// Most bytes that are read where the size is not known.
    pub limit: u64,
    pub proof: Proof,
}

impl From<Wanted> for Goal {
    fn from(wanted: Wanted) -> Self {
        Self {
            subject: wanted.subject,
            mirrors: wanted.mirrors,
            fallbacks: wanted.fallbacks,
            key: wanted.digest,
            size: Some(wanted.size),
            limit: FILE_LIMIT,
            proof: Proof::Digest(wanted.digest),
        }
    }
}

impl From<Sought> for Goal {
    fn from(sought: Sought) -> Self {
        let (key, size, limit, proof) = match sought.known {
            Known::Digest { digest, limit } => (digest, None, limit, Proof::Digest(digest)),
            Known::Size { size, name, judge } => {
                (name, Some(size), FILE_LIMIT, Proof::Judge(judge))
            }
        };
        Self {
            subject: sought.subject,
            mirrors: sought.mirrors,
            fallbacks: Vec::new(),
            key,
            size,
            limit: limit.min(FILE_LIMIT),
            proof,
        }
    }
}

impl Goal {
    pub fn addresses(&self) -> impl Iterator<Item = &String> {
        self.mirrors.iter().chain(&self.fallbacks)
    }

    /// The file, where the cache has it. What was accepted by a judgement is judged again: its
    /// digest alone says only that it is what was stored.
    pub fn present(&self, cache: &Cache) -> Result<Option<Found>, CacheError> {
        match (&self.proof, self.size) {
            (Proof::Digest(digest), Some(size)) => {
                let there = cache.has_blob(digest, size)?;
                Ok(there.then_some(Found {
                    digest: *digest,
                    size,
                }))
            }
            (Proof::Digest(digest), None) => {
                let size = cache.blob_size(digest)?;
                Ok(size.map(|size| Found {
                    digest: *digest,
                    size,
                }))
            }
            (Proof::Judge(judge), _) => {
                let Some(found) = self.remembered(cache)? else {
                    return Ok(None);
                };
                let file = cache.open_blob(&found.digest, found.size)?;
                Ok(file.and_then(|file| judge(file).ok().map(|()| found)))
            }
        }
    }

    /// Notes which file was accepted.
    pub fn remember(&self, cache: &Cache, found: Found) -> Result<(), CacheError> {
        let Proof::Judge(_) = self.proof else {
            return Ok(());
        };
        // A digest and a number: writing them into memory cannot fail.
        let bytes = serde_json::to_vec(&found).unwrap_or_default();
        let validators = Validators::default();
        cache.put_document(&self.note(), &Stored { validators, bytes })
    }

    fn remembered(&self, cache: &Cache) -> Result<Option<Found>, CacheError> {
        let note = cache.document(&self.note())?;
        Ok(note.and_then(|note| serde_json::from_slice(&note.bytes).ok()))
    }

    fn note(&self) -> String {
        format!("judged:{}", self.key.hex())
    }
}
