//! The recipe that takes its engine from Docker's own repository. That one cannot be reached by
//! tests: Debian's Docker, packed anew under Docker's names and laid out in its way, stands in.

use std::fs;
use std::path::Path;

use dindimg::deb::Keyring;

use crate::archive::{Deb, Package, Suite, address, closure, sound_key};
use crate::engines;
use crate::product::{Run, command, kept, recipe};
use crate::smoke::in_turn;

/// A version as Docker writes them.
const VERSION: &str = "5:24.0.9-1~debian.12~bookworm";
/// What Docker's own script does on a first installation.
const POSTINST: &str = "#!/bin/sh
set -e
case \"$1\" in
  configure)
    if [ -z \"$2\" ] && ! getent group docker > /dev/null; then
      groupadd --system docker
    fi
    ;;
esac
";

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    }
}

/// The entries of decoded payloads whose path fits, as one payload.
fn repacked(payloads: &[Vec<u8>], fits: impl Fn(&Path) -> bool) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for payload in payloads {
        let mut archive = tar::Archive::new(payload.as_slice());
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").into_owned();
            if !fits(&path) {
                continue;
            }
            let mut header = entry.header().clone();
            match entry.link_name().expect("a link") {
                Some(target) => builder.append_link(&mut header, path, target),
                None => builder.append_data(&mut header, path, &mut entry),
            }
            .expect("in memory");
        }
    }
    builder.into_inner().expect("in memory")
}

/// Docker's packages, made of Debian's.
fn docker_packages() -> Vec<Package> {
    let source = format!(
        "schema = 1\nprofile = \"dind\"\n[image]\nplatforms = [\"linux/{}\"]\n[debian]\nsuite = \"bookworm\"\n",
        architecture()
    );
    let packages = closure("docker-ce", &[("source.toml", source)]);
    let payload = |name: &str| {
        let package = packages.iter().find(|package| package.name() == name);
        package.expect("part of the closure").payload()
    };
    let docker = [payload("docker.io")];
    let client = |path: &Path| path.ends_with("usr/bin/docker");
    let deb = |name: &str, version: &str, depends: &str| {
        Deb::new(name, version)
            .field("Architecture", architecture())
            .field("Depends", depends)
    };
    let engine = deb(
        "docker-ce",
        VERSION,
        "containerd.io (>= 1.6.4), docker-ce-cli, iptables, libc6, libdevmapper1.02.1, libseccomp2, libsystemd0",
    )
    .field("Conflicts", "docker.io")
    .script("postinst", POSTINST)
    .tar(repacked(&docker, |path| !client(path)));
    let client = deb("docker-ce-cli", VERSION, "libc6").tar(repacked(&docker, client));
    let containerd = deb("containerd.io", "1.6.28-1", "libc6, libseccomp2")
        .field("Provides", "containerd, runc")
        .field("Conflicts", "containerd, runc")
        .field("Replaces", "containerd, runc")
        .tar(repacked(&[payload("containerd"), payload("runc")], |_| {
            true
        }));
    // The repository has more, and newer, than the recipe wants of it.
    let foreign = deb("jq", "99", "libc6").file("usr/bin/jq", b"not Debian's\n");
    [engine, client, containerd, foreign]
        .iter()
        .map(Package::built)
        .collect()
}

