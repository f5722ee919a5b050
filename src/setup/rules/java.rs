//! Java: the programs' alternatives, the directory of its settings, and what it trusts.

use super::super::alternatives::Declaration;
use super::super::context::{Setup, SetupError};
use super::super::java_store::PACKAGE;
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "java",
    replaces: "postinst of openjdk's runtimes (alternatives, /etc/.java), java-common (/etc/.java) and ca-certificates-java (the keystore)",
    covers: &[
        PACKAGE,
        "java-common",
        "openjdk-11-jre-headless",
        "openjdk-17-jre-headless",
        "openjdk-21-jre-headless",
        "openjdk-25-jre-headless",
    ],
    apply,
};

/// The directory of settings for everybody (java.util.prefs).
const SETTINGS: &str = "etc/.java";

/// The keystore is written with the store that it is made of (`ca_store`): also where no runtime is
/// installed, whose own package would wait for one, because an `[[artifact]]` may bring it.
fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let has = RULE.covers.iter().any(|package| setup.has(package));
    if !has {
        return Ok(());
    }
    if setup.has("java-common") || !runtimes(setup).is_empty() {
        let preferences = format!("{SETTINGS}/.systemPrefs");
        for directory in [SETTINGS, &preferences] {
            setup.directory(directory, 0o755, 0)?;
        }
        for file in [".system.lock", ".systemRootModFile"] {
            setup.write_new(&format!("{preferences}/{file}"), 0o644, "")?;
        }
    }
    Ok(())
}

/// The scripts of the runtimes that are there, by their packages.
fn runtimes<'a>(setup: &'a Setup<'_>) -> Vec<(&'static str, &'a str)> {
    let runtimes = RULE
        .covers
        .iter()
        .filter(|name| name.starts_with("openjdk-"));
    runtimes
        .filter_map(|name| Some((*name, setup.package(name)?.control.text("postinst")?)))
        .collect()
}

/// What the scripts declare in loops over their own variables.
pub(super) fn alternatives(setup: &Setup<'_>) -> Result<Vec<Declaration>, SetupError> {
    let there = |path: &str| setup.exists(path);
    let mut all = Vec::new();
    for (package, script) in runtimes(setup) {
        let declared = declared(script, &there);
        all.extend(declared.ok_or_else(|| {
            setup.input(
                package,
                "the variables of its script are not those that are known",
            )
        })?);
    }
    Ok(all)
}

fn declared(script: &str, there: &dyn Fn(&str) -> bool) -> Option<Vec<Declaration>> {
    let value = |name: &str| {
        let line = script
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(line.trim_matches('\''))
    };
    let (base, priority) = (value("basedir")?, value("priority")?.parse().ok()?);
    let declare = |name: &str, path: String, slave: (String, String, String)| Declaration {
        link: format!("/usr/bin/{name}"),
        name: name.to_owned(),
        path,
        priority,
        slaves: Some(slave)
            .filter(|(_, _, path)| there(path))
            .into_iter()
            .collect(),
    };
    let mut declarations: Vec<Declaration> = value("jre_tools")?
        .split(' ')
        .map(|tool| {
            let page = format!("{tool}.1.gz");
            let manual = (
                format!("/usr/share/man/man1/{page}"),
                page.clone(),
                format!("{base}/man/man1/{page}"),
            );
            declare(tool, format!("{base}/bin/{tool}"), manual)
        })
        .collect();
    let format = (
        "/usr/share/binfmts/jar".to_owned(),
        "jexec-binfmt".to_owned(),
        format!("{base}/lib/jar.binfmt"),
    );
    declarations.push(declare("jexec", format!("{base}/lib/jexec"), format));
    Some(declarations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_declared_with_the_manual_pages_that_are_there() {
        let script = "#!/bin/sh\npriority=2111\nbasedir=/usr/lib/jvm/java-21-openjdk-amd64\nmandir=$basedir/man\njre_tools='java keytool'\n";
        let page = "/usr/lib/jvm/java-21-openjdk-amd64/man/man1/java.1.gz";
        let declared = declared(script, &|path| path == page).expect("variables");
        let names: Vec<(&str, usize)> = declared
            .iter()
            .map(|one| (one.name.as_str(), one.slaves.len()))
            .collect();
        assert_eq!(names, [("java", 1), ("keytool", 0), ("jexec", 0)]);
        assert_eq!(declared[0].priority, 2111);
        assert!(super::declared("priority=1\n", &|_| true).is_none());
        assert_eq!(
            declared[2].path,
            "/usr/lib/jvm/java-21-openjdk-amd64/lib/jexec"
        );
    }
}
