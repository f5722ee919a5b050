//! `[ca]`: certificates beside the recipe, checked before anything is built.

use std::collections::BTreeMap;

use crate::epoch::Epoch;

use super::super::certificate::{self, Certificate};
use super::super::error::RecipeError;
use super::super::load::beside;
use super::super::source::Source;
use super::super::values::RelativePath;
use super::at::At;
use super::raw::RawCa;
use super::values::{FileMode, ImagePath, OwnerText};
use super::{Bytes, Content, Entry, File};

/// Where update-ca-certificates(8) looks for certificates of an administrator.
const LOCAL: &str = "/usr/local/share/ca-certificates";
/// Where Docker looks for the certificates of one registry.
const REGISTRIES: &str = "/etc/docker/certs.d";

/// Reads every certificate `raw` names into `content`.
pub(super) fn read(
    raw: RawCa,
    source: &dyn Source,
    content: &mut Content,
) -> Result<(), RecipeError> {
    for named in raw.bundle.unwrap_or_default() {
        let (text, certificates) = open(&named, source, &mut content.ends)?;
        // The directory that OpenSSL searches by hash takes files of one certificate only.
        let files = match &certificates[..] {
            [_] => vec![(stem(&named.value), text)],
            several => several
                .iter()
                .enumerate()
                .map(|(number, one)| {
                    let name = format!("{}-{}", stem(&named.value), number + 1);
                    (name, one.pem.clone())
                })
                .collect(),
        };
        for (name, text) in files {
            let place = format!("{LOCAL}/{name}.crt");
            put(&named, source, &mut content.authorities, &place, text)?;
        }
    }
    for (host, list) in raw.registries.0 {
        for named in list {
            let (text, _) = open(&named, source, &mut content.ends)?;
            let place = format!("{REGISTRIES}/{host}/{}.crt", stem(&named.value));
            put(&named, source, &mut content.files, &place, text)?;
        }
    }
    Ok(())
}

fn open(
    named: &At<RelativePath>,
    source: &dyn Source,
    ends: &mut BTreeMap<String, Epoch>,
) -> Result<(String, Vec<Certificate>), RecipeError> {
    let path = beside(named.recipe(), &named.value);
    let fail = |why: &str| named.error(source, &format!("{} {why}", path.display()));
    let bytes = source
        .read(&path)
        .map_err(|error| fail(&format!("cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| fail("is not text; convert it to PEM: `openssl x509 -inform DER`"))?;
    let certificates = certificate::read(&text).map_err(|why| fail(&why))?;
    if let Some(end) = certificates.iter().map(|one| one.not_after).min() {
        ends.insert(path.display().to_string(), end);
    }
    Ok((text, certificates))
}

/// The name of a certificate's file without directory and ending.
fn stem(path: &RelativePath) -> String {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let stem = [".crt", ".pem", ".cer"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    stem.unwrap_or(name).to_owned()
}

fn put(
    named: &At<RelativePath>,
    source: &dyn Source,
    files: &mut BTreeMap<ImagePath, File>,
    place: &str,
    text: String,
) -> Result<(), RecipeError> {
    let path: ImagePath = place
        .parse()
        .map_err(|message: String| named.error(source, &message))?;
    let file = File {
        entry: Entry::Certificate(Bytes::new(text.into_bytes())),
        owner: OwnerText::root(),
        mode: FileMode(0o644),
        replace: false,
    };
    if files.contains_key(&path) {
        let message = format!("{path} is placed already; give the files names of their own");
        return Err(named.error(source, &message));
    }
    files.insert(path, file);
    Ok(())
}
