//! in-toto statements (in-toto attestation framework v1, spec/v1/statement.md): something said of
//! content that is known by its digest.

use serde_json::{Value, json};

use crate::digest::Digest;

/// Type of a statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Predicate types.
pub mod predicate {
    /// An SPDX document (in-toto, spec/predicates/spdx.md).
    pub const SPDX: &str = "https://spdx.dev/Document";
    /// A CycloneDX document (in-toto, spec/predicates/cyclonedx.md).
    pub const CYCLONEDX: &str = "https://cyclonedx.org/bom";
    /// Provenance (slsa.dev/spec/v1.0/provenance).
    pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
    /// Results of tests (in-toto, spec/predicates/test-result.md).
    pub const TEST: &str = "https://in-toto.io/attestation/test-result/v0.1";
    /// That somebody stands for the content, as cosign has it since version 3.
    pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
}

/// A statement about `subjects`, each a name and a digest.
pub fn statement(subjects: &[(String, Digest)], kind: &str, predicate: &Value) -> Vec<u8> {
    let subjects: Vec<Value> = subjects
        .iter()
        .map(|(name, digest)| json!({ "name": name, "digest": { "sha256": digest.hex() } }))
        .collect();
    let statement = json!({
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": kind,
        "predicate": predicate,
    });
    statement.to_string().into_bytes()
}

/// What a statement says, once its signature is known to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Its predicate type.
    pub kind: String,
    /// The digests it is about.
    pub subjects: Vec<Digest>,
    /// The predicate.
    pub predicate: Value,
}

impl Said {
    /// Reads a statement; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        // cosign 2 writes version 0.1, which differs in the name of its type alone.
        value["_type"]
            .as_str()?
            .strip_prefix("https://in-toto.io/Statement/v")?;
        let subjects = value["subject"].as_array()?.iter();
        let subjects = subjects.filter_map(|one| one["digest"]["sha256"].as_str()?.parse().ok());
        Some(Self {
            kind: value["predicateType"].as_str()?.to_owned(),
            subjects: subjects.collect(),
            predicate: value["predicate"].clone(),
        })
    }

    /// The result of tests, as [`predicate::TEST`] has it.
    pub fn result(&self) -> &str {
        self.predicate["result"].as_str().unwrap_or("nothing")
    }

    /// Whether tests passed, with warnings or without.
    pub fn has_passed(&self) -> bool {
        ["PASSED", "WARNED"].contains(&self.result())
    }
}
