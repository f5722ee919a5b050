#![allow(missing_docs)]

mod fetch;
