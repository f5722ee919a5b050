//! An image of the client is as good as a shell beside a daemon: commands, plugins, surroundings.

use std::collections::BTreeMap;

use super::super::bench::Bench;
use super::super::engine::{Feature, RunSpec};
use super::{Check, Ruling, held, is_client, violated};
use crate::process::Input;

pub(super) const CHECK: Check = Check {
    id: "client",
    rule: "the client and its plugins start, commands keep input, output and code, and DOCKER_HOST is where docker:cli looks",
    hint: "a package of the client or of a plugin that is missing, an entry point that does not become its command, or DOCKER_HOST in [env]",
    limit: 120,
    needs: &[Feature::Foreground],
    applies: is_client,
    run,
};

const CODE: i32 = 42;
const WORD: &str = "dindimg-smoke-word";

/// What a client's plugin begins its file name with (docker/cli, `cli-plugins/metadata`).
const PLUGIN: &str = "docker-";

/// Where the client finds its daemon, by what is in its environment (docker:cli).
const SURROUNDINGS: [(&[(&str, &str)], &str); 3] = [
    (&[("DOCKER_TLS_CERTDIR", "")], "tcp://docker:2375"),
    (&[("DOCKER_TLS_VERIFY", "1")], "tcp://docker:2376"),
    (
        &[("DOCKER_HOST", "tcp://elsewhere:2375")],
        "tcp://elsewhere:2375",
    ),
];

fn run(bench: &Bench<'_>) -> Ruling {
    let engine = bench.engine;
    let said = engine.run(&bench.container("version", &["--version"]), Input::Null)?;
    let wanted = &bench.contract.engine.version;
    if !said.status.success() || !said.text().contains(wanted) {
        return violated(format!(
            "`IMAGE --version` said `{}`, expected version {wanted}: {}",
            said.text(),
            said.complaint()
        ));
    }
    let commands = bench.contract.plugins.iter();
    let commands = commands.filter_map(|plugin| plugin.strip_prefix(PLUGIN));
    for command in commands.clone() {
        let spec = bench.container(&format!("plugin-{command}"), &[command, "version"]);
        let said = engine.run(&spec, Input::Null)?;
        if !said.status.success() {
            return violated(format!(
                "`IMAGE {command} version` failed: {}",
                said.complaint()
            ));
        }
    }
    let script = format!("cat; exit {CODE}");
    let spec = bench.container("command", &["sh", "-c", &script]);
    let output = engine.run(&spec, Input::Bytes(WORD.into()))?;
    if output.stdout != WORD.as_bytes() || output.code() != CODE {
        return violated(format!(
            "`printf {WORD} | run -i IMAGE sh -c '{script}'` printed `{}` with code {}: {}",
            output.text(),
            output.code(),
            output.complaint()
        ));
    }
    for (number, (environment, wanted)) in SURROUNDINGS.iter().enumerate() {
        let pairs = environment.iter();
        let env: BTreeMap<String, String> = pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let spec = RunSpec {
            env,
            ..bench.container(
                &format!("host-{number}"),
                &["sh", "-c", r#"echo "$DOCKER_HOST""#],
            )
        };
        let said = engine.run(&spec, Input::Null)?;
        if said.text() != *wanted {
            return violated(format!(
                "with {environment:?} DOCKER_HOST is `{}`, expected {wanted}: {}",
                said.text(),
                said.complaint()
            ));
        }
    }
    let plugins: Vec<&str> = commands.collect();
    held(format!(
        "version {wanted}, plugins {}",
        match plugins[..] {
            [] => "none".to_owned(),
            _ => plugins.join(", "),
        }
    ))
}
