//! What is said of an image and of each of its platforms.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::attest::artifact::kind;
use crate::attest::{Bill, cyclonedx, predicate, provenance, spdx, statement};
use crate::build::{Inventory, TagData};
use crate::digest::Digest;
use crate::oci::Descriptor;

use super::Release;

/// What is said of one manifest or index.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The manifest or index.
    pub subject: Descriptor,
    /// Documents by their media types, as they are.
    pub documents: Vec<(&'static str, Vec<u8>)>,
    /// Statements to be signed.
    pub statements: Vec<Statement>,
}

/// A statement about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its predicate type.
    pub kind: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Statement {
    fn of(subjects: &[(String, Digest)], kind: &str, predicate: &Value) -> Self {
        Self {
            kind: kind.to_owned(),
            bytes: statement(subjects, kind, predicate),
        }
    }

    /// That whoever signs it stands for `digest`.
    pub(super) fn signature(repository: &str, digest: Digest) -> Self {
        let named = [(repository.to_owned(), digest)];
        let empty = Value::Object(serde_json::Map::new());
        Self::of(&named, predicate::SIGNATURE, &empty)
    }
}

/// Of the index and then of each platform's manifest; of the one manifest where there is no index.
pub(super) fn of(release: &Release<'_>) -> Vec<Dossier> {
    let set = &release.built.set;
    let repository = release.push.repository.to_string();
    let version = TagData::of(
        release.recipe,
        release.lock.packages_of_variant(&release.recipe.variant),
    )
    .engine
    .version;
    let top = set.top();
    let mut materials = BTreeSet::new();
    let mut platforms = Vec::new();
    let nothing = Inventory::default();
    for image in set.images() {
        let inventory = release.built.inventories.get(&image.platform);
        let inventory = inventory.unwrap_or(&nothing);
        let bill = Bill::of(
            release.recipe,
            release.lock,
            image,
            inventory,
            &version,
            release.created,
        );
        let parts = bill.components.iter();
        materials.extend(parts.filter_map(|one| Some((one.purl.clone()?, one.sha256))));
        let subject = image.manifest.descriptor.clone();
        let named = [(repository.clone(), subject.digest)];
        let (spdx, cyclonedx) = (spdx(&bill), cyclonedx(&bill));
        let say = |kind: &str, bytes: &[u8]| Statement::of(&named, kind, &json(bytes));
        let statements = vec![
            say(predicate::SPDX, &spdx),
            say(predicate::CYCLONEDX, &cyclonedx),
        ];
        platforms.push(Dossier {
            subject,
            documents: vec![(kind::SPDX, spdx), (kind::CYCLONEDX, cyclonedx)],
            statements,
        });
    }
    let materials: Vec<(String, Digest)> = materials.into_iter().collect();
    let made = provenance(
        release.recipe,
        release.lock,
        &materials,
        &release.compression,
        release.builder,
    );
    let digests = platforms.iter().map(|one| one.subject.digest);
    let all: BTreeSet<Digest> = digests.chain([top.digest]).collect();
    let all: Vec<(String, Digest)> = all
        .into_iter()
        .map(|digest| (repository.clone(), digest))
        .collect();
    let made = Statement::of(&all, predicate::PROVENANCE, &made);
    let tests = release.tests.as_ref().map(|tests| {
        let proven = &tests.subjects;
        let of = all.iter().filter(|(_, digest)| proven.contains(digest));
        let of: Vec<(String, Digest)> = of.cloned().collect();
        (
            proven,
            Statement::of(&of, predicate::TEST, &tests.predicate),
        )
    });
    let whole = platforms.iter().any(|one| one.subject.digest == top.digest);
    if !whole {
        platforms.insert(
            0,
            Dossier {
                subject: top,
                documents: Vec::new(),
                statements: Vec::new(),
            },
        );
    }
    for dossier in &mut platforms {
        dossier
            .documents
            .push((kind::STATEMENT, made.bytes.clone()));
        dossier.statements.push(made.clone());
        if let Some((proven, tests)) = &tests
            && proven.contains(&dossier.subject.digest)
        {
            dossier.statements.push(tests.clone());
        }
        let own = Statement::signature(&repository, dossier.subject.digest);
        dossier.statements.push(own);
    }
    platforms
}

/// A document of this crate's own.
fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}
