//! What users type: errors that show the place, locks that notice changes, exit codes.

use std::path::Path;
use std::process::Command;

use crate::peers::require;
use crate::product::{Run, command, dindimg, kept, recipe, small_recipe};

fn run_in(directory: &Path, arguments: &[&str]) -> Run {
    let mut command = command(&kept("cache"));
    command.args(arguments).current_dir(directory);
    Run::of(command.output().expect("the binary runs"))
}

#[test]
fn an_unknown_key_is_shown_where_it_stands_with_what_was_meant() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    std::fs::write(
        scratch.path().join("a.toml"),
        "schema = 1\n\n[debain]\nsuite = \"bookworm\"\n",
    )
    .expect("written");
    let said = run_in(scratch.path(), &["build", "a.toml"]).failed(2);
    assert!(
        said.contains("unknown key `debain`; did you mean `debian`?"),
        "{said}"
    );
    assert!(
        said.contains("a.toml:3:2") && said.contains("[debain]"),
        "{said}"
    );
}

#[test]
fn packages_that_cannot_live_together_are_named_with_the_chain() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let text = "schema = 1\n[debian]\nsuite = \"bookworm\"\n[packages]\ninclude = [\"postfix\", \"exim4-daemon-light\"]\n";
    std::fs::write(scratch.path().join("mail.toml"), text).expect("written");
    let said = run_in(scratch.path(), &["lock", "mail.toml"]).failed(3);
    assert!(
        said.contains("exim4-daemon-light") && said.contains("postfix"),
        "{said}"
    );
    assert!(said.contains("the recipe"), "who asked: {said}");
    assert!(
        !scratch.path().join("mail.lock").exists(),
        "nothing is left of a failed lock"
    );
}

#[test]
fn a_package_that_does_not_exist_is_answered_with_the_nearest_name() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let text = "schema = 1\n[debian]\nsuite = \"bookworm\"\n[packages]\ninclude = [\"dockr.io\"]\n";
    std::fs::write(scratch.path().join("x.toml"), text).expect("written");
    let said = run_in(scratch.path(), &["lock", "x.toml"]).failed(3);
    assert!(
        said.contains("dockr.io") && said.contains("docker.io"),
        "{said}"
    );
}

#[test]
fn a_script_without_a_rule_fails_the_lock_until_it_is_acknowledged() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let head =
        "schema = 1\n[debian]\nsuite = \"bookworm\"\n[packages]\ninclude = [\"ucf\", \"cron\"]\n";
    std::fs::write(scratch.path().join("c.toml"), head).expect("written");
    let said = run_in(scratch.path(), &["lock", "c.toml"]).failed(2);
    assert!(said.contains("cron") && said.contains("postinst"), "{said}");
    assert!(
        said.contains("acknowledge-scripts = ["),
        "what to do: {said}"
    );
    std::fs::write(
        scratch.path().join("c.toml"),
        format!("{head}acknowledge-scripts = \"all\"\n"),
    )
    .expect("written");
    run_in(scratch.path(), &["lock", "c.toml"]).good();
    let lock = std::fs::read_to_string(scratch.path().join("c.lock")).expect("lock");
    assert!(lock.contains("rule = \"acknowledged\""), "{lock}");
}

#[test]
fn a_stale_or_missing_lock_is_refused_when_locked_and_mended_otherwise() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let path = small_recipe(scratch.path(), "");
    let said = run_in(scratch.path(), &["build", "small.toml", "--locked"]).failed(6);
    assert!(
        said.contains("does not exist") && said.contains("dindimg lock"),
        "{said}"
    );
    run_in(scratch.path(), &["lock", "small.toml"]).good();
    let before = std::fs::read_to_string(scratch.path().join("small.lock")).expect("lock");
    run_in(scratch.path(), &["lock", "small.toml", "--check"]).good();
    run_in(scratch.path(), &["lock", "small.toml", "--update"]).good();
    let after = std::fs::read_to_string(scratch.path().join("small.lock")).expect("lock");
    assert_eq!(before, after, "the same archive gives the same lock");

    let text = std::fs::read_to_string(&path)
        .expect("recipe")
        .replace("[\"tini\"]", "[\"tini\", \"dumb-init\"]");
    std::fs::write(&path, text).expect("written");
    let said = run_in(scratch.path(), &["build", "small.toml", "--locked"]).failed(6);
    assert!(said.contains("stale"), "{said}");
    assert!(
        run_in(scratch.path(), &["lock", "small.toml", "--check"])
            .failed(6)
            .contains("stale")
    );
    run_in(scratch.path(), &["build", "small.toml"]).good();
    let mended = std::fs::read_to_string(scratch.path().join("small.lock")).expect("lock");
    assert!(mended.contains("name = \"dumb-init\""));
}

