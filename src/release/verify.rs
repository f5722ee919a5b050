//! Whether what a registry has is what somebody stands for.

use crate::attest::{PublicKey, Said, predicate};
use crate::progress::Reporter;
use crate::registry::{Reference, Registry, RegistryError};

use super::hearing::Hearing;
use super::published::{ImageError, Published, platform_of};

/// Why an image is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Nobody stands for it.
    #[error(
        "{subject} is not signed by this key; `dindimg sign --key` signs, and `cosign tree` shows what is there"
    )]
    Unsigned {
        /// The image, or one of its platforms.
        subject: String,
    },
    /// Something is not said.
    #[error("{subject}: this key has signed no {what} of it")]
    Silent {
        /// The image, or one of its platforms.
        subject: String,
        /// What is missing.
        what: &'static str,
    },
    /// Its tests failed.
    #[error("{subject}: its test results say {result}")]
    Failed {
        /// The image.
        subject: String,
        /// The result.
        result: String,
    },
}

/// A verified image.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The image that the reference leads to.
    pub image: Published,
    /// Each manifest and what of it is signed, in words.
    pub said: Vec<(String, Vec<&'static str>)>,
}

/// What statements are about, in words.
const WORDS: [(&str, &str); 4] = [
    (predicate::SPDX, "SPDX bill of materials"),
    (predicate::CYCLONEDX, "CycloneDX bill of materials"),
    (predicate::PROVENANCE, "provenance"),
    (predicate::TEST, "test results"),
];

/// Verifies an image, and of an index every manifest.
pub fn verify(
    registry: &Registry,
    reference: &Reference,
    key: &PublicKey,
    reporter: &dyn Reporter,
) -> Result<Verified, VerifyError> {
    let image = Published::read(registry, reference)?;
    let hearing = Hearing {
        registry,
        repository: &reference.repository,
        keys: std::slice::from_ref(key),
        reporter,
    };
    let mut said = Vec::new();
    for (position, subject) in image.subjects().into_iter().enumerate() {
        let name = match position {
            0 => reference.to_string(),
            _ => platform_of(subject),
        };
        let digest = &subject.digest;
        let mut kinds: Vec<Said> = hearing.attached(digest)?;
        kinds.retain(|one| one.subjects.contains(digest));
        let silent = |kind: &'static str| {
            let (_, what) = WORDS.iter().find(|(known, _)| *known == kind)?;
            (!kinds.iter().any(|said| said.kind == kind)).then(|| VerifyError::Silent {
                subject: name.clone(),
                what,
            })
        };
        let is_signed = kinds.iter().any(|one| one.kind == predicate::SIGNATURE);
        if !is_signed && !hearing.is_signed(digest)? {
            return Err(VerifyError::Unsigned { subject: name });
        }
        let mut wanted = Vec::new();
        if position == 0 {
            wanted.push(predicate::PROVENANCE);
        }
        if position > 0 || !image.is_index() {
            wanted.extend([predicate::SPDX, predicate::CYCLONEDX]);
        }
        if let Some(error) = wanted.into_iter().find_map(silent) {
            return Err(error);
        }
        let tests = kinds.iter().filter(|said| said.kind == predicate::TEST);
        for one in tests {
            if !one.has_passed() {
                return Err(VerifyError::Failed {
                    subject: name,
                    result: one.result().to_owned(),
                });
            }
        }
        let words = WORDS.iter().filter_map(|(kind, what)| {
            let is_said = kinds.iter().any(|said| said.kind == *kind);
            is_said.then_some(*what)
        });
        let words = words.collect();
        said.push((name, words));
    }
    Ok(Verified { image, said })
}
