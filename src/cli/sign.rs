//! `dindimg sign`

use std::path::Path;

use anyhow::{Context as _, Result};
use indicatif::HumanBytes;
use serde_json::json;

use crate::release::{Given, Published, Publisher};

use super::args::{Common, Sign};
use super::context::Session;
use super::output::Output;
use super::{keys, publish};

pub(super) fn run(arguments: &Sign, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    let signer = keys::signer(&arguments.key, arguments.public_key.as_deref())?;
    let given = arguments.statement.iter().map(|path| read(path));
    let given = given.collect::<Result<Vec<_>>>()?;
    let registry = publish::registry(&arguments.access, &session)?;
    let image = Published::read(&registry, &arguments.image)?;
    let publisher = Publisher {
        registry: &registry,
        signer: Some(signer.as_ref()),
        reporter: &session.reporter,
    };
    let sent = publisher.sign(&image, &given)?;
    output.say(&format!(
        "{}: signed; {} of {} signatures and statements sent, {}",
        image.reference(),
        sent.sent,
        sent.sent + sent.present,
        HumanBytes(sent.bytes),
    ));
    output.object(&json!({
        "image": arguments.image.to_string(),
        "repository": image.repository.to_string(),
        "digest": image.top.digest,
        "attachments": publish::attachments(&sent),
    }));
    Ok(())
}

/// A statement that is to be signed or published.
pub(super) fn read(path: &Path) -> Result<Given> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read statement {name}"))?;
    Ok(Given::read(&name, bytes)?)
}
