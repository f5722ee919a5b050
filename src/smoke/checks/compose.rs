//! Services of one Compose file find each other by name, in images that have Compose.

use super::super::bench::{Bench, SPOKEN};
use super::super::error::CheckError;
use super::super::nested::{IMAGE, SPEAKER};
use super::super::speech;
use super::{Check, Ruling, has_daemon, held, violated};
use crate::process::Input;

pub(super) const CHECK: Check = Check {
    id: "compose",
    rule: "services of a Compose file start on a network of their own, find each other by name, and leave nothing when they go",
    hint: "a Compose that is too new or too old for this engine, or name resolution of networks as `dns` proves it",
    limit: 120,
    needs: &[],
    applies: |contract, cell| {
        has_daemon(contract, cell) && contract.plugins.iter().any(|plugin| plugin == PLUGIN)
    },
    run,
};

/// The plugin's file, as docker/compose names it.
const PLUGIN: &str = "docker-compose";

const PROJECT: &str = "dindimg-smoke";
const SPEAKS: &str = "speaks";
const LISTENS: &str = "listens";

/// The file: JSON is YAML.
fn file() -> String {
    let words: Vec<String> = [SPEAKER.to_owned()]
        .into_iter()
        .chain(speech::server(SPOKEN))
        .collect();
    let file = serde_json::json!({
        "services": {
            SPEAKS: { "image": IMAGE, "command": words },
            LISTENS: { "image": IMAGE, "command": ["sleep", "600"] },
        },
    });
    file.to_string()
}

fn run(bench: &Bench<'_>) -> Ruling {
    bench.main.ensure_nested()?;
    if !bench.site.nested.speaks() {
        return Err(CheckError::Unproven(format!(
            "the image has no {SPEAKER}, with which services are tried"
        )));
    }
    let compose = |words: &[&str]| {
        let program = ["docker", "compose", "--project-name", PROJECT, "--file=-"];
        let program = [&program[..], words].concat();
        bench
            .main
            .run_with(&program, Input::Bytes(file().into_bytes()))
    };
    let up = compose(&["up", "--detach", "--quiet-pull"])?;
    if !up.status.success() {
        return violated(format!("up: {}", up.complaint()));
    }
    let line = speech::client(SPEAKS, SPOKEN);
    let answer = compose(&["exec", "-T", LISTENS, "sh", "-c", &line])?;
    let down = compose(&["down", "--timeout=1"])?;
    if !speech::heard(&answer.text()) {
        return violated(format!(
            "the service `{LISTENS}` does not find `{SPEAKS}`: {}",
            answer.complaint()
        ));
    }
    if !down.status.success() {
        return violated(format!("down: {}", down.complaint()));
    }
    let filter = format!("label=com.docker.compose.project={PROJECT}");
    let list = ["docker", "network", "ls", "--quiet", "--filter", &filter];
    let left = bench.inside(&list)?.text();
    if !left.is_empty() {
        return violated(format!("after `down` there is the network {left}"));
    }
    held("two services found each other, and went")
}
