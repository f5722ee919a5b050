//! The command line: arguments, environment, clock, printing and exit codes. Nothing here is
//! needed by a user of the library.

mod args;
mod audit;
mod build;
mod cache;
mod completions;
mod context;
mod deploy;
mod diff;
mod engines;
mod exit;
mod images;
mod inspect;
mod keys;
mod lock;
mod manifest;
mod output;
mod progress;
mod promote;
mod publish;
mod release;
mod schema;
mod settings;
mod sign;
mod smoke;
mod target;
mod update;
mod verify;
mod why;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Verb};
use output::Output;

/// Runs the program with the process's own arguments.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for and go to standard output; the rest is misuse.
            let code = if error.use_stderr() {
                exit::INPUT
            } else {
                exit::OK
            };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    raise_file_limit();
    let output = Output::new(&arguments.common);
    let result = match &arguments.verb {
        Verb::Build(build) => build::run(build, &arguments.common, &output),
        Verb::Lock(lock) => lock::run(lock, &arguments.common, &output),
        Verb::Smoke(smoke) => smoke::run(smoke, &arguments.common, &output),
        Verb::Release(release) => release::run(release, &arguments.common, &output),
        Verb::Verify(verify) => verify::run(verify, &arguments.common, &output),
        Verb::Sign(sign) => sign::run(sign, &arguments.common, &output),
        Verb::Promote(promote) => promote::run(promote, &arguments.common, &output),
        Verb::Audit(audit) => audit::run(audit, &arguments.common, &output),
        Verb::Inspect(inspect) => inspect::run(inspect, &arguments.common, &output),
        Verb::Diff(diff) => diff::run(diff, &arguments.common, &output),
        Verb::Why(why) => why::run(why, &arguments.common, &output),
        Verb::Tree(tree) => why::tree(tree, &arguments.common, &output),
        Verb::Deploy(deploy) => deploy::run(deploy, &arguments.common, &output),
        Verb::Update(update) => update::run(update, &arguments.common, &output),
        Verb::Schema { markdown, report } => schema::run(*markdown, *report, &output),
        Verb::Cache(cache) => cache::run(cache, &arguments.common, &output),
        Verb::Completions { shell } => completions::run(*shell, &output),
    };
    match result {
        Ok(()) => ExitCode::from(exit::OK),
        Err(error) => {
            output.failure(&error);
            ExitCode::from(exit::code(&error))
        }
    }
}

/// A build holds one open file for each package, and the usual soft limit of 1024 was made for
/// programs that use `select`. Where it cannot be raised, a build that needs more says so itself.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}
