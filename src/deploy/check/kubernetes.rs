//! Objects of Kubernetes.

use super::error::CheckError;
use super::field::Field;
use super::model::{Claim, Controller, Manifest, ServicePort, Several};
use super::pod;
use super::title;

/// Kinds that make pods of a template, and those whose template lies elsewhere.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("Pod", &["spec"]),
    ("PodTemplate", &["template", "spec"]),
    ("Deployment", TEMPLATE),
    ("StatefulSet", TEMPLATE),
    ("DaemonSet", TEMPLATE),
    ("Job", TEMPLATE),
    ("ReplicaSet", TEMPLATE),
    ("ReplicationController", TEMPLATE),
    (
        "CronJob",
        &["spec", "jobTemplate", "spec", "template", "spec"],
    ),
];
const TEMPLATE: &[&str] = &["spec", "template", "spec"];

/// Takes up a document, if it is one of Kubernetes that can be checked.
pub fn read(document: &Field<'_>, manifest: &mut Manifest) -> Result<bool, CheckError> {
    let (Some(kind), Some(_)) = (document.word("kind"), document.word("apiVersion")) else {
        return Ok(false);
    };
    if kind.ends_with("List") {
        let items = document.get("items").filter(Field::is_list);
        for item in items.iter().flat_map(Field::items) {
            read(&item, manifest)?;
        }
        return Ok(items.is_some());
    }
    match kind {
        "Service" => service(document, manifest),
        "PersistentVolumeClaim" => claim(document, manifest),
        _ => return workload(document, kind, manifest),
    }
    Ok(true)
}

fn name<'t>(document: &Field<'t>) -> &'t str {
    let metadata = document.get("metadata");
    let word = |key| metadata.as_ref().and_then(|metadata| metadata.word(key));
    word("name").or(word("generateName")).unwrap_or_default()
}

fn namespace(document: &Field<'_>) -> String {
    let namespace = document.at(&["metadata", "namespace"]);
    let namespace = namespace.and_then(|field| field.text());
    namespace.unwrap_or_default().to_owned()
}

fn workload(document: &Field<'_>, kind: &str, manifest: &mut Manifest) -> Result<bool, CheckError> {
    let known = TEMPLATES.iter().find(|(name, _)| *name == kind);
    // Operators have kinds of their own for what has a template like a Deployment's.
    let path = known.map_or(TEMPLATE, |(_, path)| path);
    let Some(spec) = document.at(path) else {
        return Ok(known.is_some());
    };
    if known.is_none() && spec.get("containers").is_none() {
        return Ok(false);
    }
    let controller = controller(document, kind, &spec);
    let several = several(document, kind);
    let title = title(kind, name(document));
    let group = pod::read(document, &spec, title, controller, several);
    manifest.add(group)?;
    Ok(true)
}

fn controller(document: &Field<'_>, kind: &str, spec: &Field<'_>) -> Controller {
    let policy = spec.get("restartPolicy");
    let once = policy.filter(|policy| matches!(policy.text(), Some("Never" | "OnFailure")));
    let ends = match kind {
        "Job" | "CronJob" => Some(document.nearest(&["kind"])),
        "Pod" => once.map(|policy| policy.place),
        _ => None,
    };
    Controller {
        kind: kind.to_owned(),
        namespace: namespace(document),
        ends,
        shared_processes: spec.says("shareProcessNamespace"),
    }
}

/// What makes several pods of an object exist at once.
fn several(document: &Field<'_>, kind: &str) -> Option<Several> {
    let number = |key: &str| {
        let field = document.at(&["spec", key])?;
        Some((field.number()?, field.place))
    };
    let text = |path: &[&str]| document.at(path).and_then(|field| field.text());
    let (what, always, place) = match kind {
        "Pod" | "PodTemplate" => return None,
        "DaemonSet" => {
            let place = document.nearest(&["kind"]);
            ("has a pod on each node".to_owned(), true, place)
        }
        "Job" => {
            let (count, place) = number("parallelism").filter(|(count, _)| *count > 1)?;
            (format!("has {count} pods at once"), true, place)
        }
        "CronJob" => {
            let policy = ["spec", "concurrencyPolicy"];
            if text(&policy).is_some_and(|policy| policy != "Allow") {
                return None;
            }
            let what = "starts a job while the one before may still run";
            (what.to_owned(), false, document.nearest(&policy))
        }
        _ => match number("replicas") {
            Some((0, _)) => return None,
            Some((count, place)) if count > 1 => (format!("has {count} pods"), true, place),
            _ => {
                let strategy = ["spec", "strategy", "type"];
                let surge = text(&["spec", "strategy", "rollingUpdate", "maxSurge"]);
                let rolls = text(&strategy).is_none_or(|kind| kind == "RollingUpdate")
                    && !matches!(surge, Some("0" | "0%"));
                if kind != "Deployment" || !rolls {
                    return None;
                }
                let what = "starts the next pod before the last one has ended";
                (what.to_owned(), false, document.nearest(&strategy))
            }
        },
    };
    Some(Several {
        what,
        always,
        place,
    })
}

fn service(document: &Field<'_>, manifest: &mut Manifest) {
    let title = title("Service", name(document));
    let Some(spec) = document.get("spec") else {
        return;
    };
    for port in spec.list("ports") {
        let numbers = ["targetPort", "port"].map(|key| port.get(key));
        for field in numbers.into_iter().flatten() {
            let number = field.number().and_then(|number| number.try_into().ok());
            let Some(number) = number else {
                continue;
            };
            manifest.services.push(ServicePort {
                title: title.clone(),
                number,
                place: field.place,
            });
        }
    }
}

fn claim(document: &Field<'_>, manifest: &mut Manifest) {
    let modes = document.at(&["spec", "accessModes"]);
    let modes = modes.map_or_else(Vec::new, |modes| modes.items());
    let one_pod = !modes.is_empty()
        && modes
            .iter()
            .all(|mode| mode.text() == Some("ReadWriteOncePod"));
    let key = (namespace(document), name(document).to_owned());
    manifest.claims.insert(key, Claim { one_pod });
}
