//! Debian 10 end to end: the shipped recipe with the mirrors and keys of an archive made here,
//! because the real one is closed and far away. The packages are the oldest that mirrors still
//! carry, published under its name, signed in 2023 by a key that has expired since.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use dindimg::epoch::Epoch;

use crate::archive::{DAY, Signer, Suite, address, closure, from_now};
use crate::deliver::busybox_archive;
use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use crate::engines::{self, Engine};
use crate::product::{Run, command, recipe};
use crate::smoke::in_turn;
use crate::support::fixture;

/// When Debian 10 was signed for the last time.
const LAST: &str = "2023-06-10T08:53:33Z";
/// What lies in the security archive.
const SECURED: [&str; 3] = ["containerd", "docker.io", "runc"];
/// Mirrors drop the security updates of old suites one architecture after the other: what the
/// suite was released with stays.
const SOURCE: &str = "extends = \"buster.toml\"
[debian]
suite = \"bullseye\"
archived = false
security = false
updates = false
";

fn shipped() -> String {
    fs::read_to_string(recipe("buster")).expect("the shipped recipe")
}

/// The recipe that it extends.
fn below() -> String {
    fs::read_to_string(recipe("bookworm")).expect("the shipped recipe")
}

/// Publishes what the shipped recipe resolves to among the packages of the next release, and
/// writes a recipe below `recipes/` that replaces nothing but mirrors and keys.
fn workplace(scratch: &Path) {
    let files = [
        ("bookworm.toml", below()),
        ("buster.toml", shipped()),
        ("source.toml", SOURCE.to_owned()),
    ];
    let (secured, released): (Vec<_>, Vec<_>) = closure("buster", &files)
        .into_iter()
        .partition(|package| SECURED.contains(&package.name()));
    let key = Signer::between(from_now(-7 * 365 * DAY), from_now(-365 * DAY));
    let date: Epoch = LAST.parse().expect("a date");
    for (suite, directory, packages) in [
        ("buster", "debian", released),
        ("buster-updates", "debian", Vec::new()),
        ("buster/updates", "debian-security", secured),
    ] {
        Suite::named(suite)
            .date(date)
            .valid_until(None)
            .packages(packages)
            .publish(&scratch.join(directory), &[&key]);
    }
    let recipes = scratch.join("recipes");
    fs::create_dir_all(recipes.join("shipped")).expect("directory");
    for (name, text) in [("buster", shipped()), ("bookworm", below())] {
        fs::write(recipes.join(format!("shipped/{name}.toml")), text).expect("the shipped recipe");
    }
    let text = format!(
        "extends = \"shipped/buster.toml\"\n[debian]\nmirrors = [\"{}\"]\nsecurity-mirrors = [\"{}\"]\nkeys = [{}]\n",
        address(&scratch.join("debian")),
        address(&scratch.join("debian-security")),
        key.pin(&recipes),
    );
    fs::write(recipes.join("buster.toml"), text).expect("recipe written");
}

/// A command line as a user types it, whose configuration is below `config`.
fn typed(line: &str, scratch: &Path) -> Run {
    let program = Path::new(env!("CARGO_BIN_EXE_dindimg"));
    let mut path = OsString::from(program.parent().expect("a directory"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    for (name, value) in command(&scratch.join("cache")).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
        .args(["-c", line])
        .env("PATH", path)
        .env("XDG_CONFIG_HOME", scratch.join("config"))
        .current_dir(scratch);
    Run::of(shell.output().expect("a shell"))
}

/// An image on the private engine, removed at the end.
struct Pulled<'a> {
    engine: &'a Engine,
    name: &'static str,
    volume: &'static str,
}

impl<'a> Pulled<'a> {
    fn load(engine: &'a Engine, archive: &Path, name: &'static str) -> Self {
        engine.run(&["load", "--input", archive.to_str().expect("UTF-8")]);
        Self {
            engine,
            name,
            volume: "dindimg-buster-graph",
        }
    }

    /// `docker run --privileged IMAGE …`, with the data of the containers before it.
    fn run(&self, options: &[&str], words: &[&str]) -> Run {
        let mut docker = self.engine.command("docker");
        docker
            .args(["run", "--rm", "--privileged", "-v"])
            .arg(format!("{}:/var/lib/docker", self.volume))
            .args(options)
            .arg(self.name)
            .args(words);
        Run::of(docker.output().expect("docker runs"))
    }
}

impl Drop for Pulled<'_> {
    fn drop(&mut self) {
        for arguments in [["image", "rm", self.name], ["volume", "rm", self.volume]] {
            let _ = self.engine.command("docker").args(arguments).output();
        }
    }
}

