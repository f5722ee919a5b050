//! Statements that others have made, which are judged before anything is sent.

use crate::attest::{Said, predicate};
use crate::digest::Digest;

use super::Statement;

/// Why a statement is not what it is given for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// Something else.
    #[error("{0} is no in-toto statement")]
    Unreadable(String),
    /// A statement of another kind.
    #[error(
        "{name} is no test results but {kind}; `dindimg smoke --report NAME.intoto.json` writes them"
    )]
    Kind {
        /// The file.
        name: String,
        /// Its predicate type.
        kind: String,
    },
    /// Tests that failed.
    #[error("the test results in {name} are {result}: nothing is published")]
    Failed {
        /// The file.
        name: String,
        /// Their result.
        result: String,
    },
    /// Of something else.
    #[error(
        "{name} is of another image, not of {image}; make it of this one, with `dindimg smoke` for example"
    )]
    Foreign {
        /// The file.
        name: String,
        /// The image.
        image: String,
    },
}

/// A statement out of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    name: String,
    bytes: Vec<u8>,
    said: Said,
}

impl Given {
    /// Reads a statement. Tests that did not pass are nothing to sign.
    pub fn read(name: &str, bytes: Vec<u8>) -> Result<Self, GivenError> {
        let name = name.to_owned();
        let Some(said) = Said::read(&bytes) else {
            return Err(GivenError::Unreadable(name));
        };
        if said.kind == predicate::TEST && !said.has_passed() {
            let result = said.result().to_owned();
            return Err(GivenError::Failed { name, result });
        }
        Ok(Self { name, bytes, said })
    }

    /// What it says, if it is test results and of `whole`.
    pub fn tests_of(self, whole: Digest) -> Result<Said, GivenError> {
        if self.said.kind != predicate::TEST {
            let kind = self.said.kind;
            return Err(GivenError::Kind {
                name: self.name,
                kind,
            });
        }
        match self.said.subjects.contains(&whole) {
            true => Ok(self.said),
            false => Err(self.foreign(&whole.to_string())),
        }
    }

    /// Fails unless it is of one of `digests`, the parts of `image`.
    pub fn check_of(&self, image: &str, digests: &[Digest]) -> Result<(), GivenError> {
        match digests.iter().any(|digest| self.is_of(digest)) {
            true => Ok(()),
            false => Err(self.foreign(image)),
        }
    }

    /// Whether it says something of `digest`.
    pub fn is_of(&self, digest: &Digest) -> bool {
        self.said.subjects.contains(digest)
    }

    /// The statement, byte by byte.
    pub fn statement(&self) -> Statement {
        Statement {
            kind: self.said.kind.clone(),
            bytes: self.bytes.clone(),
        }
    }

    fn foreign(&self, image: &str) -> GivenError {
        GivenError::Foreign {
            name: self.name.clone(),
            image: image.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(kind: &str, result: &str, subject: Digest) -> Vec<u8> {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "x", "digest": { "sha256": subject.hex() } }],
            "predicateType": kind,
            "predicate": { "result": result },
        });
        statement.to_string().into_bytes()
    }

    #[test]
    fn only_tests_that_passed_of_this_image_are_taken() {
        let (image, other) = (Digest::of("a"), Digest::of("b"));
        let read = |bytes| Given::read("t.json", bytes);
        let error = read(b"{}".to_vec()).expect_err("no statement");
        assert_eq!(error, GivenError::Unreadable("t.json".to_owned()));
        let failed = read(file(predicate::TEST, "FAILED", image)).expect_err("failed");
        assert!(failed.to_string().contains("are FAILED"), "{failed}");
        // Only tests have results.
        let kind = "https://example.com/scan/v1";
        let scan = read(file(kind, "FAILED", image)).expect("a statement");
        assert!(scan.check_of("x", &[other, image]).is_ok());
        let error = scan.clone().tests_of(image).expect_err("no tests");
        assert!(error.to_string().contains(kind), "{error}");
        let error = scan.check_of("x", &[other]).expect_err("of another");
        assert!(
            error.to_string().contains("of another image, not of x"),
            "{error}"
        );
        let tests = read(file(predicate::TEST, "WARNED", image)).expect("a statement");
        assert!(tests.clone().tests_of(image).is_ok());
        assert!(tests.tests_of(other).is_err());
    }
}
