//! A command given to the image behaves as if the image were not there: code and output.

use std::collections::BTreeMap;

use super::super::bench::Bench;
use super::super::engine::Feature;
use super::{Check, Ruling, has_daemon, held, violated};
use crate::process::Input;

pub(super) const CHECK: Check = Check {
    id: "exit-code",
    rule: "a command's exit code and output are the container's, with and without the daemon",
    hint: "an entry point that does not become its command, a first process that keeps the status to itself, or words of the guest on standard output",
    limit: 300,
    needs: &[Feature::Foreground],
    applies: has_daemon,
    run,
};

const CODE: i32 = 42;
const WORD: &str = "dindimg-smoke-word";

/// Has the image start its daemon before the command.
const WAIT: [&str; 2] = ["DIND_WAIT", "1"];

fn run(bench: &Bench<'_>) -> Ruling {
    let plain = bench
        .engine
        .run(&bench.privileged("plain", &["echo", WORD]), Input::Null)?;
    if plain.stdout != format!("{WORD}\n").as_bytes() {
        return violated(format!("`IMAGE echo {WORD}` printed `{}`", plain.text()));
    }
    // One run a mode shows input, output and code together: each may start a daemon.
    let script = format!("cat; exit {CODE}");
    for (role, how, env) in [
        ("alone", "", BTreeMap::new()),
        (
            "waiting",
            " with DIND_WAIT=1",
            BTreeMap::from([WAIT.map(str::to_owned).into()]),
        ),
    ] {
        let mut spec = bench.privileged(role, &["sh", "-c", &script]);
        spec.env.extend(env);
        let output = bench.engine.run(&spec, Input::Bytes(WORD.into()))?;
        let (text, code) = (output.text(), output.code());
        if output.stdout != WORD.as_bytes() || code != CODE {
            return violated(format!(
                "`printf {WORD} | run -i IMAGE sh -c '{script}'`{how} printed `{text}` with code {code}: {}",
                output.complaint()
            ));
        }
    }
    held(format!(
        "code {CODE}, input and output came through, also with DIND_WAIT=1"
    ))
}
