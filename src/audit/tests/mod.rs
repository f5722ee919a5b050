//! Every rule with an image that is broken on purpose, and an image that none has a word against.

mod broken;
mod image;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::digest::Digest;
use crate::view::views;
use broken::{alpine, broken};
use image::{Image, Memory, entry, file};

#[test]
fn a_sound_image_has_no_finding() {
    assert_eq!(Image::sound().found(), []);
}

#[test]
fn every_rule_finds_what_is_broken_and_no_other_rule_does() {
    let mut proven = BTreeSet::new();
    for (rule, image, part) in broken() {
        let found = image.found();
        let rules: Vec<AuditRule> = found.iter().map(|(rule, _)| *rule).collect();
        assert_eq!(rules, [rule], "{found:?}");
        assert!(
            found[0].1.contains(part),
            "{found:?} says nothing of {part}"
        );
        proven.insert(rule);
    }
    let known: BTreeSet<AuditRule> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(proven, known);
    let named: BTreeSet<AuditRule> = AuditRule::ALL.iter().copied().collect();
    assert_eq!(known, named, "recipes can waive what there is");
}

#[test]
fn a_waiver_accepts_its_findings_and_an_idle_one_is_told() {
    let image = Image::sound()
        .with(file("usr/bin/apt", 0o644, "program"))
        .with(file("usr/bin/dpkg", 0o644, "program"));
    let waiver = |path: Option<&str>| Waiver {
        rules: vec![AuditRule::PackageManager],
        path: path.map(|path| path.parse().expect("a pattern")),
        reason: "wanted".to_owned(),
    };
    let judged = |waivers: &[Waiver]| audit(&image.view(), &Accepted::usual(), waivers);
    assert_eq!(judged(&[]).open(Level::Note).count(), 2);
    assert_eq!(judged(&[]).open(Level::Warning).count(), 0);
    let one = judged(&[waiver(Some("/usr/bin/ap*"))]);
    assert_eq!(one.open(Level::Note).count(), 1);
    assert_eq!(one.findings[0].waived.as_deref(), Some("wanted"));
    assert_eq!(judged(&[waiver(None)]).open(Level::Note).count(), 0);
    let idle = waiver(Some("/usr/sbin/*"));
    assert_eq!(judged(&[waiver(None), idle.clone()]).unused, [idle]);
}

#[test]
fn a_set_id_program_is_accepted_under_every_name_it_has() {
    let image = Image::sound()
        .with(file("usr/bin/sudo", 0o4755, "program"))
        .with(entry(
            "usr/bin/sudoedit",
            EntryType::Link,
            0o4755,
            "usr/bin/sudo",
        ));
    let status = "Package: sudo\nStatus: install ok installed\nVersion: 1\n\n\
        Package: docker.io\nStatus: install ok installed\nVersion: 1\n\n";
    let list = "/usr/bin/sudo\n/usr/bin/sudoedit\n";
    let packaged = image
        .with(file("var/lib/dpkg/status", 0o644, status))
        .with(file("var/lib/dpkg/info/sudo.list", 0o644, list));
    assert_eq!(packaged.found(), []);
}

#[test]
fn what_packages_bring_and_divert_is_no_finding() {
    assert_eq!(alpine("program").found(), []);
    // docker.io's own program stands aside for another one, of nobody's package.
    let diversions = "/usr/bin/dockerd\n/usr/bin/dockerd.distrib\n:\n";
    let image = Image::sound()
        .with(file("var/lib/dpkg/diversions", 0o644, diversions))
        .with(file("usr/bin/dockerd.distrib", 0o755, "program"))
        .with(file("usr/bin/dockerd", 0o755, "other"));
    let found: Vec<AuditRule> = image.found().into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(found, [AuditRule::UnpackagedPrograms]);
}

#[test]
fn names_cannot_speak_to_terminals_and_ci_systems() {
    let image = Image::sound().with(file("srv/x\u{1b}[2J\n::error::x", 0o666, "text"));
    let found = image.found();
    assert_eq!(found.len(), 1);
    assert!(!found[0].1.contains(char::is_control), "{found:?}");
}

