//! `dindimg` assembles Docker-in-Docker images directly from signed distribution packages:
//! no daemon, no root, no chroot and no maintainer script executed.
//!
//! The road of the data, each arrow a function of its inputs (see `ARCHITECTURE.md`):
//!
//! ```text
//! recipe -> resolve -> lock -> fetch -> tree -> setup + guest -> layer -> oci -> registry
//! ```
//!
//! Dependencies between the modules point along that road only.

pub mod apk;
pub mod attest;
pub mod audit;
pub mod build;
pub mod cli;
pub mod deb;
pub mod deploy;
pub mod digest;
pub mod epoch;
pub mod family;
pub mod fetch;
pub mod guest;
pub mod harden;
pub mod lab;
pub mod layer;
pub mod level;
pub mod lock;
pub mod oci;
pub mod platform;
pub mod process;
pub mod progress;
pub mod recipe;
pub mod registry;
pub mod release;
pub mod resolve;
pub mod setup;
pub mod smoke;
pub mod solve;
mod text;
pub mod tree;
pub mod view;
