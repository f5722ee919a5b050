//! What people do with containers works in nested ones: build, exec, logs, copies, volumes.

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::nested::IMAGE;
use super::{Check, Ruling, has_daemon, held, violated};
use crate::process::{Input, Output};

pub(super) const CHECK: Check = Check {
    id: "nested-use",
    rule: "an image is built, and a container of it has exec, logs, files copied in and out, and a volume that stays",
    hint: "the verb that failed is named: a build needs a shim and a network, `exec` a writable /proc, copies and volumes a storage driver that mounts; the log of dockerd has the reason",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

const WORD: &str = "carried through";
const BUILT: &str = "dindimg/built:smoke";
const NAME: &str = "dindimg-smoke-user";
const VOLUME: &str = "dindimg-smoke-kept";

/// The verbs, each a line of shell whose output is expected to be [`WORD`] alone.
fn lines() -> [(&'static str, String); 5] {
    let run = format!("docker run --detach --init --name {NAME} --volume {VOLUME}:/kept {BUILT}");
    [
        (
            "run of what was built",
            format!(
                "{run} sh -c 'cat /built; sleep 600' >/dev/null && sleep 1 && docker logs {NAME}"
            ),
        ),
        ("exec", format!("docker exec {NAME} cat /built")),
        (
            "cp",
            format!(
                "d=$(mktemp -d) && echo '{WORD}' >\"$d/in\" && docker cp \"$d/in\" {NAME}:/tmp/in >/dev/null && docker cp {NAME}:/tmp/in \"$d/out\" >/dev/null && cat \"$d/out\" && rm -r \"$d\""
            ),
        ),
        (
            "volume",
            format!(
                "docker exec {NAME} sh -c 'cat /built >/kept/word' && docker rm --force {NAME} >/dev/null && docker run --rm --volume {VOLUME}:/kept {IMAGE} cat /kept/word"
            ),
        ),
        (
            "removal",
            format!(
                "docker volume rm {VOLUME} >/dev/null && docker image rm {BUILT} >/dev/null && echo '{WORD}'"
            ),
        ),
    ]
}

fn run(bench: &Bench<'_>) -> Ruling {
    bench.main.ensure_nested()?;
    let built = build(bench)?;
    if !built.status.success() {
        return violated(format!("build: {}", built.complaint()));
    }
    for (verb, line) in lines() {
        let output = bench.inside(&["sh", "-c", &line])?;
        if !output.status.success() || output.text() != WORD {
            return violated(format!(
                "{verb}: expected `{WORD}`, got `{}` with code {}: {}",
                output.text(),
                output.code(),
                output.complaint()
            ));
        }
    }
    held("build, run --init, logs, exec, cp and a volume")
}

fn build(bench: &Bench<'_>) -> Result<Output, CheckError> {
    let file = format!("FROM {IMAGE}\nRUN echo '{WORD}' >/built\n");
    let program = ["docker", "build", "--tag", BUILT, "-"];
    bench.main.run_with(&program, Input::Bytes(file.into()))
}
