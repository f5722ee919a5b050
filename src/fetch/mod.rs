//! Getting files and keeping them.

mod cache;

pub use cache::{
    Bucket, Cache, CacheError, Derived, Difference, Entry, Info, Pending, Prune, UNSAFE_MODE, Usage,
};
