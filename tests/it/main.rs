#![allow(missing_docs)]

mod fetch;
mod keys;
mod peers;
mod readers;
mod support;
mod trust;
