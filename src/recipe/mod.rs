//! Recipes: TOML text to a validated [`Recipe`], with errors that show the line. No network.

mod error;
mod keys;
mod load;
mod merge;
mod model;
mod raw;
pub mod suggest;
mod values;
mod words;

pub use error::RecipeError;
pub use keys::schema;
pub use load::{Source, load};
pub use model::{Debian, Distribution, ExtraRepository, LocalRepository, Pin, Recipe, Trust};
pub use raw::{Acknowledged, AllWord};
pub use values::{
    CompressionText, FingerprintText, MirrorUrl, PackageName, RelativePath, RepositoryName,
    SnapshotStamp, Word,
};
pub use words::{EnginePackage, InitKind, IptablesBackend, Profile, RunWait, StorageFallback};
