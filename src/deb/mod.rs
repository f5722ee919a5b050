//! Formats of the Debian family: parsers over bytes, version order, signatures. Nothing here
//! fetches or writes.

mod ar;
pub mod archive;
pub mod decompress;
pub mod freshness;
pub mod keys;
pub mod openpgp;
pub mod packages;
pub mod provider;
pub mod relation;
mod release;
pub mod version;

pub use freshness::{Archive, Freshness, FreshnessError, MAX_CLOCK_SKEW};
pub use openpgp::{Fingerprint, Keyring, TrustError, Verified};
pub use release::{FileEntry, IndexCompression, IndexFile, Release, ReleaseError};
