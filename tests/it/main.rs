#![allow(missing_docs)]

mod peers;
mod readers;
