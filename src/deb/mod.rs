//! Formats of the Debian family: parsers over bytes, version order, signatures.

pub mod archive;
