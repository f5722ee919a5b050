//! Signing an image that is in a registry.

use crate::oci::Descriptor;

use super::published::Published;
use super::{Attachments, Dossier, Given, Publisher, ReleaseError, Statement};

impl Publisher<'_> {
    /// Signs an image, its index and each manifest, and has each statement attached to what it is
    /// about, signed. Dated by the image, so that signing again makes the same bytes.
    ///
    /// # Errors
    /// Before anything is sent if a statement is of something else.
    pub fn sign(&self, image: &Published, given: &[Given]) -> Result<Attachments, ReleaseError> {
        let digests: Vec<_> = image.subjects().iter().map(|one| one.digest).collect();
        let name = image.reference().to_string();
        for one in given {
            one.check_of(&name, &digests)?;
        }
        let config = image.config(self.registry)?;
        let created = config.and_then(|config| config.created).unwrap_or_default();
        let mut attachments = Attachments::default();
        for dossier in dossiers(image, given) {
            self.attach_all(&image.repository, &dossier, created, &mut attachments)?;
        }
        Ok(attachments)
    }
}

fn dossiers(image: &Published, given: &[Given]) -> Vec<Dossier> {
    let repository = image.repository.to_string();
    let dossier = |subject: &&Descriptor| {
        let mut statements: Vec<Statement> = Vec::new();
        for one in given.iter().filter(|one| one.is_of(&subject.digest)) {
            let statement = one.statement();
            // The same file twice is one statement.
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        statements.push(Statement::signature(&repository, subject.digest));
        Dossier {
            subject: (*subject).clone(),
            documents: Vec::new(),
            statements,
        }
    };
    image.subjects().iter().map(dossier).collect()
}
