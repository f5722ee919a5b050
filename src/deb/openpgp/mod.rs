//! Signed files of a Debian archive: from bytes that anyone may have written to text that a pinned
//! key vouches for.
//!
//! ```text
//! InRelease ──────────► armor ──► verify ──► Verified { text, signers, signed_at }
//! Release + Release.gpg ──────────►  ▲
//! key files ──► keyring ──► pin ─────┘ certificate: may this key sign at that time?
//! ```
//!
//! Nothing here reads a clock, a file or the network. Verified text is the only thing a caller
//! gets; the bytes outside it never leave this room.

mod armor;
mod certificate;
mod error;
mod fingerprint;
mod keyring;
mod verify;

#[cfg(test)]
mod tests;

pub use certificate::Defect;
pub use error::{Reason, Rejected, TrustError};
pub use fingerprint::{Fingerprint, FingerprintParseError};
pub use keyring::Keyring;
pub use verify::{SigningTime, Verified, verify_detached, verify_inline};
