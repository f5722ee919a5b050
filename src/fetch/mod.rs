//! Getting files and keeping them: an HTTP client with mirrors, retries and resumption over a
//! content-addressed cache.
//!
//! Two kinds of things come from the network. A **file** is known by digest and size before it
//! is asked for ([`Fetcher::fetch_all`]); whatever a server answers, nothing but those bytes
//! enters the cache. Where only one of the two is known the rest is found out ([`Fetcher::seek`]).
//! A **document** may change under its address ([`Fetcher::document`]); its
//! trust comes from the signature that the caller checks.
//!
//! The network is used inside this module only; its public interface is synchronous.

mod attempts;
mod cache;
mod client;
mod document;
mod error;
mod http;
mod options;
mod seek;
mod transfer;

pub use cache::{
    Bucket, Cache, CacheError, Derived, Difference, Entry, Info, Pending, Prune, Sealed, Sealing,
    UNSAFE_MODE, Usage,
};
pub use client::{Fetcher, Wanted};
pub use document::{Document, Validity};
pub use error::{Failure, FetchError, Reason, Try};
pub use options::{
    BACKOFF_CAP, DOCUMENT_LIMIT, FILE_LIMIT, FetchOptions, REDIRECT_LIMIT, RETRY_AFTER_CAP,
};
pub use seek::{Found, Judge, Known, Sought};