#[test]
fn a_lock_behind_the_archive_is_told_what_has_moved() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    small_recipe(scratch.path(), "");
    run_in(scratch.path(), &["lock", "small.toml"]).good();
    let path = scratch.path().join("small.lock");
    let mut lock =
        dindimg::lock::parse(&std::fs::read_to_string(&path).expect("lock")).expect("valid");
    for package in lock
        .packages
        .iter_mut()
        .filter(|package| package.name == "libc6")
    {
        package.version = "2.36-1".to_owned();
    }
    std::fs::write(&path, dindimg::lock::render(&lock).expect("renders")).expect("written");
    let said = run_in(scratch.path(), &["lock", "small.toml", "--check"]).failed(6);
    assert!(said.contains("libc6 (amd64) 2.36-1 -> "), "{said}");
    let said = run_in(
        scratch.path(),
        &["lock", "small.toml", "--update-package", "libc6"],
    )
    .good()
    .stderr;
    assert!(said.contains("libc6 (amd64) 2.36-1 -> "), "{said}");
    let said = run_in(
        scratch.path(),
        &["lock", "small.toml", "--update-package", "nothing"],
    )
    .failed(6);
    assert!(said.contains("no package `nothing`"), "{said}");
}

#[test]
fn versions_that_left_every_mirror_are_named_with_the_way_out() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    small_recipe(scratch.path(), "");
    run_in(scratch.path(), &["lock", "small.toml"]).good();
    let path = scratch.path().join("small.lock");
    let text = std::fs::read_to_string(&path).expect("lock");
    let mut lock = dindimg::lock::parse(&text).expect("valid");
    for package in lock
        .packages
        .iter_mut()
        .filter(|package| package.name == "tini")
    {
        package.path = package.path.replace(".deb", "-gone.deb");
        package.sha256 = dindimg::digest::Digest::of("gone");
    }
    std::fs::write(&path, dindimg::lock::render(&lock).expect("renders")).expect("written");
    let said = run_in(scratch.path(), &["build", "small.toml", "--locked"]).failed(5);
    assert!(
        said.contains("tini 0.19") && said.contains("dindimg lock --update"),
        "{said}"
    );
}

#[test]
fn a_push_without_a_place_says_where_one_can_be_named() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    small_recipe(scratch.path(), "");
    let said = run_in(scratch.path(), &["build", "small.toml", "--push"]).failed(2);
    for way in [
        "--repository",
        "DINDIMG_REPOSITORY",
        "configuration",
        "[image]",
    ] {
        assert!(said.contains(way), "{way}: {said}");
    }
}

#[test]
fn an_expired_suite_is_refused_by_its_dates_and_accepted_when_told() {
    let Some(faketime) = require(&["faketime"], "faketime") else {
        return;
    };
    let scratch = tempfile::tempdir().expect("temporary directory");
    // Security suites are valid for a week: a month from now every one has expired.
    let text = "schema = 1\n[debian]\nsuite = \"trixie\"\nupdates = false\n[packages]\ninclude = [\"tini\"]\n";
    std::fs::write(scratch.path().join("t.toml"), text).expect("written");
    let later = |extra: &[&str]| {
        let mut command = Command::new(&faketime);
        command
            .args([
                "-f",
                "+30d",
                env!("CARGO_BIN_EXE_dindimg"),
                "lock",
                "t.toml",
            ])
            .args(extra);
        // A cache of its own: what is seen in this future must not be held against the present.
        command
            .env("DINDIMG_CACHE_DIR", scratch.path().join("cache"))
            .current_dir(scratch.path());
        Run::of(command.output().expect("faketime runs"))
    };
    let said = later(&[]).failed(4);
    assert!(
        said.contains("Date 20")
            && said.contains("Valid-Until 20")
            && said.contains("--allow-expired"),
        "{said}"
    );
    let said = later(&["--allow-expired"]).good().stderr;
    assert!(said.contains("has expired and was accepted"), "{said}");
    let lock = std::fs::read_to_string(scratch.path().join("t.lock")).expect("lock");
    assert!(lock.contains("warnings = ["), "the lock records it: {lock}");
}

