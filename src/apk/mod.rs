//! Formats of the Alpine family: parsers over bytes, version order, signatures. Nothing here
//! fetches or writes.

pub mod checksum;
pub mod index;
pub mod keys;
pub mod members;
pub mod package;
pub mod provider;
pub mod relation;
pub mod version;

pub use keys::TrustError;