#[test]
fn who_has_seen_some_platforms_says_nothing_of_the_index() {
    let mut report = report(&Image::sound(), Level::Note);
    report.digest = Digest::of("index");
    let subjects = |report: &Report| {
        let value: Value = serde_json::from_str(&statement(report)).expect("JSON");
        value["subject"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(subjects(&report), 2);
    report.whole = false;
    assert_eq!(subjects(&report), 1);
}

fn report(image: &Image, fail_on: Level) -> Report {
    let view = image.view();
    Report {
        image: "team image".to_owned(),
        recipe: Some("recipes/a b.toml".to_owned()),
        digest: view.digest,
        whole: true,
        fail_on,
        platforms: vec![audit(&view, &Accepted::usual(), &[])],
    }
}

#[test]
fn a_statement_fails_by_the_level_and_names_every_rule_once() {
    let manager = Image::sound().with(file("usr/bin/apt", 0o644, "program"));
    for (image, level, result) in [
        (Image::sound(), Level::Note, "PASSED"),
        (manager.clone(), Level::Warning, "WARNED"),
        (manager, Level::Note, "FAILED"),
    ] {
        let text = statement(&report(&image, level));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let predicate = &value["predicate"];
        assert_eq!(predicate["result"], result);
        assert_eq!(predicate["configuration"][0]["name"], CONFIGURATION);
        let count = |key: &str| predicate[key].as_array().map_or(0, Vec::len);
        let tests = count("passedTests") + count("warnedTests") + count("failedTests");
        assert_eq!(tests, RULES.len());
    }
}

#[test]
fn sarif_points_at_the_recipe_and_has_waivers_as_suppressions() {
    let image = Image::sound().with(file("usr/bin/apt", 0o644, "program"));
    let mut report = report(&image, Level::Note);
    report.platforms[0].findings[0].waived = Some("wanted".to_owned());
    let log = sarif(&[report]);
    let run = &log["runs"][0];
    assert_eq!(
        run["tool"]["driver"]["rules"].as_array().map(Vec::len),
        Some(RULES.len())
    );
    let result = &run["results"][0];
    let number = result["ruleIndex"].as_u64().expect("an index") as usize;
    assert_eq!(
        run["tool"]["driver"]["rules"][number]["id"],
        result["ruleId"]
    );
    let place = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "recipes/a%20b.toml");
    assert_eq!(result["suppressions"][0]["justification"], "wanted");
}

#[test]
fn a_layer_that_leads_out_of_the_image_or_is_not_whole_is_refused() {
    let image = Image::sound().with(file("usr/x", 0o644, "text"));
    let view = image.view();
    assert_eq!(view.layers.len(), 1);
    let mut header = Header::new_ustar();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    let name = b"../etc/passwd";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    let mut archive = Builder::new(Vec::new());
    archive.append(&header, io::empty()).expect("memory");
    let bytes = archive.into_inner().expect("memory");
    for (bytes, said, part) in [
        (bytes.clone(), Digest::of(&bytes), "leads out of the image"),
        (vec![0; 1024], Digest::of("other"), "is"),
    ] {
        let config = json!({ "os": "linux", "architecture": "amd64",
            "rootfs": { "type": "layers", "diff_ids": [said] } })
        .to_string();
        let manifest = json!({
            "schemaVersion": 2,
            "config": { "mediaType": "c", "digest": Digest::of(&config), "size": config.len() },
            "layers": [{ "mediaType": "l", "digest": said, "size": bytes.len() }],
        })
        .to_string();
        let top = Digest::of(&manifest);
        let blobs = Memory(BTreeMap::from([
            (said, bytes),
            (Digest::of(&config), config.into_bytes()),
            (top, manifest.into_bytes()),
        ]));
        let error = views(&blobs, &top, &[]).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}
