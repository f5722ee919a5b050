//! Pipelines of GitLab CI. What the runner grants and mounts is in its own configuration, and
//! variables of projects and groups come on top: only what a pipeline contradicts itself in is found.

use super::daemon::recognise;
use super::environment::Environment;
use super::error::CheckError;
use super::field::Field;
use super::image::Reference;
use super::model::{Container, Controller, Group, Manifest, Platform, Security};
use super::title;

/// Longest chain of `extends`, as GitLab has it.
const DEPTH: usize = 11;
/// Most templates that one job is made of: lists of lists of them double with each step.
const BASES: usize = 100;

/// Keys at the top of a pipeline that are no jobs.
const GLOBAL: &[&str] = &[
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "pages",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
];

/// Takes up a document, if it is a pipeline.
pub fn read(document: &Field<'_>, manifest: &mut Manifest) -> Result<bool, CheckError> {
    let jobs: Vec<(&str, Field<'_>)> = document
        .entries()
        .into_iter()
        .filter(|(name, job)| job.is_map() && (*name == "pages" || !GLOBAL.contains(name)))
        .collect();
    let runs = |job: &Field<'_>| {
        ["script", "trigger"]
            .iter()
            .any(|key| job.get(key).is_some())
    };
    let services = document
        .get("services")
        .is_some_and(|field| field.is_list());
    // Stages of Azure's pipelines are mappings.
    let stages = document.list("stages");
    let stages = stages.first().is_some_and(|stage| stage.text().is_some());
    let known = services
        || stages
        || jobs.iter().any(|(_, job)| runs(job))
        || document.get("default").is_some_and(|field| field.is_map());
    let other = ["apiVersion", "kind", "steps", "jobs"];
    if !known || other.iter().any(|key| document.get(key).is_some()) {
        return Ok(false);
    }
    for (name, job) in &jobs {
        // A template may lack what the jobs bring that extend it.
        if !name.starts_with('.') {
            manifest.add(group(document, name, job))?;
        }
    }
    if jobs.iter().all(|(name, _)| name.starts_with('.')) {
        manifest.add(group(document, "", document))?;
    }
    Ok(true)
}

fn group(document: &Field<'_>, name: &str, job: &Field<'_>) -> Group {
    let (chain, whole) = chain(document, job);
    let mut env = Environment {
        open: !whole || document.get("include").is_some(),
        ..Environment::default()
    };
    env.open |= chain.iter().any(|job| job.get("inherit").is_some());
    variables(document, &mut env);
    for job in &chain {
        variables(job, &mut env);
    }
    let find = |key: &str| {
        let own = chain.iter().rev().find_map(|job| job.get(key));
        let default = || document.at(&["default", key]);
        own.or_else(default).or_else(|| document.get(key))
    };
    let mut containers = Vec::new();
    for item in find("services").iter().flat_map(Field::items) {
        containers.extend(service(&item, &env));
    }
    let mut client = Container::new(title("job", name), "", &job.place);
    client.env = env;
    client.image = find("image").and_then(|image| {
        let name = image.get("name").unwrap_or_else(|| image.clone());
        Some((Reference::new(name.text()?), name.place))
    });
    client.mounts_open = true;
    containers.push(client);
    Group {
        platform: Platform::GitLab,
        title: title("job", name),
        containers,
        controller: Controller::default(),
    }
}

/// What a job extends, and the job, in the order in which each overrides those before; and whether
/// all of it is here.
fn chain<'t>(document: &Field<'t>, job: &Field<'t>) -> (Vec<Field<'t>>, bool) {
    fn follow<'t>(
        document: &Field<'t>,
        job: &Field<'t>,
        chain: &mut Vec<Field<'t>>,
        depth: usize,
    ) -> bool {
        let mut whole = true;
        let extends = job.get("extends");
        let list = extends.as_ref().map_or_else(Vec::new, Field::items);
        for name in list.iter().chain(&extends).filter_map(Field::text) {
            let base = document.get(name).filter(Field::is_map);
            whole &= match base {
                Some(base) if depth > 0 && chain.len() < BASES => {
                    follow(document, &base, chain, depth - 1)
                }
                _ => false,
            };
        }
        chain.push(job.clone());
        whole
    }
    let mut chain = Vec::new();
    let whole = follow(document, job, &mut chain, DEPTH);
    (chain, whole)
}

fn variables(field: &Field<'_>, env: &mut Environment) {
    let Some(variables) = field.get("variables") else {
        return;
    };
    env.open |= !variables.is_map();
    env.take(&variables);
}

fn service(item: &Field<'_>, env: &Environment) -> Option<Container> {
    let image = item.get("name").unwrap_or_else(|| item.clone());
    let reference = Reference::new(image.text()?);
    let mut service = Container::new(title("service", image.text()?), "", &item.place);
    service.env = env.clone();
    variables(item, &mut service.env);
    let words = ["entrypoint", "command"];
    let words = words.iter().flat_map(|key| item.get(key));
    for field in words {
        service.words.extend(field.text().map(str::to_owned));
        let list = field.items();
        let texts = list.iter().filter_map(Field::text);
        service.words.extend(texts.map(str::to_owned));
    }
    service.words_at = item.nearest(&["command"]);
    service.names = reference.gitlab_names();
    let aliases = item.word("alias").unwrap_or_default();
    let separated = aliases.split([',', ' ']).filter(|alias| !alias.is_empty());
    service.names.extend(separated.map(str::to_owned));
    // With the executor for Kubernetes job and services are one pod.
    service.names.push("localhost".to_owned());
    service.mounts_open = true;
    service.security = Security {
        mounts: true,
        ..Security::default()
    };
    service.image = Some((reference, image.place));
    service.daemon = recognise(&service);
    Some(service)
}
