//! `dindimg promote`

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::build::identity;
use crate::recipe::{self, RecipeError};
use crate::registry::{Repository, Tag};
use crate::release::{Promoted, Published, Publisher, ReleaseError, TagPlan, Tags};

use super::args::{Common, Locking, Make, Promote};
use super::context::{Session, current_lock};
use super::output::Output;
use super::{keys, publish, release};

pub(super) fn run(arguments: &Promote, common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    let trusted = keys::verifiers(&arguments.gates.trusted_key)?;
    let (source, to) = (&arguments.source.repository, &arguments.to);
    // A password that is given outright is for one registry: the one that is written to.
    let only = (source.registry() != to.registry()).then(|| to.registry());
    let registry = publish::registry_of(&arguments.registry.access, &session, only)?;
    let publisher = Publisher {
        registry: &registry,
        signer: None,
        reporter: &session.reporter,
    };
    let image = Published::read(&registry, &arguments.source)?;
    let labels = image.config(&registry)?.map(|config| config.config.labels);
    let tags = tags(arguments, &session, &labels.unwrap_or_default())?;
    let remarks = publisher.pass_gates(&image, &arguments.gates.require, &trusted)?;
    for remark in &remarks {
        output.say(remark);
    }
    let plan = publisher.plan(to, &tags, image.top.digest)?;
    for line in plan.lines() {
        output.say(&line);
    }
    if !arguments.move_immutable {
        plan.check().map_err(ReleaseError::from)?;
    }
    let mount_from: Vec<Repository> = std::iter::once(source)
        .chain(&arguments.registry.mount_from)
        .cloned()
        .collect();
    let result = Outcome {
        image: &image,
        plan: &plan,
        remarks: &remarks,
    };
    if arguments.dry_run {
        let lacking = registry.lacking(&image.copy_to(to, &mount_from))?;
        output.say(&format!(
            "{}: {} of layers and configurations are not in {to}",
            image.reference(),
            HumanBytes(lacking)
        ));
        let metadata = result.json(lacking, None);
        return publish::conclude(arguments.metadata_file.as_deref(), &metadata, output);
    }
    let promoted = publisher.promote(&image, to, &mount_from)?;
    output.say(&line(&image, to, &promoted));
    let move_immutable = arguments.move_immutable;
    let moved = publisher.move_tags(to, &tags, &image.document(), move_immutable)?;
    output.say(&publish::moved(to, image.top.digest, &tags, &moved));
    let metadata = result.json(promoted.bytes(), Some((&promoted, &moved)));
    publish::conclude(arguments.metadata_file.as_deref(), &metadata, output)
}

/// The tags of the command line, or those of the recipe, which has to be the one that an image with
/// these labels was built from.
fn tags(arguments: &Promote, session: &Session, labels: &BTreeMap<String, String>) -> Result<Tags> {
    let Some(path) = &arguments.recipe else {
        let moving = arguments.tag.iter().map(|tag| Ok(tag.parse()?));
        return Ok(Tags {
            moving: moving.collect::<Result<_>>()?,
            fixed: Vec::new(),
        });
    };
    let recipes = recipe::load(path)?;
    let named: Vec<_> = arguments.variant.iter().cloned().collect();
    let recipe = match named.is_empty() {
        true => recipes.default(),
        false => {
            let chosen = recipes.select(&named)?;
            *chosen
                .first()
                .context("a variant that is named is chosen")?
        }
    };
    // The lock that the image was built from, as it is.
    let make = Make {
        locked: true,
        locking: Locking {
            lock_file: arguments.lock_file.clone(),
            ..Locking::default()
        },
        ..Make::default()
    };
    let lock = current_lock(session, &recipes, &make)?;
    let date = session.settings.source_date_epoch.unwrap_or(lock.epoch);
    let expected = identity(recipe, &lock, date);
    let other = expected
        .iter()
        .find(|(name, value)| labels.get(*name) != Some(value));
    if let Some((name, value)) = other {
        return Err(RecipeError::Whole {
            path: path.clone(),
            message: format!(
                "{} was not built from it and its lock: {name} is {}, and would be {value}; name what it was built from with --recipe, --variant and --lock-file",
                arguments.source,
                labels.get(name).map_or("not there", String::as_str),
            ),
        }
        .into());
    }
    release::tags(recipe, &lock, &arguments.tag, arguments.channel.as_deref())
}

fn line(image: &Published, to: &Repository, promoted: &Promoted) -> String {
    let blobs = &promoted.blobs;
    let attached = &promoted.attachments;
    format!(
        "{} to {to}: {} layers and configurations sent, {} ({} were there, {} mounted); {} of {} attachments sent, {}",
        image.reference(),
        blobs.uploaded,
        HumanBytes(blobs.uploaded_bytes),
        blobs.present,
        blobs.mounted,
        attached.sent,
        attached.sent + attached.present,
        HumanBytes(attached.bytes),
    )
}

/// What is told of a promotion in JSON.
struct Outcome<'a> {
    image: &'a Published,
    plan: &'a TagPlan,
    remarks: &'a [String],
}

impl Outcome<'_> {
    fn json(&self, bytes: u64, done: Option<(&Promoted, &[Tag])>) -> Value {
        let mut object = json!({
            "source": self.image.reference().to_string(),
            "repository": self.plan.repository.to_string(),
            "digest": self.plan.to,
            "tags": publish::tags(self.plan, done.map(|(_, moved)| moved)),
            "remarks": self.remarks,
            "bytes": bytes,
            "published": done.is_some(),
        });
        if let Some((promoted, _)) = done {
            let blobs = &promoted.blobs;
            object["blobs"] = json!({
                "sent": blobs.uploaded,
                "mounted": blobs.mounted,
                "present": blobs.present,
                "bytes": blobs.uploaded_bytes,
            });
            object["manifests"] = json!(promoted.manifests);
            object["attachments"] = publish::attachments(&promoted.attachments);
        }
        object
    }
}
