#![allow(missing_docs)]

mod keys;
mod support;
mod trust;
