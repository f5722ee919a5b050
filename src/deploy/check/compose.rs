//! Compose files.

use std::collections::BTreeMap;

use super::amount;
use super::daemon::recognise;
use super::error::CheckError;
use super::field::Field;
use super::image::Reference;
use super::model::{
    After, Container, Controller, Group, HostNamespace, Manifest, Mount, Platform, Port, Reach,
    Several, Source, is_local,
};
use super::mount;
use super::pod::folder;
use super::title;

/// Takes up a document, if it is a Compose file.
pub fn read(document: &Field<'_>, manifest: &mut Manifest) -> Result<bool, CheckError> {
    let Some(services) = document.get("services").filter(Field::is_map) else {
        return Ok(false);
    };
    // Woodpecker's pipelines have services too.
    if ["steps", "pipeline"]
        .iter()
        .any(|key| document.get(key).is_some())
    {
        return Ok(false);
    }
    let services = services.entries();
    let known = |field: &Field<'_>| {
        ["image", "build", "extends"]
            .iter()
            .any(|key| field.get(key).is_some())
    };
    if !services.iter().any(|(_, service)| known(service)) {
        return Ok(false);
    }
    Manifest::room(services.len())?;
    let volumes = declared(document);
    let mut containers: Vec<Container> = services
        .iter()
        .map(|(name, field)| container(name, field, &volumes))
        .collect();
    // A service that shares another's network is reached by that one's names.
    let joined: Vec<(String, Vec<String>)> = containers
        .iter()
        .filter_map(|one| Some((one.joins.clone()?, one.names.clone())))
        .collect();
    for (other, names) in joined {
        if let Some(one) = containers.iter_mut().find(|one| one.name == other) {
            one.names.extend(names);
        }
    }
    manifest.add(Group {
        platform: Platform::Compose,
        title: "the Compose file".to_owned(),
        containers,
        controller: Controller::default(),
    })?;
    Ok(true)
}

/// Named volumes that are something else than a directory of the engine's.
fn declared(document: &Field<'_>) -> BTreeMap<String, Source> {
    let mut declared = BTreeMap::new();
    for (name, volume) in document.get("volumes").iter().flat_map(Field::entries) {
        let Some(options) = volume.get("driver_opts") else {
            continue;
        };
        let device = options.word("device").unwrap_or_default();
        let bind = options
            .word("o")
            .is_some_and(|o| o.split(',').any(|o| o == "bind"));
        if options.word("type") == Some("tmpfs") {
            declared.insert(name.to_owned(), Source::Tmpfs(None));
        } else if bind && !device.is_empty() {
            declared.insert(name.to_owned(), Source::Host(folder(device)));
        }
    }
    declared
}

fn container(name: &str, field: &Field<'_>, volumes: &BTreeMap<String, Source>) -> Container {
    let mut one = Container::new(title("service", name), name, &field.place);
    let extends = field.get("extends").is_some();
    let built = field.get("build").is_some();
    one.image = field.get("image").filter(|_| !built).and_then(|image| {
        let reference = Reference::new(image.text()?);
        Some((reference, image.place))
    });
    for key in ["entrypoint", "command"] {
        if let Some(words) = field.get(key) {
            one.words.extend(texts(&words));
        }
    }
    one.words_at = field.nearest(&["command"]);
    environment(field, &mut one);
    one.env.open = extends || field.get("env_file").is_some();
    security(field, &mut one);
    mounts(field, &mut one, volumes);
    one.mounts_open = extends || field.get("volumes_from").is_some();
    one.runtime = field.word("runtime").map(str::to_owned);
    for port in field.list("ports") {
        one.ports.extend(published(&port));
    }
    for port in field.list("expose") {
        let number = port.number().and_then(|number| number.try_into().ok());
        one.ports.extend(number.map(|number| Port {
            number,
            reach: Reach::Declared,
            place: port.place.clone(),
        }));
    }
    limits(field, &mut one);
    let check = field.get("healthcheck");
    let off = |check: &Field<'_>| {
        let none = |test: &Field<'_>| texts(test).first().is_some_and(|word| word == "NONE");
        check.says("disable") || check.get("test").is_some_and(|test| none(&test))
    };
    one.ready = extends || check.is_some_and(|check| !off(&check));
    one.started = one.ready;
    one.ready_at = field.nearest(&["healthcheck"]);
    let test = field.at(&["healthcheck", "test"]);
    let test = test.map(|test| texts(&test)).unwrap_or_default();
    one.asked = test.iter().any(|text| text.contains("dindctl"));
    if let Some(after) = field.get("depends_on") {
        one.after = depends(&after);
    }
    names(name, field, &mut one);
    let count = field
        .at(&["deploy", "replicas"])
        .or_else(|| field.get("scale"));
    one.several = count.and_then(|count| {
        let number = count.number().filter(|number| *number > 1)?;
        Some(Several {
            what: format!("has {number} containers"),
            always: true,
            place: count.place,
        })
    });
    let grace = field.get("stop_grace_period");
    one.stop = grace.and_then(|grace| Some((amount::seconds(grace.text()?)?, grace.place)));
    one.daemon = recognise(&one);
    one
}

/// A text, or a list of them.
fn texts(field: &Field<'_>) -> Vec<String> {
    let list = field.items();
    let one = field.text().into_iter();
    let texts = list.iter().filter_map(Field::text).chain(one);
    texts.map(str::to_owned).collect()
}

/// Variables as a mapping, or as a list of `NAME=VALUE`.
fn environment(field: &Field<'_>, one: &mut Container) {
    let Some(variables) = field.get("environment") else {
        return;
    };
    one.env.take(&variables);
    for item in variables.items() {
        let text = item.text().unwrap_or_default();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        one.env.set(name, value, item.place.clone());
    }
}