#[test]
fn the_buster_recipe_builds_boots_and_is_pushed_with_one_short_command() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let at = |name: &str| scratch.path().join(name);
    workplace(scratch.path());
    let registry = DockerRegistry::start(Setup::default());
    let host = registry.address();
    fs::create_dir_all(at("config/dindimg")).expect("directory");
    fs::write(
        at("config/dindimg/config.toml"),
        format!("repository = \"{host}/ci/docker\"\n[registry]\nplain-http = [\"{host}\"]\n"),
    )
    .expect("configuration");

    let run = typed("dindimg build recipes/buster.toml --push", scratch.path()).good();
    assert!(
        run.stderr
            .contains(&format!("pushed {host}/ci/docker@sha256:")),
        "{}",
        run.stderr
    );
    assert!(!at("buster.oci").exists(), "pushed, and nowhere else");
    let audit = "dindimg audit recipes/buster.toml --fail-on=note";
    typed(audit, scratch.path()).good();
    let lock = fs::read_to_string(at("recipes/buster.lock")).expect("a lock");
    let lock = dindimg::lock::parse(&lock).expect("valid");
    let suites: Vec<&str> = lock.repositories.iter().map(|r| r.suite.as_str()).collect();
    assert_eq!(suites, ["buster", "buster-updates", "buster/updates"]);
    assert!(
        lock.repositories
            .iter()
            .all(|repository| repository.date.to_string() == LAST)
    );
    let docker = lock.packages.iter().find(|p| p.name == "docker.io");
    let docker = docker.expect("the engine");
    assert_eq!(docker.repository, "debian/buster/updates");
    let docker = &docker.version;
    let version = docker.split('+').next().expect("the upstream part");

    let reference = format!("docker://{host}/ci/docker");
    let listed = skopeo(&["list-tags", "--tls-verify=false", &reference]);
    let listed = String::from_utf8(listed).expect("JSON");
    for tag in [format!("{version}-buster"), "buster".to_owned()] {
        assert!(listed.contains(&format!("\"{tag}\"")), "{tag}: {listed}");
    }
    let tagged = format!("{reference}:buster");
    let index = skopeo(&["inspect", "--tls-verify=false", "--raw", &tagged]);
    let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
    let architectures: Vec<&str> = index["manifests"]
        .as_array()
        .expect("an index")
        .iter()
        .filter_map(|manifest| manifest["platform"]["architecture"].as_str())
        .collect();
    assert_eq!(architectures, ["amd64", "arm64"]);

    in_turn(|| {
        let engine = engines::docker();
        let name = "localhost/dindimg-buster:pulled";
        let archive = at("buster.tar");
        let target = format!("docker-archive:{}:{name}", archive.display());
        skopeo(&["copy", "-q", "--src-tls-verify=false", &tagged, &target]);
        let image = Pulled::load(engine, &archive, name);
        let smoke = engine
            .command(env!("CARGO_BIN_EXE_dindimg"))
            .env("DINDIMG_CACHE_DIR", at("cache"))
            .args(["smoke", name, "--engine", "docker"])
            .output();
        let said = Run::of(smoke.expect("the binary runs")).good().stdout;
        assert!(
            said.contains("nested-run") && !said.contains("skipped"),
            "{said}"
        );

        // No variable makes a command wait here: `[run] wait = "always"` does.
        let nested = at("t.tar");
        busybox_archive(&nested);
        let mount = format!("{}:/t.tar:ro", nested.display());
        let script = "docker load --quiet --input /t.tar";
        image.run(&["-v", &mount], &["sh", "-c", script]).good();
        let run = image.run(&[], &["docker", "run", "--rm", "t", "echo", "nested"]);
        assert_eq!(run.good().stdout, "nested\n");
        let run = image.run(&[], &["docker", "run", "--rm", "t", "sh", "-c", "exit 7"]);
        assert_eq!(run.code, Some(7), "{}", run.stderr);
    });
}

#[test]
fn the_real_release_file_of_buster_is_taken_from_any_mirror_and_refused_with_one_byte_changed() {
    let Some(mut bytes) = fixture("debian/buster-InRelease") else {
        return;
    };
    let scratch = tempfile::tempdir().expect("temporary directory");
    let suite = scratch.path().join("mirror/dists/buster");
    fs::create_dir_all(&suite).expect("directory");
    fs::write(scratch.path().join("shipped.toml"), shipped()).expect("recipe");
    fs::write(scratch.path().join("bookworm.toml"), below()).expect("recipe");
    fs::write(
        scratch.path().join("buster.toml"),
        "extends = \"shipped.toml\"\n[debian]\nupdates = false\nsecurity = false\n",
    )
    .expect("recipe");
    let lock = |bytes: &[u8]| {
        fs::write(suite.join("InRelease"), bytes).expect("written");
        let mut lock = command(&scratch.path().join("cache"));
        lock.args(["lock", "buster.toml"])
            .env(
                "DINDIMG_DEBIAN_MIRROR",
                address(&scratch.path().join("mirror")),
            )
            .current_dir(scratch.path());
        Run::of(lock.output().expect("the binary runs"))
    };
    // Trusted as far as it goes: what is missing is the index that it names.
    let said = lock(&bytes).failed(5);
    assert!(
        said.contains("Packages of debian/buster main amd64"),
        "{said}"
    );
    let at = bytes.windows(5).position(|window| window == b"10.13");
    bytes[at.expect("the version") + 4] ^= 1;
    let said = lock(&bytes).failed(4);
    assert!(
        said.contains("BAD signature") && said.contains("dists/buster/InRelease"),
        "{said}"
    );
}
