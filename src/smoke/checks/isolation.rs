//! Nested containers are nobody else's: not the outer engine's, not another instance's.

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::inner::Inner;
use super::super::nested::IMAGE;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "isolation",
    rule: "two instances use one name and one port at once, and the outer engine sees neither container",
    hint: "the outer engine's socket, its data directory or its network was given to the container, so that the daemon is not its own",
    limit: 120,
    needs: &[],
    applies: has_daemon,
    run,
};

const NAME: &str = "dindimg-smoke-same";
const PORT: &str = "--publish=8099:80";

fn run(bench: &Bench<'_>) -> Ruling {
    let twin = rule!(bench.twin()?);
    for inner in [&bench.main, twin] {
        if let Err(complaint) = begin(inner)? {
            return violated(format!(
                "two instances cannot both have a container `{NAME}` with {PORT}: {complaint}"
            ));
        }
    }
    let outer = bench.engine.running()?;
    if outer.contains(NAME) {
        return violated(format!(
            "the outer engine has the nested container `{NAME}`: the daemon is the outer one"
        ));
    }
    for inner in [&bench.main, twin] {
        let removed = inner.run(&["docker", "rm", "--force", NAME])?;
        if !removed.status.success() {
            return violated(removed.complaint());
        }
    }
    held("one name and one port in two instances, unseen outside")
}

fn begin(inner: &Inner<'_>) -> Result<Result<(), String>, CheckError> {
    let args = ["--detach", "--name", NAME, PORT, IMAGE, "sleep", "600"];
    let output = inner.nested_run(&args)?;
    Ok(if output.status.success() {
        Ok(())
    } else {
        Err(output.complaint())
    })
}
