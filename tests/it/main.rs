#![allow(missing_docs)]

mod keys;
mod peers;
mod readers;
mod support;
mod trust;
