//! What a consumer needs to trust and understand an image: bills of materials, provenance, and
//! signatures that cosign verifies. Everything is a function of image, recipe, lock and key: said
//! again, it has the same bytes.

pub mod artifact;
mod bill;
mod cyclonedx;
mod dsse;
mod key;
mod licence;
mod provenance;
mod spdx;
mod statement;

pub use bill::{Bill, Component};
pub use cyclonedx::cyclonedx;
pub use dsse::{BUNDLE, Envelope};
pub use key::{KeyError, PublicKey, SignError, Signer, SigningKey};
pub use licence::Licences;
pub use provenance::{BUILDER, provenance};
pub use spdx::spdx;
pub use statement::{Said, predicate, statement};
