//! A pod spec.

use std::collections::BTreeMap;

use super::amount;
use super::daemon::recognise;
use super::field::{Field, Place};
use super::image::Reference;
use super::model::{
    Container, Controller, Group, HostNamespace, Life, Mount, Platform, Port, Reach, Several,
    Source,
};
use super::title;

/// Keys that put a pod into namespaces of the node.
const NAMESPACES: &[(&str, HostNamespace)] = &[
    ("hostNetwork", HostNamespace::Network),
    ("hostPID", HostNamespace::Processes),
    ("hostIPC", HostNamespace::Ipc),
];

/// What a pod spec starts. `document` is its object, for what stands beside the spec.
pub fn read(
    document: &Field<'_>,
    spec: &Field<'_>,
    title: String,
    controller: Controller,
    several: Option<Several>,
) -> Group {
    let mut volumes = BTreeMap::new();
    for volume in spec.list("volumes") {
        if let Some(name) = volume.word("name") {
            volumes.insert(name, source(name, &volume));
        }
    }
    let templates = document.at(&["spec", "volumeClaimTemplates"]);
    for template in templates.iter().flat_map(Field::items) {
        let name = template.at(&["metadata", "name"]);
        if let Some(name) = name.and_then(|name| name.text()) {
            volumes.insert(name, Source::Own(name.to_owned()));
        }
    }
    let pod = Pod {
        spec,
        volumes,
        several,
    };
    let main = spec.list("containers").into_iter();
    let main = main.map(|field| pod.container(&field, Life::Main));
    let first = spec.list("initContainers").into_iter().map(|field| {
        let life = match field.word("restartPolicy") {
            Some("Always") => Life::Sidecar,
            _ => Life::Init,
        };
        pod.container(&field, life)
    });
    let debug = spec.list("ephemeralContainers").into_iter();
    let debug = debug.map(|field| pod.container(&field, Life::Main));
    Group {
        platform: Platform::Kubernetes,
        title,
        containers: main.chain(first).chain(debug).collect(),
        controller,
    }
}

fn source(name: &str, volume: &Field<'_>) -> Source {
    if let Some(empty) = volume.get("emptyDir") {
        let limit = empty.get("sizeLimit");
        return Source::EmptyDir {
            name: name.to_owned(),
            memory: empty.word("medium") == Some("Memory"),
            limited: limit.is_some(),
            limit: limit.and_then(|limit| amount::kubernetes(limit.text()?)),
        };
    }
    let text = |path: &[&str]| volume.at(path).and_then(|field| field.text());
    if let Some(path) = text(&["hostPath", "path"]) {
        return Source::Host(folder(path));
    }
    if let Some(claim) = text(&["persistentVolumeClaim", "claimName"]) {
        return Source::Claim(claim.to_owned());
    }
    let others = volume.entries();
    // A volume without a source is an emptyDir.
    let none = others.iter().all(|(key, _)| *key == "name");
    let empty = others.iter().any(|(key, _)| *key == "emptyDir");
    if none || empty {
        return Source::EmptyDir {
            name: name.to_owned(),
            memory: false,
            limit: None,
            limited: false,
        };
    }
    match volume.get("ephemeral") {
        Some(_) => Source::Own(name.to_owned()),
        None => Source::Other,
    }
}

/// A directory without a slash at its end.
pub fn folder(path: &str) -> String {
    path.trim_end_matches('/').to_owned()
}

struct Pod<'f, 't> {
    spec: &'f Field<'t>,
    volumes: BTreeMap<&'t str, Source>,
    several: Option<Several>,
}

impl Pod<'_, '_> {
    fn container(&self, field: &Field<'_>, life: Life) -> Container {
        let name = field.word("name").unwrap_or_default();
        let mut container = Container::new(title("container", name), name, &field.place);
        container.life = life;
        container.several = self.several.clone();
        container.image = field.get("image").and_then(|image| {
            let reference = Reference::new(image.text()?);
            Some((reference, image.place))
        });
        container.words = ["command", "args"]
            .iter()
            .flat_map(|key| field.list(key))
            .filter_map(|word| word.text().map(str::to_owned))
            .collect();
        container.words_at = match field.get("command") {
            Some(command) => command.place,
            None => field.nearest(&["args"]),
        };
        environment(field, &mut container);
        self.security(field, &mut container);
        self.mounts(field, &mut container);
        self.limits(field, &mut container);
        container.runtime = self.spec.word("runtimeClassName").map(str::to_owned);
        for port in field.list("ports") {
            add_port(&port, &mut container);
        }
        let has = |key: &str| field.get(key).is_some();
        let hook = field.at(&["lifecycle", "postStart"]).is_some();
        container.started = has("startupProbe") || hook;
        container.ready = container.started || has("readinessProbe");
        let probe = match life {
            Life::Main => "readinessProbe",
            Life::Sidecar | Life::Init => "startupProbe",
        };
        container.ready_at = field.nearest(&[probe]);
        let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
        container.asked = probes.iter().any(|probe| {
            let command = field.at(&[*probe, "exec"]);
            let command = command.map(|exec| exec.list("command")).unwrap_or_default();
            command.iter().any(|word| word.text() == Some("dindctl"))
        });
        let grace = self.spec.get("terminationGracePeriodSeconds");
        container.stop = grace.and_then(|grace| Some((grace.number()? as f64, grace.place)));
        for (key, namespace) in NAMESPACES {
            if self.spec.says(key) {
                container.host.push((*namespace, self.spec.nearest(&[key])));
            }
        }
        container.names = vec!["localhost".to_owned()];
        container.daemon = recognise(&container);
        container
    }

