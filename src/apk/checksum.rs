//! What apk identifies packages and files by: `Q1` and a SHA-1, or `Q2` and a SHA-256, in base64.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use crate::digest::Digest;

/// A checksum in apk's notation. SHA-1 identifies, and proves nothing by itself: packages are
/// pinned by the SHA-256 of their whole file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checksum {
    /// `Q1`
    Sha1([u8; 20]),
    /// `Q2`
    Sha256([u8; 32]),
}

/// Why a text is not a [`Checksum`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither Q1 and a SHA-1 nor Q2 and a SHA-256 in base64")]
pub struct ChecksumError;

impl Checksum {
    /// The SHA-1 of `bytes`.
    pub fn sha1(bytes: &[u8]) -> Self {
        Self::Sha1(Sha1::digest(bytes).into())
    }

    /// The SHA-1 of everything that `input` gives.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn sha1_of(mut input: impl Read) -> io::Result<Self> {
        let mut hasher = Sha1::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match input.read(&mut buffer)? {
                0 => return Ok(Self::Sha1(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    }

    /// Whether `bytes` are what it is of.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Sha1(_) => *self == Self::sha1(bytes),
            Self::Sha256(sum) => Digest::of(bytes).hex() == hex::encode(sum),
        }
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, sum) = text.split_at_checked(2).ok_or(ChecksumError)?;
        let sum = STANDARD.decode(sum).map_err(|_| ChecksumError)?;
        match kind {
            "Q1" => sum.try_into().map(Self::Sha1).map_err(|_| ChecksumError),
            "Q2" => sum.try_into().map(Self::Sha256).map_err(|_| ChecksumError),
            _ => Err(ChecksumError),
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha1(sum) => write!(f, "Q1{}", STANDARD.encode(sum)),
            Self::Sha256(sum) => write!(f, "Q2{}", STANDARD.encode(sum)),
        }
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read_written_and_hold() {
        let one = Checksum::sha1(b"abc");
        assert_eq!(one.to_string(), "Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
        let two = "Q2ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        for text in [one.to_string().as_str(), two] {
            let sum: Checksum = text.parse().expect("a checksum");
            assert!(sum.is_of(b"abc") && !sum.is_of(b"abd"), "{text}");
            assert_eq!(sum.to_string(), text);
        }
        for text in ["", "Q1", "Q", "Q1?", "Q2qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "é"] {
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }
}
