//! Keys, by whatever names them on the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;

use crate::attest::{KeyError, PublicKey, SignError, Signer, SigningKey};
use crate::process::{Command, Input};

/// A key in the environment, as cosign names it.
const ENVIRONMENT: &str = "env://";
/// A program that signs.
const PROGRAM: &str = "exec:";
/// Where the password of a private key is, as cosign has it.
const PASSWORD: &str = "COSIGN_PASSWORD";
/// A program may ask a key store that asks its user.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A key cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("key {name}: {source}")]
pub(super) struct KeyTrouble {
    name: String,
    source: KeyError,
}

/// A program that signs what it reads (PKCS #11, KMS): its standard output is the signature, in DER
/// or that in base64.
struct Program {
    command: String,
    public: PublicKey,
}

impl Signer for Program {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let fail = |reason: String| SignError(format!("{}: {reason}", self.command));
        let mut words = self.command.split_whitespace();
        let program = words.next().unwrap_or_default();
        let output = words
            .fold(Command::new(program), |command, word| command.arg(word))
            .input(Input::Bytes(message.to_vec()))
            .timeout(TIMEOUT)
            .output()
            .map_err(|error| fail(error.to_string()))?;
        if !output.status.success() {
            return Err(fail(output.complaint()));
        }
        // Tools wrap base64; what is none is DER.
        let bytes = output.stdout.iter().copied();
        let text: Vec<u8> = bytes.filter(|byte| !byte.is_ascii_whitespace()).collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        let signature = decoded.ok().filter(|der| !der.is_empty());
        let signature = signature.unwrap_or(output.stdout);
        if !self.public.verify(message, &signature) {
            return Err(fail(
                "its signature is not that of the public key".to_owned(),
            ));
        }
        Ok(signature)
    }

    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn repeats(&self) -> bool {
        false
    }
}

/// Who signs: a file or `env://NAME` with a private key, or `exec:PROGRAM` and its public key.
pub(super) fn signer(name: &str, public: Option<&Path>) -> Result<Box<dyn Signer>> {
    if let Some(command) = name.strip_prefix(PROGRAM) {
        let Some(path) = public else {
            bail!(
                "--key {name} wants --public-key FILE, the key that its signatures are verified with"
            );
        };
        return Ok(Box::new(Program {
            command: command.to_owned(),
            public: verifier(path)?,
        }));
    }
    let text = text(name)?;
    let password = std::env::var(PASSWORD).ok();
    let key = SigningKey::read(&text, password.as_deref().map(str::as_bytes));
    Ok(Box::new(key.map_err(|source| KeyTrouble {
        name: name.to_owned(),
        source,
    })?))
}

/// A public key out of a file.
pub(super) fn verifier(path: &Path) -> Result<PublicKey> {
    let name = path.display().to_string();
    let text = text(&name)?;
    PublicKey::read(&text).map_err(|source| KeyTrouble { name, source }.into())
}

/// Public keys out of files.
pub(super) fn verifiers(paths: &[PathBuf]) -> Result<Vec<PublicKey>> {
    paths.iter().map(|path| verifier(path)).collect()
}

fn text(name: &str) -> Result<String> {
    match name.strip_prefix(ENVIRONMENT) {
        Some(variable) => {
            std::env::var(variable).with_context(|| format!("key {name}: ${variable} is not set"))
        }
        None => {
            let path = PathBuf::from(name);
            std::fs::read_to_string(&path).with_context(|| format!("cannot read key {name}"))
        }
    }
}
