//! Recipes: TOML text to a validated [`Recipe`], with errors that show the line. No network.

mod alpine;
mod artifact;
pub mod certificate;
mod content;
pub mod der;
mod error;
mod filter;
mod keys;
mod load;
mod merge;
mod model;
mod preload;
mod raw;
mod reference;
mod rules;
mod settings;
mod source;
pub mod suggest;
mod values;
mod variant;
mod words;

pub use alpine::{Alpine, AlpineKey, AlpineRepository, KeySource};
pub use artifact::{Artifact, Download, Member, Take};
pub use content::{
    AccountField, AccountName, AccountRef, Bytes, Content, DAEMON_UID, Entry, File, FileMode,
    FirstGroup, Found, Group, ImagePath, OwnerText, RegistryHost, User, reserved,
};
pub use error::RecipeError;
pub use filter::PathFilters;
pub use keys::schema;
pub use load::load;
pub use model::{
    Debian, Distribution, ExtraRepository, LocalRepository, Pin, Recipe, RecipeFile, Recipes, Trust,
};
pub use preload::{Origin, Preload};
pub use raw::{Acknowledged, AllWord};
pub use reference::reference;
pub use rules::AuditRule;
pub use settings::{
    AddressPool, Compose, DataSize, Hardening, Health, KeyMode, Kind, Listen, Network, OpenFiles,
    PartialCell, Percent, Run, SearchPath, SizeText, Smoke, Storage, SubjectName, Subnet, Tls,
    Umask, Waiver,
};
pub use source::Source;
pub use values::{
    CompressionText, FingerprintText, ImageName, MirrorUrl, PackageName, PathPattern, RelativePath,
    RepositoryName, SnapshotStamp, VariantName, Word,
};
pub use words::{
    CgroupNamespace, EnginePackage, HardeningLevel, InitKind, IptablesBackend, Ipv6, KeyKind,
    ListenTcp, LogDriver, Profile, RunWait, SmokeEngine, SmokeHost, SmokeMode, SmokeStorage,
    StorageDriver, StorageFallback, Userland,
};