#[test]
fn the_shipped_locks_answer_their_recipes() {
    for name in ["bullseye", "bookworm", "trixie"] {
        let recipes = dindimg::recipe::load(&recipe(name)).expect(name);
        let recipe = recipes.default();
        let text =
            std::fs::read_to_string(recipe.path.with_extension("lock")).expect("a committed lock");
        let lock = dindimg::lock::parse(&text).expect(name);
        let family = dindimg::family::of(recipe);
        let repositories = family
            .repositories(recipe, &Default::default())
            .expect(name);
        assert!(
            dindimg::resolve::is_current(&lock, &recipes, &repositories),
            "{name}.lock is stale"
        );
        for image in recipes.iter() {
            for platform in &image.platforms {
                assert!(
                    lock.packages_of(&image.variant, *platform).count() > 60,
                    "{} {platform}",
                    image.name
                );
            }
        }
    }
}

#[test]
fn help_teaches_and_completions_and_schema_are_printed() {
    let help = dindimg(&["--help"]).good().stdout;
    for word in ["Examples:", "Exit codes:", "build", "lock", "smoke", "130"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(
        dindimg(&["completions", "bash"])
            .good()
            .stdout
            .contains("_dindimg")
    );
    let schema: serde_json::Value =
        serde_json::from_str(&dindimg(&["schema"]).good().stdout).expect("JSON");
    assert!(schema["properties"]["debian"].is_object());
    assert!(dindimg(&["biuld"]).failed(2).contains("build"));
}

/// trixie's release key, which signs trixie and not bookworm.
const TRIXIE_KEY: &str = "41587F7DB8C774BCCF131416762F67A0B2C39DE4";
/// bookworm's release key.
const BOOKWORM_KEY: &str = "4D64FEC119C2029067D6E791F8D2585B8783D481";

#[test]
fn a_further_repository_is_trusted_by_its_own_keys_and_no_other() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/keys");
    let lock = |key: &str| {
        std::fs::copy(
            keys.join(format!("{key}.asc")),
            scratch.path().join("key.asc"),
        )
        .expect("key copied");
        // login.defs is a package of its own from trixie on, and needs nothing of it.
        let text = format!(
            "schema = 1\n[debian]\nsuite = \"bookworm\"\nsecurity = false\nupdates = false\n[[debian.repository]]\nname = \"next\"\nmirrors = [\"http://deb.debian.org/debian\"]\nsuite = \"trixie\"\ncomponents = [\"main\"]\npriority = 100\nkeys = [{{ file = \"key.asc\", fingerprint = \"{key}\" }}]\n[packages]\ninclude = [\"login.defs\", \"tini\"]\n"
        );
        std::fs::write(scratch.path().join("two.toml"), text).expect("written");
        run_in(scratch.path(), &["lock", "two.toml"])
    };
    let said = lock(BOOKWORM_KEY).failed(4);
    assert!(
        said.contains("dists/trixie/InRelease") && said.contains(BOOKWORM_KEY),
        "{said}"
    );
    lock(TRIXIE_KEY).good();
    let text = std::fs::read_to_string(scratch.path().join("two.lock")).expect("lock");
    let locked = dindimg::lock::parse(&text).expect("valid");
    let from = |name: &str| {
        let package = locked.packages.iter().find(|package| package.name == name);
        package.map(|package| package.repository.as_str())
    };
    assert_eq!(
        (from("login.defs"), from("tini")),
        (Some("next"), Some("debian/bookworm")),
        "by priority"
    );
    let next = locked.repository("next").expect("locked");
    assert_eq!(
        (next.signers.as_slice(), &next.snapshot),
        ([TRIXIE_KEY.to_owned()].as_slice(), &None)
    );
}
