//! Workflows of GitHub Actions: the containers of their jobs.

use super::amount;
use super::compose::published;
use super::daemon::{options, recognise};
use super::error::CheckError;
use super::field::Field;
use super::image::Reference;
use super::model::{Container, Controller, Group, HostNamespace, Manifest, Platform};
use super::mount;
use super::title;

/// Takes up a document, if it is a workflow.
pub fn read(document: &Field<'_>, manifest: &mut Manifest) -> Result<bool, CheckError> {
    let Some(jobs) = document.get("jobs").filter(Field::is_map) else {
        return Ok(false);
    };
    let jobs = jobs.entries();
    // CircleCI has jobs with steps too.
    let known = |job: &Field<'_>| job.get("runs-on").is_some() || job.get("uses").is_some();
    if !jobs.iter().any(|(_, job)| known(job)) {
        return Ok(false);
    }
    for (name, job) in &jobs {
        let services = job.get("services");
        let mut containers: Vec<Container> = services
            .iter()
            .flat_map(Field::entries)
            .map(|(name, field)| container(title("service", name), name, &field))
            .collect();
        match job.get("container") {
            Some(field) => {
                let mut own = container(title("job", name), "", &field);
                for scope in [document, job] {
                    variables(scope, &mut own);
                }
                variables(&field, &mut own);
                own.mounts_open = true;
                containers.push(own);
            }
            // Without a container the job reaches published ports on its own host.
            None => {
                for one in &mut containers {
                    one.names.push("localhost".to_owned());
                }
            }
        }
        manifest.add(Group {
            platform: Platform::GitHub,
            title: title("job", name),
            containers,
            controller: Controller::default(),
        })?;
    }
    Ok(true)
}

fn variables(field: &Field<'_>, one: &mut Container) {
    if let Some(variables) = field.get("env") {
        one.env.take(&variables);
    }
}

fn container(title: String, name: &str, field: &Field<'_>) -> Container {
    let mut one = Container::new(title, name, &field.place);
    let image = field.get("image").unwrap_or_else(|| field.clone());
    one.image = image
        .text()
        .map(|text| (Reference::new(text), image.place.clone()));
    variables(field, &mut one);
    one.names.push(name.to_owned());
    one.mounts_at = field.nearest(&["volumes"]);
    one.words_at = field.nearest(&["command"]);
    for volume in field.list("volumes") {
        let mounted = volume
            .text()
            .and_then(|text| mount::short(text, &volume.place));
        one.mounts.extend(mounted);
    }
    for port in field.list("ports") {
        one.ports.extend(published(&port));
    }
    engine_options(field, &mut one);
    one.daemon = recognise(&one);
    one
}

/// Options of `docker create` that are given as one text.
fn engine_options(field: &Field<'_>, one: &mut Container) {
    let text = field.word("options").unwrap_or_default();
    let place = field.nearest(&["options"]);
    let tokens: Vec<&str> = text
        .split_whitespace()
        .map(|token| token.trim_matches(['"', '\'']))
        .collect();
    let values = |names: &[&str]| options(&tokens, names);
    one.security.place = Some(place.clone());
    // What an expression puts in is not known: nothing is missed then.
    let open = text.contains("${{");
    one.mounts_open = open;
    if tokens.contains(&"--privileged") || tokens.contains(&"--privileged=true") {
        one.security.privileged = Some(place.clone());
    }
    let added = values(&["--cap-add"]);
    let mounts = |name: &&str| matches!(*name, "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN");
    one.security.mounts = open || added.iter().any(mounts);
    let profiles = values(&["--security-opt"]);
    one.security.seccomp = open || profiles.iter().any(|option| option.starts_with("seccomp"));
    one.runtime = values(&["--runtime"]).pop().map(str::to_owned);
    for volume in values(&["-v", "--volume"]) {
        one.mounts.extend(mount::short(volume, &place));
    }
    for path in values(&["--tmpfs"]) {
        one.mounts.extend(mount::tmpfs(path, &place));
    }
    let memory = values(&["-m", "--memory"]).pop();
    one.limits.memory_said = memory.is_some();
    one.limits.memory = memory.and_then(amount::compose);
    one.limits.place = place.clone();
    one.hostname = values(&["-h", "--hostname"]).pop().map(str::to_owned);
    one.names
        .extend(values(&["--network-alias"]).into_iter().map(str::to_owned));
    let spaces = [
        (["--network", "--net"].as_slice(), HostNamespace::Network),
        (&["--pid"], HostNamespace::Processes),
        (&["--ipc"], HostNamespace::Ipc),
    ];
    for (names, namespace) in spaces {
        if values(names).contains(&"host") {
            one.host.push((namespace, place.clone()));
        }
    }
    one.ready = !values(&["--health-cmd"]).is_empty();
    one.ready_at = place;
}
