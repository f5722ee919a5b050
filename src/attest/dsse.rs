//! Signed statements: DSSE envelopes (secure-systems-lab/dsse, envelope.md and protocol.md), and the
//! bundles that carry them (sigstore protobuf-specs, Bundle v0.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::{PublicKey, SignError, Signer};

/// Payload type of in-toto statements.
const PAYLOAD: &str = "application/vnd.in-toto+json";
/// Media type of a bundle.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a statement.
    pub fn sign(statement: &[u8], signer: &dyn Signer) -> Result<Self, SignError> {
        let signature = signer.sign(&encoded(PAYLOAD, statement))?;
        Ok(Self {
            payload: BASE64.encode(statement),
            payload_type: PAYLOAD.to_owned(),
            signatures: vec![Signature {
                keyid: String::new(),
                sig: BASE64.encode(signature),
            }],
        })
    }

    /// The statement, if one of the signatures is this key's.
    pub fn open(&self, key: &PublicKey) -> Option<Vec<u8>> {
        let payload = BASE64.decode(&self.payload).ok()?;
        let signed = encoded(&self.payload_type, &payload);
        let holds = |one: &Signature| {
            let signature = BASE64.decode(&one.sig);
            signature.is_ok_and(|signature| key.verify(&signed, &signature))
        };
        let trusted = self.payload_type == PAYLOAD && self.signatures.iter().any(holds);
        trusted.then_some(payload)
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }

    /// A bundle with this envelope and the key that it is verified with.
    pub fn bundle(&self, key: &PublicKey) -> Vec<u8> {
        let bundle = json!({
            "mediaType": BUNDLE,
            "verificationMaterial": { "publicKey": { "hint": BASE64.encode(key.id()) } },
            "dsseEnvelope": self,
        });
        bundle.to_string().into_bytes()
    }

    /// The envelope of a bundle, or one by itself.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut value: Value = serde_json::from_slice(bytes).ok()?;
        let envelope = match value.get_mut("dsseEnvelope") {
            Some(inner) => inner.take(),
            None => value,
        };
        serde_json::from_value(envelope).ok()
    }
}

/// The pre-authentication encoding: what is signed (protocol.md, "Signature Definition").
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::super::key::SigningKey;
    use super::super::key::tests::PEM;
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_opens_with_its_key_and_unchanged_alone() {
        let key = SigningKey::read(PEM, None).expect("a key");
        let envelope = Envelope::sign(b"{}", &key).expect("signed");
        assert_eq!(envelope.open(key.public()).as_deref(), Some(&b"{}"[..]));
        let bundle = envelope.bundle(key.public());
        assert_eq!(Envelope::read(&bundle), Some(envelope.clone()));
        assert_eq!(Envelope::read(&envelope.bytes()), Some(envelope.clone()));
        let mut other = envelope.clone();
        other.payload = BASE64.encode("{ }");
        assert_eq!(other.open(key.public()), None);
        other = envelope;
        other.payload_type = "text/plain".to_owned();
        assert_eq!(other.open(key.public()), None);
    }
}
