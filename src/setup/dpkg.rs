//! dpkg's database, as `dpkg --configure` leaves it: status, file lists, control files.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use super::context::{Package, Setup, SetupError};

/// The order in which dpkg writes the fields it knows (dpkg, `lib/dpkg/parse.c`, `fieldinfos`);
/// other fields follow in their own order.
const FIELD_ORDER: &[&str] = &[
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Conffiles",
    "Description",
];
const ADMIN: &str = "var/lib/dpkg";
const RULE: &str = "dpkg-database";
/// Tells dpkg of the paths that are left out, so that later installations leave them out too.
const FILTERS: &str = "etc/dpkg/dpkg.cfg.d/dindimg";
/// dpkg lists what it was told to leave out, and then misses it: this program follows each run of
/// dpkg and takes such paths out of the lists (dpkg(1), `--post-invoke`).
const FORGET: &str = "usr/lib/dindimg/forget-excluded";
const FORGET_SOURCE: &str = include_str!("../../images/dpkg/forget-excluded.sh");
/// The lists of the image itself need not be looked at: this is as old as they are.
const FORGOTTEN: &str = "var/lib/dindimg/forgotten";

/// Whose control file stands at `path` in the database, by the name of its info files.
pub fn control_file_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(ADMIN)?.strip_prefix("/info/")?;
    name.rsplit_once('.').map(|(owner, _)| owner)
}

/// Writes the database for the installed packages.
///
/// Runs after every rule, because conffiles are recorded with the digests they have in the tree.
pub fn write_database(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    setup.rule = RULE;
    let mut status = String::new();
    let mut by_name: Vec<&Package> = setup.packages.iter().collect();
    by_name.sort_by(|a, b| a.name.cmp(&b.name));
    for package in by_name {
        let conffiles = conffiles(setup, package)?;
        let control = package.control.text("control").unwrap_or_default();
        status.push_str(&status_stanza(control, &conffiles));
        status.push('\n');
    }
    setup.directory(ADMIN, 0o755, 0)?;
    for directory in ["alternatives", "info", "parts", "triggers", "updates"] {
        setup.directory(&format!("{ADMIN}/{directory}"), 0o755, 0)?;
    }
    setup.write(&format!("{ADMIN}/status"), 0o644, status.as_str())?;
    let architecture = format!("{}\n", setup.architecture.debian());
    setup.write(&format!("{ADMIN}/arch"), 0o644, architecture.as_str())?;
    // dpkg 1.22 and later note the native architecture as well.
    let notes_native = setup
        .package("dpkg")
        .and_then(|dpkg| dpkg.control.text("postinst"))
        .is_some_and(|script| script.contains("arch-native"));
    if notes_native {
        setup.write(
            &format!("{ADMIN}/arch-native"),
            0o644,
            architecture.as_str(),
        )?;
    }
    if setup.has("dpkg") && !setup.filters.is_empty() {
        let configuration = format!(
            "{}post-invoke=if [ -x /{FORGET} ]; then /{FORGET}; fi\n",
            setup.filters.configuration()
        );
        setup.write(FILTERS, 0o644, configuration.as_str())?;
        setup.write(FORGET, 0o755, FORGET_SOURCE)?;
        setup.write(FORGOTTEN, 0o644, "")?;
        // update-alternatives fails where a link's directory is missing, though nothing be in it.
        for section in 1..=8 {
            let directory = format!("usr/share/man/man{section}");
            if setup.filters.skips(&format!("/{directory}"), true) {
                setup.directory(&directory, 0o755, 0)?;
            }
        }
    }
    setup.write(&format!("{ADMIN}/info/format"), 0o644, "1\n")?;
    let mut triggers = Triggers::default();
    for package in setup.packages {
        let name = package.info_name();
        let list: String = package
            .paths
            .iter()
            .map(|path| format!("{path}\n"))
            .collect();
        setup.write(&format!("{ADMIN}/info/{name}.list"), 0o644, list.as_str())?;
        for (member, content) in &package.control.files {
            // The stanza itself lives in `status`; what dpkg does not know it does not keep.
            if member == "control" || member.contains('/') {
                continue;
            }
            let script = matches!(
                member.as_str(),
                "preinst" | "postinst" | "prerm" | "postrm" | "config"
            );
            let mode = if script { 0o755 } else { 0o644 };
            setup.write(
                &format!("{ADMIN}/info/{name}.{member}"),
                mode,
                content.clone(),
            )?;
        }
        triggers.add(package);
    }
    triggers.write(setup)
}