    fn security(&self, field: &Field<'_>, container: &mut Container) {
        let security = &mut container.security;
        security.place = Some(field.nearest(&["securityContext", "privileged"]));
        let context = field.get("securityContext");
        if let Some(context) = &context {
            if context.says("privileged") {
                security.privileged = Some(context.nearest(&["privileged"]));
            }
            let added = context.at(&["capabilities", "add"]);
            security.mounts = added.iter().flat_map(Field::items).any(|capability| {
                let name = capability.text().unwrap_or_default();
                matches!(name, "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN")
            });
        }
        let profile = |of: &Field<'_>| of.get("seccompProfile").is_some();
        security.seccomp = context.as_ref().is_some_and(profile)
            || self
                .spec
                .get("securityContext")
                .is_some_and(|of| profile(&of));
    }

    fn mounts(&self, field: &Field<'_>, container: &mut Container) {
        container.mounts_at = field.nearest(&["volumeMounts"]);
        container.devices = !field.list("volumeDevices").is_empty();
        for mount in field.list("volumeMounts") {
            let (Some(path), Some(name)) = (mount.word("mountPath"), mount.word("name")) else {
                continue;
            };
            let source = self.volumes.get(name).unwrap_or(&Source::Other).clone();
            let each = mount.get("subPathExpr").is_some();
            container.mounts.push(Mount {
                path: folder(path),
                source: if each {
                    Source::Own(String::new())
                } else {
                    source
                },
                part: mount.word("subPath").map(folder),
                read_only: mount.says("readOnly"),
                place: mount.place.clone(),
            });
        }
    }

    fn limits(&self, field: &Field<'_>, container: &mut Container) {
        // From Kubernetes 1.32 on a pod has resources of its own, for all of its containers.
        let find = |path: &[&str]| {
            let of = |of: &Field<'_>| of.get("resources")?.at(path)?.text().map(str::to_owned);
            of(field).or_else(|| of(self.spec))
        };
        let limits = &mut container.limits;
        let memory = find(&["limits", "memory"]);
        limits.memory_said = memory.is_some();
        limits.memory = memory.and_then(|memory| amount::kubernetes(&memory));
        limits.storage = find(&["limits", "ephemeral-storage"]).is_some();
        limits.cpu = find(&["requests", "cpu"]).is_some() || find(&["limits", "cpu"]).is_some();
        limits.place = field.nearest(&["resources"]);
    }
}

fn environment(field: &Field<'_>, container: &mut Container) {
    container.env.open = field.get("envFrom").is_some();
    for variable in field.list("env") {
        let Some(name) = variable.word("name") else {
            continue;
        };
        let elsewhere = variable.get("valueFrom").is_some();
        let value = variable.word("value").unwrap_or_default();
        let value = (!elsewhere).then_some(value);
        container.env.set(name, value, variable.place.clone());
    }
}

fn add_port(port: &Field<'_>, container: &mut Container) {
    let mut add = |key: &str, reach: Reach, place: Option<Place>| {
        let number = port.get("containerPort").and_then(|field| field.number());
        let number = number.and_then(|number| number.try_into().ok());
        if let (Some(number), Some(place)) = (number, place.or(Some(port.nearest(&[key])))) {
            container.ports.push(Port {
                number,
                reach,
                place,
            });
        }
    };
    let local = port.word("hostIP").is_some_and(super::model::is_local);
    match port.get("hostPort") {
        Some(host) if !local => add("hostPort", Reach::Published, Some(host.place)),
        Some(host) => add("hostPort", Reach::Loopback, Some(host.place)),
        None => add("containerPort", Reach::Declared, None),
    }
}
