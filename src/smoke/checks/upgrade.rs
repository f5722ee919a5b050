//! The data directory of the image before this one is taken over.

use std::time::Duration;

use super::super::bench::Bench;
use super::super::engine::{Feature, RunSpec};
use super::super::error::CheckError;
use super::super::inner::Inner;
use super::super::nested::IMAGE;
use super::{Check, Ruling, has_daemon, held, rule, violated};
use crate::recipe::SmokeStorage;

pub(super) const CHECK: Check = Check {
    id: "upgrade",
    rule: "the data directory of the previous image starts under this one, with its images, containers and volumes",
    hint: "the engine inside is older than the one that wrote the directory, or another storage driver was chosen, under which the old images are not seen",
    limit: 300,
    needs: &[Feature::Volumes],
    applies: |contract, cell| has_daemon(contract, cell) && cell.storage == SmokeStorage::Volume,
    run,
};

const CONTAINER: &str = "dindimg-smoke-before";
const VOLUME: &str = "dindimg-smoke-before:/kept";
const WORD: &str = "written before";

/// Role of the volume that both images get.
const DATA_ROLE: &str = "before-data";

fn run(bench: &Bench<'_>) -> Ruling {
    let Some(previous) = &bench.site.previous else {
        return Err(CheckError::Unproven(
            "no previous image is named".to_owned(),
        ));
    };
    bench.daemon()?;
    let volume = bench.session.name(DATA_ROLE);
    bench
        .engine
        .create_volume(&volume, &bench.session.label())?;
    let before = bench.another("before", CHECK.id);
    let spec = RunSpec {
        image: previous.clone(),
        ..on_volume(bench, "before")
    };
    rule!(
        before
            .begin(&spec)?
            .map_err(|sentence| format!("the previous image: {sentence}"))
    );
    let script = format!("echo '{WORD}' >>/kept/word; cat /kept/word");
    let args = [
        "--name", CONTAINER, "--volume", VOLUME, IMAGE, "sh", "-c", &script,
    ];
    let made = before.nested_run(&args)?;
    if made.text() != WORD {
        return violated(format!("under the previous image: {}", made.complaint()));
    }
    let old = version(&before)?;
    let grace = Duration::from_secs(bench.contract.stop_timeout.into());
    bench.engine.stop(&spec.name, grace)?;
    bench.engine.remove(&spec.name)?;

    let after = bench.another("after", CHECK.id);
    let spec = on_volume(bench, "after");
    rule!(
        after
            .begin(&spec)?
            .map_err(|sentence| format!("on the data directory of {old}: {sentence}"))
    );
    // The same container once more: its image, its settings and its volume are all needed for it.
    let again = after.run(&["docker", "start", "--attach", CONTAINER])?;
    if again.text() != format!("{WORD}\n{WORD}") {
        return violated(format!(
            "the container of before said `{}`, expected it to find its volume: {}",
            again.text(),
            again.complaint()
        ));
    }
    let new = version(&after)?;
    bench.engine.remove(&spec.name)?;
    held(format!("from {old} to {new}"))
}

/// A daemon container on the volume that both images get.
fn on_volume(bench: &Bench<'_>, role: &str) -> RunSpec {
    let mut spec = bench.privileged(role, &[]);
    let data = bench.contract.data();
    spec.anonymous_volumes.retain(|path| path != data);
    spec.volumes
        .push(bench.session.mount(DATA_ROLE, data, false));
    spec
}

fn version(inner: &Inner<'_>) -> Result<String, CheckError> {
    let format = "{{.Server.Version}}";
    Ok(inner
        .run(&["docker", "version", "--format", format])?
        .text())
}
