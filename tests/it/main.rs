#![allow(missing_docs)]
mod closure;
