//! What is particular to single targets.

use super::choices::Choices;
use super::containers::{mount, variable};
use super::model::Security;
use super::plan::Plan;
use super::volumes::directory;

/// Words at the top of a file of GitLab's that are no jobs (docs.gitlab.com, "CI/CD YAML syntax").
const RESERVED: [&str; 13] = [
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "cache",
    "pages",
    "spec",
    "true",
    "false",
    "nil",
];

/// The group docker of GitHub's runner image (actions/runner, `images/Dockerfile`).
const RUNNER: &str = "123";

/// Refuses nothing.
pub(super) fn anything(_: &Choices) -> Result<(), String> {
    Ok(())
}

/// A job's service, which the runner starts.
pub(super) fn service(choices: &Choices) -> Result<(), String> {
    match choices.get("connection") {
        "socket" => {
            Err("a service and its job share no socket: `connection` is tls or tcp".to_owned())
        }
        _ => Ok(()),
    }
}

/// A job of GitLab's, beside its service.
pub(super) fn gitlab(choices: &Choices) -> Result<(), String> {
    let name = choices.get("name");
    if RESERVED.contains(&name) {
        return Err(format!(
            "GitLab takes a job called {name} for something else: say another `name`"
        ));
    }
    service(choices)
}

/// Pods that a controller makes.
pub(super) fn controller(choices: &Choices) -> Result<(), String> {
    match choices.get("storage.kind") {
        "persistent" => Err(
            "pods that a controller makes run beside each other and cannot take over one claim: `storage.kind` is disk, memory, loop or block".to_owned(),
        ),
        _ => Ok(()),
    }
}

/// Runners, whose image is the user's.
pub(super) fn runners(choices: &Choices) -> Result<(), String> {
    match choices.get("runner.image") {
        "" => Err(
            "the target needs the image of the runner: say --set runner.image=REFERENCE".to_owned(),
        ),
        _ => controller(choices),
    }
}

/// A machine that Jenkins reaches, or that reaches Jenkins.
pub(super) fn jenkins_agent(choices: &Choices) -> Result<(), String> {
    let needs = |key: &'static str, what: &str| match choices.get(key) {
        "" => Err(format!("the target needs {what}: say --set {key}=…")),
        _ => Ok(()),
    };
    match choices.get("agent") {
        "inbound" => needs("controller", "the address of Jenkins"),
        _ => needs("host", "the host on which Jenkins reaches the machine"),
    }
}

/// Machines that an engine starts for Jenkins.
pub(super) fn jenkins_cloud(choices: &Choices) -> Result<(), String> {
    match choices.get("host") {
        "" => Err("the target needs the host of the engine: say --set host=NAME".to_owned()),
        _ => Ok(()),
    }
}

/// Adds nothing.
pub(super) fn nothing(_: &mut Plan) {}

/// GitLab's runner speaks with the engine's API, which has no word for `systempaths=unconfined`: that
/// is the client's (docker/cli, `parseSystemPaths`). What has privileges has all of `/proc`, too.
pub(super) fn gitlab_service(plan: &mut Plan) {
    plan.daemon.security = Security {
        privileged: true,
        ..Security::default()
    };
}

/// Containers of a job mount the runner's directories by their paths: the daemon has them too.
pub(super) fn share_with_runner(plan: &mut Plan) {
    let note = "the runner is no root: its group reads the client's key";
    match plan.connection.as_str() {
        "tls" => plan
            .daemon
            .env
            .push(variable("DIND_TLS_CLIENT_GID", RUNNER, note)),
        "socket" => plan.daemon.args.push(format!("--group={RUNNER}")),
        _ => {}
    }
    for (name, path, note) in [
        ("work", "/home/runner/_work", "the files of jobs"),
        (
            "externals",
            "/home/runner/externals",
            "what the runner runs actions with",
        ),
    ] {
        plan.daemon.mounts.push(mount(name, path, false));
        plan.client.mounts.push(mount(name, path, false));
        plan.volumes.push(directory(name, false, note));
    }
}

/// A container in which Jenkins' plugin runs the steps of a job.
pub(super) fn agent(plan: &mut Plan) {
    let words = ["sleep", "infinity"].map(str::to_owned).to_vec();
    match plan.client.command.is_empty() {
        true => plan.client.args = words,
        false => plan.client.command = words,
    }
}

/// A text that its reader takes as it is.
pub(super) fn plain(text: &str) -> String {
    text.to_owned()
}

/// A text of a Compose file (compose-spec, "Interpolation").
pub(super) fn compose(text: &str) -> String {
    text.replace('$', "$$")
}
