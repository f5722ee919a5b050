//! Why something could not be fetched.

use std::fmt;
use std::io;
use std::time::Duration;

use super::CacheError;
use crate::digest::Digest;

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Setup(String),
    /// Not in the cache, and the network is not to be used.
    #[error(
        "offline, and not in the cache:{}\nrun once without --offline",
        lines(missing)
    )]
    Offline {
        /// The subjects, or the addresses of a document.
        missing: Vec<String>,
    },
    /// No address has the document.
    #[error("no such document:{}", lines(urls))]
    NotFound {
        /// Every address, without credentials.
        urls: Vec<String>,
    },
    /// Every mirror says that these files do not exist (any more), and no fallback gave them.
    #[error(
        "{} no longer on the mirrors:{}\nrefresh the lock file with `dindimg lock --update`",
        count(failures, "file is", "files are"),
        lines(failures)
    )]
    Gone {
        /// Each file with what every address said.
        failures: Vec<Failure>,
    },
    /// Some files could not be fetched, not all because they are gone.
    #[error(
        "cannot fetch {}:{}{}",
        count(failures, "file", "files"),
        lines(failures),
        way_out(failures)
    )]
    Failed {
        /// Each file with what every address said.
        failures: Vec<Failure>,
    },
}

/// One thing that no address gave.
#[derive(Debug)]
pub struct Failure {
    /// What was wanted, in the words of whoever wanted it.
    pub subject: String,
    /// What each address said, in the order they were asked.
    pub tries: Vec<Try>,
    /// Whether every mirror, fallbacks aside, says that it does not exist.
    pub gone: bool,
}

impl Failure {
    /// Whether a mirror gave other bytes than it should have.
    pub fn untrusted(&self) -> bool {
        let other = |attempt: &Try| {
            matches!(
                attempt.reason,
                Reason::Content { .. } | Reason::Size { .. } | Reason::Judged(_)
            )
        };
        self.tries.iter().any(other)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if self.tries.is_empty() {
            f.write_str("\n    no address is known for it")?;
        }
        for attempt in &self.tries {
            write!(f, "\n    {attempt}")?;
        }
        Ok(())
    }
}

/// How it went with one address.
#[derive(Debug)]
pub struct Try {
    /// The address, without credentials.
    pub url: String,
    /// Why it failed in the end.
    pub reason: Reason,
    /// How often it was asked.
    pub attempts: u32,
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.reason)?;
        if self.attempts > 1 {
            write!(f, " ({} attempts)", self.attempts)?;
        }
        Ok(())
    }
}

/// Why one address did not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// An answer that is not the file.
    #[error("HTTP status {0}")]
    Status(u16),
    /// No connection: name not known, refused, timed out, proxy in the way.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The server did not prove who it is.
    #[error("TLS failed: {0}")]
    Untrusted(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server fell silent.
    #[error("nothing came for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// The server keeps pointing elsewhere.
    #[error("redirected in a circle, or too often: {0}")]
    Redirects(String),
    /// The answer does not follow the protocol.
    #[error("unusable answer: {0}")]
    Protocol(String),
    /// The file ended early.
    #[error("cut short: {found} of {expected} bytes")]
    Truncated {
        /// The size it should have, in bytes.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The server has another number of bytes under this address.
    #[error("wrong size: expected {expected} bytes, the server has {found}")]
    Size {
        /// The size it should have, in bytes.
        expected: u64,
        /// What the server announced or sent.
        found: u64,
    },
    /// Other bytes than wanted.
    #[error("wrong content: expected {expected}, got {found}")]
    Content {
        /// What was wanted.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// Not what was wanted, by what the content says of itself.
    #[error("{0}")]
    Judged(String),
    /// More than this side reads.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(u64),
    /// Not an address that can be fetched from.
    #[error("not a usable address: {0}")]
    Address(String),
    /// A local file could not be read.
    #[error("cannot be read: {0}")]
    Local(io::Error),
}

impl Reason {
    /// Whether this says that there is no such file at the address.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Status(code) => matches!(code, 404 | 410),
            Self::Local(error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}

/// What to do where a host cannot be reached.
fn way_out(failures: &[Failure]) -> &'static str {
    let unreachable = |attempt: &Try| matches!(attempt.reason, Reason::Unreachable(_));
    if failures
        .iter()
        .any(|failure| failure.tries.iter().any(unreachable))
    {
        "\nname a mirror that can be reached (`mirrors` in the recipe, DINDIMG_DEBIAN_MIRROR, DINDIMG_ALPINE_MIRROR; a key can be a `file`), or use what is in the cache with --offline"
    } else {
        ""
    }
}

fn count<T>(items: &[T], one: &str, many: &str) -> String {
    match items.len() {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

fn lines<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
