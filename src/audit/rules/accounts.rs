//! Rules about accounts: passwd(5), shadow(5), sudoers(5).

use super::super::Finding;
use super::super::subject::Subject;

/// The numbers of services' accounts (Debian policy 9.2.2; login.defs(5)).
const SERVICES: std::ops::Range<u64> = 1..1000;
/// Shells that let nobody in.
const CLOSED: [&str; 6] = ["nologin", "false", "sync", "shutdown", "halt", "true"];

/// The accounts with the password fields that let somebody in, by database.
fn passwords(subject: &Subject<'_>) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    for path in ["etc/passwd", "etc/shadow", "etc/group", "etc/gshadow"] {
        for fields in subject.database(path) {
            let (Some(account), Some(password)) = (fields.first(), fields.get(1)) else {
                continue;
            };
            // In another database, or locked. A group without one admits its members alone.
            let locked = password == "x" || password.starts_with(['!', '*']);
            let group = ["etc/group", "etc/gshadow"].contains(&path);
            if locked || group && password.is_empty() {
                continue;
            }
            found.push((path, account.clone(), password.clone()));
        }
    }
    found
}

pub(super) fn empty_password(subject: &Subject<'_>) -> Vec<Finding> {
    let open = passwords(subject).into_iter();
    open.filter(|(_, _, password)| password.is_empty())
        .map(|(path, account, _)| {
            let message = format!("{account} has no password in /{path}: anybody can be it");
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}

pub(super) fn password(subject: &Subject<'_>) -> Vec<Finding> {
    let open = passwords(subject).into_iter();
    open.filter(|(_, _, password)| !password.is_empty())
        .map(|(path, account, _)| {
            let message =
                format!("{account} has a password in /{path}, the same in every container");
            Finding::new(format!("/{path}"), message)
        })
        .collect()
}

pub(super) fn root(subject: &Subject<'_>) -> Vec<Finding> {
    let accounts = subject.database("etc/passwd").into_iter();
    accounts
        .filter_map(|fields| {
            let name = fields.first()?;
            let is_root = fields.get(2).is_some_and(|number| number == "0");
            let message = format!("{name} in /etc/passwd is root by another name");
            (is_root && name != "root").then(|| Finding::new("/etc/passwd", message))
        })
        .collect()
}

pub(super) fn shells(subject: &Subject<'_>) -> Vec<Finding> {
    let accounts = subject.database("etc/passwd").into_iter();
    accounts
        .filter_map(|fields| {
            let (name, shell) = (fields.first()?, fields.get(6)?);
            let number: u64 = fields.get(2)?.parse().ok()?;
            // No shell is /bin/sh: passwd(5).
            let program = shell.rsplit('/').next().unwrap_or(shell);
            let open = SERVICES.contains(&number) && !CLOSED.contains(&program);
            let message = format!("{name} in /etc/passwd is a service with the shell `{shell}`");
            open.then(|| Finding::new("/etc/passwd", message))
        })
        .collect()
}

pub(super) fn sudo(subject: &Subject<'_>) -> Vec<Finding> {
    let rules = subject
        .files()
        .map(|(path, _)| path)
        .filter(|path| *path == "etc/sudoers" || path.starts_with("etc/sudoers.d/"));
    rules
        .flat_map(|path| {
            let text = subject.view.text(path).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
            let lines = lines.into_iter();
            lines
                .filter(|line| !line.starts_with('#'))
                .filter(|line| {
                    let defaults = line.starts_with("Defaults");
                    line.contains("NOPASSWD") || defaults && line.contains("!authenticate")
                })
                .map(move |line| {
                    Finding::new(
                        format!("/{path}"),
                        format!("/{path} asks no password: `{line}`"),
                    )
                })
        })
        .collect()
}
