//! The tables that tell the guest runtime how to behave: each a file with its keys as written, the
//! checked values, and the defaults. What they hold reaches an image as `config.env`, keys of
//! `daemon.json`, the image configuration and the label; `smoke` alone says how images are proven.

mod audit;
mod compose;
mod hardening;
mod health;
mod kind;
mod listen;
mod network;
mod run;
mod smoke;
mod storage;
mod tls;
mod values;

pub(super) use audit::RawAudit;
pub(super) use compose::RawCompose;
pub(super) use hardening::RawHardening;
pub(super) use health::RawHealth;
pub(super) use kind::RawKind;
pub(super) use listen::RawListen;
pub(super) use network::RawNetwork;
pub(super) use run::RawRun;
pub(super) use smoke::RawSmoke;
pub(super) use storage::RawStorage;
pub(super) use tls::RawTls;

pub use audit::Waiver;
pub use compose::Compose;
pub use hardening::Hardening;
pub use health::Health;
pub use kind::Kind;
pub use listen::Listen;
pub use network::{AddressPool, Network};
pub use run::Run;
pub use smoke::{PartialCell, Smoke};
pub use storage::Storage;
pub use tls::Tls;
pub use values::{
    DataSize, KeyMode, OpenFiles, Percent, SearchPath, SizeText, SubjectName, Subnet, Umask,
};

#[cfg(test)]
mod tests;
