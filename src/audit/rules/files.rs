//! Rules about single files.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::harden;
use crate::view::{File, Kind};

use super::super::Finding;
use super::super::subject::Subject;

/// Set-user-id, set-group-id, sticky, and writable by everybody.
const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
/// The attribute that capabilities(7) stand in.
const CAPABILITY: &str = "security.capability";
/// Libraries that every program loads: ld.so(8).
const PRELOAD: &str = "etc/ld.so.preload";
/// Who a machine is: machine-id(5), and the same of D-Bus.
const IDENTITIES: [&str; 2] = ["etc/machine-id", "var/lib/dbus/machine-id"];
/// What somebody left who built the image.
const LEFT: [&str; 8] = [
    "tmp/",
    "var/tmp/",
    "var/cache/apt/",
    "var/lib/apt/lists/",
    "var/cache/apk/",
    "var/cache/dnf/",
    "var/log/",
    "root/.cache/",
];
/// Histories of shells.
const HISTORIES: [&str; 2] = ["root/.bash_history", "root/.ash_history"];

pub(super) fn secrets(subject: &Subject<'_>) -> Vec<Finding> {
    let view = subject.view;
    let mut found: Vec<Finding> = Vec::new();
    for one in &view.secrets {
        // The path as containers see it, and whether they see this very content.
        let top = view.place(&one.path);
        let file = view.files.get(&top).filter(|file| file.layer == one.layer);
        // What packages bring is everybody's already.
        if file.is_some_and(|file| view.packages.is_untouched(&top, file)) {
            continue;
        }
        let place = format!("/{}", one.path);
        let covered = match file {
            Some(_) => "",
            None => ", which a later one covers",
        };
        let layer = one.layer + 1;
        let message = format!("{place} in layer {layer}{covered} holds {}", one.what);
        found.push(Finding::new(place, message));
    }
    let config = &view.config;
    let env = config.config.env.iter().map(|text| {
        let name = text.split('=').next().unwrap_or(text);
        (format!("config.Env.{name}"), text)
    });
    let labels = config.config.labels.iter();
    let labels = labels.map(|(name, text)| (format!("config.Labels.{name}"), text));
    let steps = config.history.iter().enumerate();
    let steps = steps.map(|(number, step)| (format!("history.{number}"), &step.created_by));
    for (place, text) in env.chain(labels).chain(steps) {
        if let Some(what) = harden::secret_in("", text.as_bytes()) {
            let message = format!("{place} holds {what}");
            found.push(Finding::new(place, message));
        }
    }
    found
}

pub(super) fn set_id(subject: &Subject<'_>) -> Vec<Finding> {
    // A program has its bits under every name.
    let mut accepted: BTreeSet<String> = BTreeSet::new();
    let mut contents: BTreeSet<Digest> = BTreeSet::new();
    for path in &subject.accepted.set_id {
        if let Some((path, file)) = subject.view.find(path)
            && let Kind::Regular { sha256, .. } = &file.kind
        {
            contents.insert(*sha256);
            accepted.insert(path);
        }
    }
    let is_accepted = |path: &str, file: &File| match &file.kind {
        Kind::Regular {
            name_of: Some(_),
            sha256,
            ..
        } => contents.contains(sha256),
        _ => accepted.contains(path),
    };
    subject
        .files()
        .filter(|(_, file)| file.is_regular() && file.mode & (SET_USER | SET_GROUP) != 0)
        .filter(|(path, file)| !accepted.contains(*path) && !is_accepted(path, file))
        .map(|(path, file)| {
            let whose = match file.mode & SET_USER != 0 {
                true => format!("user {}", file.uid),
                false => format!("group {}", file.gid),
            };
            let message = format!(
                "/{path} runs as {whose}, whoever starts it ({:04o})",
                file.mode
            );
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}

pub(super) fn capabilities(subject: &Subject<'_>) -> Vec<Finding> {
    let expected = |path: &str| {
        // Without them a rootless daemon has no namespace: newuidmap(1).
        let is_map = path.ends_with("/newuidmap") || path.ends_with("/newgidmap");
        let contract = subject.contract.as_ref();
        is_map && contract.is_some_and(|contract| contract.profile == "rootless")
    };
    subject
        .files()
        .filter(|(path, file)| file.attributes.contains_key(CAPABILITY) && !expected(path))
        .map(|(path, _)| {
            let message = format!("/{path} has capabilities of its own");
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}

pub(super) fn world_writable(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .files()
        .filter(|(_, file)| match file.kind {
            Kind::Link(_) => false,
            Kind::Directory => file.mode & (OTHERS_WRITE | STICKY) == OTHERS_WRITE,
            _ => file.mode & OTHERS_WRITE != 0,
        })
        .map(|(path, file)| {
            let message = format!("everybody may write /{path} ({:04o})", file.mode);
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}

pub(super) fn unowned(subject: &Subject<'_>) -> Vec<Finding> {
    let numbers = |path: &str| -> Option<BTreeSet<u64>> {
        subject.view.find(path)?;
        let lines = subject.database(path);
        let numbers = lines
            .iter()
            .filter_map(|fields| fields.get(2)?.parse().ok());
        Some(numbers.chain([0]).collect())
    };
    // Without databases nobody has a name, and root needs none.
    let (users, groups) = (numbers("etc/passwd"), numbers("etc/group"));
    let lacks = |known: &Option<BTreeSet<u64>>, number: u64| {
        known.as_ref().is_some_and(|known| !known.contains(&number))
    };
    subject
        .files()
        .filter_map(|(path, file)| {
            let whose = match (lacks(&users, file.uid), lacks(&groups, file.gid)) {
                (true, _) => format!("user {}", file.uid),
                (false, true) => format!("group {}", file.gid),
                (false, false) => return None,
            };
            let message = format!("/{path} is of {whose}, who has no name in the image");
            Some(Finding::new(format!("/{path}"), message))
        })
        .collect()
}

pub(super) fn devices(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .files()
        .filter_map(|(path, file)| {
            let Kind::Special(what) = file.kind else {
                return None;
            };
            let message = format!("/{path} is {what}");
            what.contains("device")
                .then(|| Finding::new(format!("/{path}"), message))
        })
        .collect()
}

pub(super) fn preload(subject: &Subject<'_>) -> Vec<Finding> {
    let text = subject.view.text(PRELOAD).unwrap_or_default();
    match text.trim() {
        "" => Vec::new(),
        library => vec![Finding::new(
            format!("/{PRELOAD}"),
            format!("/{PRELOAD} has every program load {library}"),
        )],
    }
}

pub(super) fn identity(subject: &Subject<'_>) -> Vec<Finding> {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    IDENTITIES
        .iter()
        .filter(|path| {
            let text = subject.view.files.get(**path).and(subject.view.text(path));
            // The one of D-Bus is not among the files that are kept, and has no other content.
            let file = subject.view.files.get(**path);
            let has = file.is_some_and(File::has_content);
            has && text.is_none_or(|text| is_id(text.trim()))
        })
        .map(|path| {
            Finding::new(
                format!("/{path}"),
                format!("/{path} makes every container the same machine"),
            )
        })
        .collect()
}

pub(super) fn leftovers(subject: &Subject<'_>) -> Vec<Finding> {
    subject
        .files()
        .filter(|(path, file)| {
            let left = LEFT.iter().any(|top| path.starts_with(top)) || HISTORIES.contains(path);
            left && file.has_content()
        })
        .map(|(path, file)| {
            let message = format!("/{path} is left over, {} bytes", file.size());
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}
