//! Local engines: loading images, and ending what runs when the user interrupts.

use std::fs::File;

use anyhow::{Context as _, Result};

use crate::build::Built;
use crate::digest::Digest;
use crate::oci::{ImageSet, Names, Target};
use crate::platform::Architecture;
use crate::process::{Input, Interrupt};
use crate::recipe::Recipe;
use crate::smoke::engine::{self, Engine};

use super::build::scratch;
use super::context::Session;
use super::settings::engine_environment;

/// How engines are reached, so that their programs end when the user presses Ctrl-C, and the OCI
/// runtime that containers run with.
pub(super) fn client(runtime: Option<String>) -> Result<engine::Settings> {
    let interrupt = Interrupt::new();
    on_interrupt(interrupt.clone())?;
    Ok(engine::Settings {
        env: engine_environment(),
        interrupt,
        runtime,
        ..engine::Settings::default()
    })
}

fn open(name: &str) -> Result<Box<dyn Engine>> {
    Ok(engine::open(name, client(None)?)?)
}

/// Sets `interrupt` at SIGINT and SIGTERM, so that what was started is ended and cleaned up. A
/// second signal ends the program at once.
fn on_interrupt(interrupt: Interrupt) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut term), Ok(mut int)) = (
                    signal(SignalKind::terminate()),
                    signal(SignalKind::interrupt()),
                ) else {
                    return;
                };
                loop {
                    tokio::select! {
                        _ = term.recv() => {}
                        _ = int.recv() => {}
                    }
                    if interrupt.is_set() {
                        std::process::exit(i32::from(super::exit::INTERRUPTED));
                    }
                    interrupt.set();
                }
            });
        })
        .context("cannot start the signal thread")?;
    Ok(())
}

/// Loads the image of this machine's platform, or the only one, and returns its names.
pub(super) fn load(
    name: &str,
    recipe: &Recipe,
    built: &Built,
    names: &Names,
    session: &Session,
) -> Result<Vec<String>> {
    let engine = open(name)?;
    engine.probe()?;
    let (_directory, path) = scratch(session)?;
    let names = Names {
        repository: Some(
            names
                .repository
                .clone()
                .unwrap_or_else(|| recipe.name.clone()),
        ),
        tags: if names.tags.is_empty() {
            vec!["latest".to_owned()]
        } else {
            names.tags.clone()
        },
    };
    let own = own_architecture().with_context(|| {
        format!(
            "no image is built for this machine, {}",
            std::env::consts::ARCH
        )
    })?;
    write_archive(&path, built, own, &names, session)?;
    Ok(engine.load(Input::File(File::open(&path)?))?)
}

/// A recipe's file name as a repository name: lower-case letters, digits and dashes.
pub(super) fn image_name(recipe: &Recipe) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = recipe.name.chars().map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "image".to_owned()
    } else {
        name.to_owned()
    }
}

/// The architecture of this machine, if images can be built for it.
pub(super) fn own_architecture() -> Option<Architecture> {
    Architecture::ALL
        .into_iter()
        .find(|architecture| architecture.alpine() == std::env::consts::ARCH)
}

/// Writes the image of one architecture as a docker-archive and returns its manifest's digest.
pub(super) fn write_archive(
    path: &std::path::Path,
    built: &Built,
    architecture: Architecture,
    names: &Names,
    session: &Session,
) -> Result<Digest> {
    let images = built.set.images();
    let image = images
        .iter()
        .find(|image| image.platform.architecture == architecture)
        .with_context(|| format!("the recipe was not built for {}", architecture.oci()))?;
    let set = ImageSet::new(vec![image.clone()], Default::default())?;
    Target::DockerArchive(path.to_owned()).write(
        &set,
        names,
        &built.blobs,
        session.reporter.as_ref(),
    )?;
    Ok(image.manifest.descriptor.digest)
}