/// Each configuration file of a package with the MD5 of its content (deb-conffiles(5)).
fn conffiles(setup: &Setup<'_>, package: &Package) -> Result<Vec<(String, String)>, SetupError> {
    let Some(list) = package.control.text("conffiles") else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(removed) = line.strip_prefix("remove-on-upgrade ") {
            // Not shipped any more; dpkg remembers that it is to go.
            found.push((
                removed.to_owned(),
                "newconffile remove-on-upgrade".to_owned(),
            ));
            continue;
        }
        let content = setup.read(line)?.ok_or_else(|| {
            setup.input(
                line,
                format!("is a conffile of {} but not shipped", package.name),
            )
        })?;
        found.push((line.to_owned(), hex::encode(Md5::digest(&content))));
    }
    Ok(found)
}

/// A control stanza as `/var/lib/dpkg/status` holds it.
fn status_stanza(control: &str, conffiles: &[(String, String)]) -> String {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in control.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((canonical_field(name), value.trim_start().to_owned()));
        }
    }
    fields.push(("Status".to_owned(), "install ok installed".to_owned()));
    if !conffiles.is_empty() {
        let lines: String = conffiles
            .iter()
            .map(|(path, md5)| format!("\n {path} {md5}"))
            .collect();
        fields.push(("Conffiles".to_owned(), lines));
    }
    let rank = |name: &str| {
        FIELD_ORDER
            .iter()
            .position(|known| *known == name)
            .unwrap_or(FIELD_ORDER.len())
    };
    // Stable: unknown fields keep the order of the package.
    fields.sort_by_key(|(name, _)| rank(name));
    fields
        .into_iter()
        .map(|(name, value)| {
            let blank = if value.starts_with('\n') || value.is_empty() {
                ""
            } else {
                " "
            };
            format!("{name}:{blank}{value}\n")
        })
        .collect()
}

/// Field names are case-insensitive (deb822(5)); known ones are written in their usual case.
fn canonical_field(name: &str) -> String {
    FIELD_ORDER
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// What packages are interested in (deb-triggers(5)).
#[derive(Default)]
struct Triggers {
    files: Vec<String>,
    named: BTreeMap<String, Vec<String>>,
}

impl Triggers {
    fn add(&mut self, package: &Package) {
        let text = package.control.text("triggers").unwrap_or_default();
        for line in text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default())
        {
            let mut words = line.split_whitespace();
            let (Some(directive), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let suffix = match directive {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            let owner = format!("{}{suffix}", package.info_name());
            if name.starts_with('/') {
                self.files.push(format!("{name} {owner}"));
            } else {
                self.named.entry(name.to_owned()).or_default().push(owner);
            }
        }
    }

    fn write(&self, setup: &mut Setup<'_>) -> Result<(), SetupError> {
        let lines =
            |list: &[String]| -> String { list.iter().map(|line| format!("{line}\n")).collect() };
        if !self.files.is_empty() {
            let text = lines(&self.files);
            setup.write(&format!("{ADMIN}/triggers/File"), 0o644, text.as_str())?;
        }
        for (name, owners) in &self.named {
            let text = lines(owners);
            setup.write(&format!("{ADMIN}/triggers/{name}"), 0o644, text.as_str())?;
        }
        setup.write(&format!("{ADMIN}/triggers/Unincorp"), 0o644, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_has_dpkgs_order_status_and_conffiles() {
        let control = "Package: x\nVersion: 1\nArchitecture: all\nHomepage: h\nDescription: short\n long\nDepends: y\n";
        let conffiles = [(
            "/etc/x".to_owned(),
            "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        )];
        assert_eq!(
            status_stanza(control, &conffiles),
            "Package: x\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nDepends: y\n\
             Conffiles:\n /etc/x d41d8cd98f00b204e9800998ecf8427e\n\
             Description: short\n long\nHomepage: h\n"
        );
    }
}
