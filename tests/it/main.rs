#![allow(missing_docs)]

mod engines;
mod images;
mod smoke;
