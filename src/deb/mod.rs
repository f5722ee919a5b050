//! deb
#![allow(missing_docs)]

pub mod packages;
pub mod provider;
pub mod relation;
pub mod version;
