//! `dindimg deploy`: what starts an image where it runs.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::deploy::{Choices, Rendered, Subject, TARGETS, Target, Templates, target};
use crate::guest::{Contract, LABEL};

use super::args::{Common, Deploy};
use super::context::{Session, replace};
use super::exit::Misuse;
use super::manifest;
use super::output::Output;
use super::target::{Looking, Promised};

/// Largest file of values, in bytes.
const VALUES_LIMIT: u64 = 1 << 20;

pub(super) fn run(arguments: &Deploy, common: &Common, output: &Output) -> Result<()> {
    if !arguments.check.is_empty() {
        return manifest::run(&arguments.check, arguments.fail_on.into(), output);
    }
    if arguments.list {
        let chosen = arguments.target.as_deref().map(target).transpose()?;
        return list(chosen, output);
    }
    let (Some(named), Some(chosen)) = (&arguments.subject, &arguments.target) else {
        bail!(Misuse("name an image and a --target".to_owned()));
    };
    // What is typed wrong is said before anything is built.
    let target = target(chosen)?;
    let mut choices = choices(arguments)?;
    let templates = Templates::with(arguments.templates.as_deref())?;
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    if let Some(client) = &arguments.client {
        // A lock file that was named is the daemon's.
        let mut make = source.make.clone();
        make.locking.lock_file = None;
        let promised = Looking {
            variants: &[],
            make: &make,
            ..looking
        }
        .promised(client)?;
        choices.say("client.image", &reference(&promised, "client.image")?)?;
    }
    let promised = looking.promised(named)?;
    let subject = subject(&promised, &choices)?;
    if target.elsewhere && promised.local && !says_image(&choices) {
        let image = &subject.image;
        output.say(&format!(
            "warning: nobody can pull {image}, which has no repository (--set image=REFERENCE, or `repository` in the recipe or the configuration)"
        ));
    }
    let files = target.render(&subject, &choices, &templates, arguments.explain)?;
    match &arguments.output {
        Some(directory) => write(directory, &files, arguments.force, output)?,
        None if output.is_json() => {}
        None => output.data(&text(&files)),
    }
    let files = files
        .iter()
        .map(|file| json!({ "name": file.name, "text": file.text }));
    output.object(&json!({
        "target": target.name,
        "image": subject.image,
        "files": files.collect::<Vec<_>>(),
    }));
    Ok(())
}

fn list(chosen: Option<&Target>, output: &Output) -> Result<()> {
    let mut text = String::new();
    let mut object = json!({});
    match chosen {
        None => {
            for target in TARGETS {
                text.push_str(&format!("{:24} {}\n", target.name, target.title));
            }
            let targets = TARGETS
                .iter()
                .map(|target| json!({ "name": target.name, "title": target.title }));
            object["targets"] = targets.collect();
        }
        Some(target) => {
            for key in target.keys() {
                let default = match key.default {
                    "" => String::new(),
                    default => format!(" [default: {default}]"),
                };
                let form = key.form.describe();
                object[key.name] =
                    json!({ "help": key.help, "value": form, "default": key.default });
                text.push_str(&format!("{:16} {}: {form}{default}\n", key.name, key.help));
            }
        }
    }
    match output.is_json() {
        true => output.object(&object),
        false => output.data(&text),
    }
    Ok(())
}

/// The file's words, then the flags, then those of `--set`.
fn choices(arguments: &Deploy) -> Result<Choices> {
    let mut choices = Choices::default();
    if let Some(path) = &arguments.values {
        for (name, value) in values(path)? {
            choices
                .say(&name, &value)
                .with_context(|| format!("in {}", path.display()))?;
        }
    }
    let flags = [
        ("storage.kind", &arguments.storage),
        ("runtime-class", &arguments.runtime_class),
    ];
    for (name, value) in flags {
        if let Some(value) = value {
            choices.say(name, value)?;
        }
    }
    for (name, value) in &arguments.set {
        choices.say(name, value)?;
    }
    Ok(choices)
}

/// The keys of a TOML file, those of tables with the table's name before them.
fn values(path: &Path) -> Result<Vec<(String, String)>> {
    let cannot = || format!("cannot read {}", path.display());
    let size = fs::metadata(path).with_context(cannot)?.len();
    if size > VALUES_LIMIT {
        bail!(Misuse(format!(
            "{} has more than {VALUES_LIMIT} bytes",
            path.display()
        )));
    }
    let text = fs::read_to_string(path).with_context(cannot)?;
    let table: toml::Table = text
        .parse()
        .map_err(|error| Misuse(format!("{}: {error}", path.display())))?;
    let mut found = Vec::new();
    gather("", &table, path, &mut found)?;
    Ok(found)
}

fn gather(
    before: &str,
    table: &toml::Table,
    path: &Path,
    found: &mut Vec<(String, String)>,
) -> Result<()> {
    for (name, value) in table {
        let name = format!("{before}{name}");
        let text = match value {
            toml::Value::Table(inner) => {
                gather(&format!("{name}."), inner, path, found)?;
                continue;
            }
            toml::Value::String(text) => text.clone(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(yes) => yes.to_string(),
            toml::Value::Array(_) | toml::Value::Datetime(_) => bail!(Misuse(format!(
                "{}: `{name}` is a text, a number or a truth value",
                path.display()
            ))),
        };
        found.push((name, text));
    }
    Ok(())
}

fn reference(promised: &Promised, key: &str) -> Result<String> {
    promised.reference.clone().ok_or_else(|| {
        let name = &promised.name;
        Misuse(format!(
            "{name} has no reference that others could pull; say it with --set {key}=REFERENCE"
        ))
        .into()
    })
}

fn subject(promised: &Promised, choices: &Choices) -> Result<Subject> {
    let image = match says_image(choices) {
        true => promised.reference.clone().unwrap_or_default(),
        false => reference(promised, "image")?,
    };
    let name = &promised.name;
    let labels = promised
        .configurations
        .iter()
        .map(|it| it.config.labels.get(LABEL));
    let Some(label) = labels.flatten().next() else {
        bail!(Misuse(format!(
            "{name} has no label {LABEL}: what it needs is only known of images that this program has made with a profile"
        )));
    };
    let contract: Contract = serde_json::from_str(label).map_err(|error| {
        Misuse(format!(
            "the label {LABEL} of {name} cannot be read: {error}"
        ))
    })?;
    Ok(Subject::new(image, name, contract)?)
}

fn says_image(choices: &Choices) -> bool {
    choices.said().any(|key| key == "image")
}

/// The files one after the other, each under its name where there are several.
fn text(files: &[Rendered]) -> String {
    match files {
        [file] => file.text.clone(),
        files => files
            .iter()
            .map(|file| format!("# --- {}\n{}", file.name, file.text))
            .collect(),
    }
}

fn write(directory: &Path, files: &[Rendered], force: bool, output: &Output) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    for file in files {
        let path = directory.join(file.name);
        let other = match fs::read(&path) {
            Ok(bytes) => bytes != file.text.as_bytes(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                let cannot = format!("cannot read {}, which is there", path.display());
                return Err(error).context(cannot);
            }
        };
        if other && !force {
            bail!(Misuse(format!(
                "{} is there and has another content; remove it, or say --force",
                path.display()
            )));
        }
    }
    for file in files {
        let path = directory.join(file.name);
        replace(&path, file.text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        output.say(&format!("wrote {}", path.display()));
    }
    Ok(())
}
