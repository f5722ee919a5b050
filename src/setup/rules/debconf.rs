//! debconf's databases, as a noninteractive installation leaves them.

use std::collections::BTreeMap;

use super::super::context::{Package, Setup, SetupError};
use super::super::debconf::{Database, parse};
use super::{Rule, ca_certificates, pam};

pub(super) const RULE: Rule = Rule {
    name: "debconf",
    replaces: "templates loaded by debconf's frontend, questions asked by config and postinst scripts",
    covers: &["debconf"],
    apply,
};

/// The line with which a script becomes a client of debconf, which loads its templates.
const CLIENT: &str = ". /usr/share/debconf/confmodule";
const DIRECTORY: &str = "var/cache/debconf";

/// Questions that scripts ask or answer on a first installation: the answer, which without one is
/// the template's default, and whether it is marked as seen.
const ANSWERED: &[(&str, Option<&str>, bool)] = &[
    ("adduser/homedir-permission", None, false),
    ("ca-certificates/trust_new_crts", None, false),
    ("dash/sh", None, true),
    ("debconf/frontend", None, false),
    ("debconf/priority", None, false),
    ("fontconfig/enable_bitmaps", Some("false"), false),
    ("fontconfig/hinting_style", Some("hintslight"), false),
    ("fontconfig/hinting_type", Some("Native"), false),
    ("fontconfig/subpixel_rendering", Some("Automatic"), false),
    ("iproute2/setcaps", None, false),
    ("libpam-runtime/override", None, false),
    ("tzdata/Areas", Some("Etc"), true),
    ("tzdata/Zones/Etc", Some("UTC"), true),
];
/// Questions that scripts withdraw on a first installation.
const WITHDRAWN: &[&str] = &["adduser/homedir-changed"];

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if !setup.has("debconf") {
        return Ok(());
    }
    let mut database = Database::default();
    for package in setup.packages {
        let mut owners = owners(package);
        // ucf loads its own when it is called beside debconf.
        if package.name == "ucf" && owners.is_empty() && calls_ucf(setup) {
            owners.push(package.name.clone());
        }
        let Some(text) = package
            .control
            .text("templates")
            .filter(|_| !owners.is_empty())
        else {
            continue;
        };
        let templates = parse(text).map_err(|line| {
            setup.input(
                &package.name,
                format!("its debconf templates have the unreadable line `{line}`"),
            )
        })?;
        for template in templates {
            for owner in &owners {
                database.register(template.clone(), owner);
            }
        }
    }
    for name in WITHDRAWN {
        database.unregister(name);
    }
    answer(setup, &mut database)?;
    setup.write(
        &format!("{DIRECTORY}/config.dat"),
        0o644,
        database.config().as_str(),
    )?;
    setup.write(
        &format!("{DIRECTORY}/templates.dat"),
        0o644,
        database.templates().as_str(),
    )?;
    setup.write(&format!("{DIRECTORY}/passwords.dat"), 0o600, "")
}

/// The names under which the scripts of a package load its templates. A preinst runs before dpkg
/// qualifies the name with the architecture.
fn owners(package: &Package) -> Vec<String> {
    let client = |script: &str| {
        let text = package.control.text(script).unwrap_or_default();
        text.lines()
            .any(|line| line.contains(CLIENT) && !line.trim_start().starts_with('#'))
    };
    let mut owners = Vec::new();
    // dash's preinst asks only when it is upgraded.
    if client("preinst") && package.name != "dash" {
        owners.push(package.name.clone());
    }
    if client("postinst") {
        owners.push(package.info_name());
    }
    owners
}

fn calls_ucf(setup: &Setup<'_>) -> bool {
    let mut scripts = setup
        .packages
        .iter()
        .filter_map(|package| package.control.text("postinst"));
    scripts.any(|script| script.contains("ucf ") && script.contains("--debconf-ok"))
}

fn answer(setup: &Setup<'_>, database: &mut Database) -> Result<(), SetupError> {
    for (name, value, seen) in ANSWERED {
        let default = database
            .templates
            .get(*name)
            .and_then(|template| template.default_value());
        let value = value.or(default).map(str::to_owned);
        if let Some(question) = database.questions.get_mut(*name) {
            question.value = value;
            question.seen = *seen;
        }
    }
    let mut choose = |name: &str, value: Option<String>, variables: &[(&str, String)]| {
        if let Some(question) = database.questions.get_mut(name) {
            question.value = value;
            question.variables = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect::<BTreeMap<_, _>>();
        }
    };
    let certificates = ca_certificates::shipped(setup)?.join(", ");
    choose(
        "ca-certificates/enable_crts",
        Some(certificates.clone()),
        &[("enable_crts", certificates)],
    );
    choose(
        "ca-certificates/new_crts",
        None,
        &[("new_crts", String::new())],
    );
    let profiles = pam::profiles(setup)?;
    let join = |list: Vec<&str>| list.join(", ");
    let all = || profiles.iter().map(|profile| profile.name.as_str());
    choose(
        "libpam-runtime/profiles",
        Some(join(
            profiles
                .iter()
                .filter(|profile| profile.is_default())
                .map(|profile| profile.name.as_str())
                .collect(),
        )),
        &[
            ("profile_names", join(all().collect())),
            (
                "profiles",
                join(profiles.iter().map(|profile| profile.title()).collect()),
            ),
        ],
    );
    Ok(())
}