#[test]
fn the_docker_ce_recipe_takes_its_engine_from_dockers_repository_and_boots() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let at = |name: &str| scratch.path().join(name);
    let key = sound_key();
    Suite::named("bookworm")
        .component("stable")
        .valid_until(None)
        .packages(docker_packages())
        .publish(&at("docker"), &[&key]);
    fs::create_dir(at("shipped")).expect("directory");
    for name in ["docker-ce", "bookworm"] {
        let to = at("shipped").join(format!("{name}.toml"));
        fs::copy(recipe(name), to).expect("the shipped recipe");
    }
    let text = format!(
        "extends = \"shipped/docker-ce.toml\"\n[image]\nplatforms = [\"linux/{}\"]\n\
         [[debian.repository]]\nname = \"docker\"\nmirrors = [\"{}\"]\nsuite = \"bookworm\"\n\
         components = [\"stable\"]\npackages = [\"docker-ce\", \"docker-ce-cli\", \"containerd.io\"]\nkeys = [{}]\n",
        architecture(),
        address(&at("docker")),
        key.pin(scratch.path()),
    );
    fs::write(at("ce.toml"), text).expect("recipe written");
    let name = "localhost/dindimg-test/docker-ce";
    let mut build = command(&kept("cache"));
    build
        .args([
            "build",
            "ce.toml",
            "--allow-expired",
            "--variant",
            "default",
            "--json",
            "--repository",
            name,
        ])
        .args(["--output", "docker-archive:ce.tar"])
        .current_dir(scratch.path());
    let run = Run::of(build.output().expect("the binary runs")).good();
    for tag in ["24.0.9-ce-bookworm", "24-ce-bookworm", "ce-bookworm"] {
        assert!(run.stdout.contains(&format!("\"{tag}\"")), "{}", run.stdout);
    }

    let mut audit = command(&kept("cache"));
    let words = ["audit", "ce.toml", "--variant=default", "--fail-on=note"];
    audit.args(words).current_dir(scratch.path());
    Run::of(audit.output().expect("the binary runs")).good();

    let lock = fs::read_to_string(at("ce.lock")).expect("lock");
    let lock = dindimg::lock::parse(&lock).expect("valid");
    let from = |name: &str| {
        let package = lock.packages.iter().find(|package| package.name == name);
        package.map(|package| package.repository.as_str())
    };
    for name in ["docker-ce", "docker-ce-cli", "containerd.io"] {
        assert_eq!(from(name), Some("docker"), "{name}");
    }
    for name in ["docker.io", "containerd", "runc"] {
        assert_eq!(from(name), None, "{name}");
    }
    assert!(from("jq").is_some_and(|repository| repository.starts_with("debian/bookworm")));
    let docker = lock.repository("docker").expect("locked");
    assert_eq!(docker.signers, [key.fingerprint()]);
    assert_eq!(
        docker.snapshot, None,
        "Docker's repository has no snapshots"
    );

    in_turn(|| {
        let engine = engines::docker();
        let mut smoke = engine.command(env!("CARGO_BIN_EXE_dindimg"));
        smoke
            .env("DINDIMG_CACHE_DIR", kept("cache"))
            .args(["smoke", "ce.tar", "--engine", "docker"])
            .current_dir(scratch.path());
        let said = Run::of(smoke.output().expect("the binary runs"))
            .good()
            .stdout;
        assert!(
            said.contains("nested-run") && !said.contains("skipped"),
            "{said}"
        );
        engine.run(&["load", "--input", at("ce.tar").to_str().expect("UTF-8")]);
        let image = format!("{name}:ce-bookworm");
        let groups = engine.run(&["run", "--rm", &image, "cat", "/etc/group"]);
        for tag in ["24.0.9-ce-bookworm", "24-ce-bookworm", "ce-bookworm"] {
            engine.run(&["image", "rm", &format!("{name}:{tag}")]);
        }
        assert!(
            groups.lines().any(|line| line.starts_with("docker:x:")),
            "{groups}"
        );
    });
}

#[test]
fn the_docker_ce_recipe_pins_dockers_key_and_only_for_dockers_packages() {
    const DOCKER: &str = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88";
    let recipe = dindimg::recipe::load(&recipe("docker-ce")).expect("the shipped recipe");
    let repositories = dindimg::family::of(recipe.default())
        .repositories(recipe.default(), &Default::default())
        .expect("repositories");
    let (docker, debian) = repositories.split_last().expect("repositories");
    assert_eq!(docker.fingerprints, [DOCKER]);
    let only: Vec<&str> = docker.only.iter().map(String::as_str).collect();
    assert_eq!(only, ["containerd.io", "docker-ce", "docker-ce-cli"]);
    let files: Vec<(&str, &[u8])> = docker
        .certificates
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let keyring = Keyring::from_certificates(&files)
        .and_then(|all| all.pin(&[DOCKER.parse().expect("a fingerprint")]))
        .expect("Docker's certificate");
    assert_eq!(keyring.fingerprints().count(), 1);
    for repository in debian {
        assert!(repository.only.is_empty());
        assert!(!repository.fingerprints.contains(&DOCKER.to_owned()));
    }
}