fn security(field: &Field<'_>, one: &mut Container) {
    one.security.place = Some(field.nearest(&["privileged"]));
    if field.says("privileged") {
        one.security.privileged = Some(field.nearest(&["privileged"]));
    }
    let added = field.list("cap_add");
    one.security.mounts = added.iter().any(|capability| {
        let name = capability.text().unwrap_or_default();
        matches!(name, "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN")
    });
    let options = field.list("security_opt");
    one.security.seccomp = options.iter().any(|option| {
        let text = option.text().unwrap_or_default();
        text.starts_with("seccomp")
    });
    let spaces = [
        ("network_mode", HostNamespace::Network),
        ("pid", HostNamespace::Processes),
        ("ipc", HostNamespace::Ipc),
    ];
    for (key, namespace) in spaces {
        if field.word(key) == Some("host") {
            one.host.push((namespace, field.nearest(&[key])));
        }
    }
}

fn mounts(field: &Field<'_>, one: &mut Container, volumes: &BTreeMap<String, Source>) {
    one.mounts_at = field.nearest(&["volumes"]);
    for volume in field.list("volumes") {
        let mounted = match volume.text() {
            Some(text) => mount::short(text, &volume.place),
            None => long(&volume),
        };
        one.mounts.extend(mounted);
    }
    if let Some(memory) = field.get("tmpfs") {
        let list = memory.items();
        for text in list.iter().chain([&memory]) {
            let mounted = text.text().and_then(|path| mount::tmpfs(path, &text.place));
            one.mounts.extend(mounted);
        }
    }
    for mount in &mut one.mounts {
        if let Source::Named(name) = &mount.source
            && let Some(source) = volumes.get(name)
        {
            mount.source = source.clone();
        }
    }
}

fn long(volume: &Field<'_>) -> Option<Mount> {
    let target = volume.word("target").filter(|path| path.starts_with('/'))?;
    let source = volume.word("source");
    let source = match (volume.word("type"), source) {
        (Some("tmpfs"), _) => {
            let size = volume.at(&["tmpfs", "size"]);
            Source::Tmpfs(size.and_then(|size| amount::compose(size.text()?)))
        }
        (Some("bind"), Some(path)) => Source::Host(folder(path)),
        (Some("volume") | None, Some(name)) => Source::Named(name.to_owned()),
        (Some("volume") | None, None) => Source::Own(String::new()),
        _ => Source::Other,
    };
    let part = volume.at(&["volume", "subpath"]);
    Some(Mount {
        path: folder(target),
        source,
        part: part.and_then(|part| part.text().map(folder)),
        read_only: volume.says("read_only"),
        place: volume.place.clone(),
    })
}

/// Ports that a line publishes: `ADDRESS:HOST:CONTAINER/PROTOCOL`, or the long form.
pub fn published(port: &Field<'_>) -> Vec<Port> {
    let (address, target, host) = match port.text() {
        Some(text) => {
            let text = text.split('/').next().unwrap_or(text);
            let mut parts = text.rsplitn(3, ':');
            let target = parts.next().unwrap_or_default();
            let host = parts.next();
            (parts.next(), target, host)
        }
        None => {
            let target = port.word("target").unwrap_or_default();
            (port.word("host_ip"), target, port.word("published"))
        }
    };
    // Without a port of the host the engine chooses one: published all the same.
    let local = address.is_some_and(|address| is_local(address.trim_matches(['[', ']'])));
    let unknown = address.or(host).is_some_and(|part| part.contains('$'));
    let reach = match local || (unknown && address.is_some()) {
        true => Reach::Loopback,
        false => Reach::Published,
    };
    let (first, last) = target.split_once('-').unwrap_or((target, target));
    let (Ok(first), Ok(last)) = (first.trim().parse::<u16>(), last.trim().parse::<u16>()) else {
        return Vec::new();
    };
    // Of a range only the daemon's ports matter.
    let known = [2375, 2376].into_iter();
    let known = known.filter(|number| (first..=last).contains(number));
    known
        .map(|number| Port {
            number,
            reach,
            place: port.place.clone(),
        })
        .collect()
}

fn limits(field: &Field<'_>, one: &mut Container) {
    let memory = field
        .get("mem_limit")
        .or_else(|| field.at(&["deploy", "resources", "limits", "memory"]));
    one.limits.memory_said = memory.is_some() || field.get("extends").is_some();
    one.limits.memory = memory.and_then(|memory| amount::compose(memory.text()?));
    one.limits.place = field.nearest(&["mem_limit"]);
    one.limits.cpu = true;
    one.limits.storage = true;
}

fn depends(after: &Field<'_>) -> Vec<After> {
    let list = after.items().into_iter().filter_map(|item| {
        Some(After {
            name: item.text()?.to_owned(),
            healthy: false,
            place: item.place,
        })
    });
    let map = after.entries().into_iter().map(|(name, how)| After {
        name: name.to_owned(),
        healthy: how.word("condition") == Some("service_healthy"),
        place: how.place,
    });
    list.chain(map).collect()
}

fn names(name: &str, field: &Field<'_>, one: &mut Container) {
    let mode = field.word("network_mode").unwrap_or_default();
    one.joins = mode.strip_prefix("service:").map(str::to_owned);
    one.hostname = field.word("hostname").map(str::to_owned);
    one.names.push(name.to_owned());
    let further = ["container_name", "hostname"].map(|key| field.word(key));
    one.names
        .extend(further.into_iter().flatten().map(str::to_owned));
    for (_, network) in field.get("networks").iter().flat_map(Field::entries) {
        let aliases = network.get("aliases");
        one.names.extend(aliases.iter().flat_map(texts));
    }
}
