//! SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3, and its schema).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::bill::{Bill, Component, TOOL, VERSION};

const NONE: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
/// The files of no package, as a package: one that contains files is known by all of them.
const OWN: &str = "SPDXRef-Own";

/// The document: the same bytes for the same image.
pub fn spdx(bill: &Bill<'_>) -> Vec<u8> {
    let ids = ids(&bill.components);
    let mut packages = vec![image(bill)];
    let mut relationships = vec![related(DOCUMENT, "DESCRIBES", IMAGE)];
    let mut extracted = BTreeMap::new();
    for (component, id) in bill.components.iter().zip(&ids) {
        packages.push(package(component, id));
        relationships.push(related(IMAGE, "CONTAINS", id));
        for needed in &component.depends {
            let found = bill.components.iter().position(|one| one.name == *needed);
            if let Some(found) = found {
                relationships.push(related(id, "DEPENDS_ON", &ids[found]));
            }
        }
        extracted.extend(component.licences.references.clone());
    }
    if !bill.files.is_empty() {
        packages.push(own(bill));
        relationships.push(related(IMAGE, "CONTAINS", OWN));
    }
    let mut files = Vec::new();
    for (path, file) in bill.files {
        let id = format!("SPDXRef-File-{}", &file_id(path));
        relationships.push(related(OWN, "CONTAINS", &id));
        files.push(json!({
            "SPDXID": id,
            "fileName": format!("./{path}"),
            "checksums": [
                { "algorithm": "SHA1", "checksumValue": file.sha1 },
                { "algorithm": "SHA256", "checksumValue": file.sha256.hex() },
            ],
            "licenseConcluded": NONE,
            "copyrightText": NONE,
            "comment": file.origin.words(),
        }));
    }
    let extracted: Vec<Value> = extracted
        .into_iter()
        .map(|(id, name)| {
            json!({
                "licenseId": id,
                "name": name,
                "extractedText": format!("See the copyright file of the package, which calls it {name:?}."),
            })
        })
        .collect();
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": format!("{} {}", bill.name, bill.platform),
        "documentNamespace": format!("https://spdx.org/spdxdocs/{}-{}", bill.name, bill.digest.hex()),
        "creationInfo": {
            "created": bill.created.to_string(),
            "creators": [format!("Tool: {TOOL}-{VERSION}")],
        },
        "packages": packages,
        "files": files,
        "relationships": relationships,
        "hasExtractedLicensingInfos": extracted,
    });
    document.to_string().into_bytes()
}

fn image(bill: &Bill<'_>) -> Value {
    json!({
        "SPDXID": IMAGE,
        "name": bill.name,
        "versionInfo": bill.version,
        "downloadLocation": NONE,
        "filesAnalyzed": false,
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{ "algorithm": "SHA256", "checksumValue": bill.digest.hex() }],
        "externalRefs": [purl(&bill.purl())],
        "licenseConcluded": NONE,
        "licenseDeclared": NONE,
        "copyrightText": NONE,
        "comment": format!("{} {} for {}", bill.distribution.0, bill.distribution.1, bill.platform),
    })
}

fn own(bill: &Bill<'_>) -> Value {
    let mut digests: Vec<&str> = bill.files.values().map(|file| file.sha1.as_str()).collect();
    digests.sort_unstable();
    json!({
        "SPDXID": OWN,
        "name": format!("{}-content", bill.name),
        "versionInfo": VERSION,
        "downloadLocation": NONE,
        "filesAnalyzed": true,
        // SPDX 2.3, 7.9: of the digests of its files, sorted and joined.
        "packageVerificationCode": {
            "packageVerificationCodeValue": hex::encode(Sha1::digest(digests.concat())),
        },
        "licenseConcluded": NONE,
        "licenseDeclared": NONE,
        "copyrightText": NONE,
        "comment": "guest runtime of dindimg, and content of the recipe",
    })
}

fn package(component: &Component, id: &str) -> Value {
    let licence = component.licences.expression.as_deref().unwrap_or(NONE);
    let supplier = component.supplier.as_ref();
    let mut package = json!({
        "SPDXID": id,
        "name": component.name,
        "supplier": supplier.map_or_else(|| NONE.to_owned(), |name| format!("Organization: {name}")),
        "downloadLocation": component.url.as_deref().unwrap_or(NONE),
        "filesAnalyzed": false,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": component.sha256.hex() }],
        "sourceInfo": component.origin,
        "licenseConcluded": NONE,
        "licenseDeclared": licence,
        "copyrightText": NONE,
    });
    if !component.version.is_empty() {
        package["versionInfo"] = json!(component.version);
    }
    if let Some(url) = &component.purl {
        package["externalRefs"] = json!([purl(url)]);
    }
    package
}

fn purl(url: &str) -> Value {
    json!({
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": url,
    })
}

fn related(from: &str, how: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": how, "relatedSpdxElement": to })
}

/// An identifier for each component: letters, digits, dots and hyphens (2.3, 3.2), and the
/// position where two would be one.
fn ids(components: &[Component]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let id = |component: &Component| {
        let id = format!("SPDXRef-Package-{}", plain(&component.name));
        let times = seen.entry(id.clone()).and_modify(|times| *times += 1);
        match *times.or_insert(0) {
            0 => id,
            times => format!("{id}-{times}"),
        }
    };
    components.iter().map(id).collect()
}

/// A path as a part of an identifier, told apart from others by its digest.
fn file_id(path: &str) -> String {
    let digest = crate::digest::Digest::of(path).hex();
    format!("{}-{}", plain(path), &digest[..8])
}

fn plain(text: &str) -> String {
    let legal = |c: char| match c.is_ascii_alphanumeric() || c == '.' {
        true => c,
        false => '-',
    };
    text.chars().map(legal).collect()
}
