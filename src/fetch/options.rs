//! How the network is used, and its limits.

use std::time::Duration;

/// Largest document read into memory, in bytes. The `InRelease` of Debian's largest suite has a
/// quarter of a megabyte; every index it names is fetched as a file instead.
pub const DOCUMENT_LIMIT: u64 = 16 << 20;

/// Largest file fetched, in bytes. Sizes come from signed indexes, but the signer of an extra
/// repository should not be able to fill the disk. The largest package in Debian has 1.5 GB.
pub const FILE_LIMIT: u64 = 4 << 30;

/// Most redirections followed for one request. Mirror directors use one or two.
pub const REDIRECT_LIMIT: usize = 10;

/// Longest delay between two attempts that this side chooses.
pub const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// Longest delay that a server's `Retry-After` is obeyed for: beyond, another mirror or a later
/// run serves the user better.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(60);

/// How the network is used.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Use only what is in the cache, and `file:` addresses.
    pub offline: bool,
    /// Files downloaded at once; zero counts as one.
    pub jobs: usize,
    /// Attempts for each address before the next is tried; zero counts as one.
    pub attempts: u32,
    /// Delay before the second attempt; it doubles with each, up to [`BACKOFF_CAP`].
    pub backoff: Duration,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a server may be silent, before its answer or within it.
    pub read_timeout: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            offline: false,
            // Enough to hide the latency of small packages; more is taken for abuse by some
            // mirrors.
            jobs: 8,
            attempts: 5,
            backoff: Duration::from_millis(500),
            user_agent: concat!("dindimg/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(30),
        }
    }
}
