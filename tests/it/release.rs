//! Publishing to Debian's `docker-registry`, verified by cosign of both generations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use crate::peers::require;
use crate::product::{Run, command, kept};
use crate::tools::unpacked;

/// The suites of a cosign that finds signatures by tags, and of one that finds them by referrers.
pub const COSIGN: [(&str, &str); 2] = [("2", "trixie"), ("3", "forky")];

const RECIPE: &str = "schema = 1
[image]
platforms = [\"linux/amd64\", \"linux/arm64\"]
tags = [\"{{suite}}\", \"latest\"]
immutable-tags = [\"{{suite}}-{{date}}\"]
channels = { edge = [\"edge-{{suite}}\"] }
[debian]
suite = \"bookworm\"
security = false
updates = false
[packages]
include = [\"tini\"]
[[file]]
path = \"/etc/motd\"
content = \"TEXT\"
[[variant]]
name = \"more\"
[variant.packages]
include = [\"catatonit\"]
";

/// A registry, keys and a recipe.
pub struct Site {
    pub registry: DockerRegistry,
    directory: tempfile::TempDir,
    pub repository: String,
}

impl Site {
    pub fn new() -> Self {
        let registry = DockerRegistry::start(Setup::default());
        let directory = tempfile::tempdir().expect("temporary directory");
        let repository = format!("{}/ci/image", registry.address());
        let site = Self {
            registry,
            directory,
            repository,
        };
        site.write("first");
        for name in ["key", "other"] {
            let private = site.at(&format!("{name}.pem"));
            let public = site.at(&format!("{name}.pub"));
            openssl(
                &[
                    "genpkey",
                    "-algorithm",
                    "EC",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-out",
                ],
                &private,
            );
            let private = private.to_str().expect("UTF-8");
            openssl(&["pkey", "-in", private, "-pubout", "-out"], &public);
        }
        site
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The recipe with this text in a file.
    pub fn write(&self, text: &str) {
        fs::write(self.at("r.toml"), RECIPE.replace("TEXT", text)).expect("recipe written");
    }

    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let mut command = command(&kept("cache"));
        command
            .arg(verb)
            .args(more)
            .current_dir(self.directory.path());
        command
    }

    pub fn run(&self, verb: &str, more: &[&str]) -> Run {
        Run::of(self.command(verb, more).output().expect("the binary runs"))
    }

    /// `release --json` with a key.
    pub fn release(&self, more: &[&str]) -> Run {
        let usual = [
            "r.toml",
            "--json",
            "--key=key.pem",
            "--repository",
            &self.repository,
        ];
        self.run("release", &[&usual[..], more].concat())
    }

    pub fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    /// What a tag leads to, as skopeo sees it.
    pub fn digest(&self, tag: &str) -> String {
        let image = format!("docker://{}", self.image(tag));
        let format = ["--format", "{{.Digest}}", "--override-arch=amd64"];
        let inspected =
            skopeo(&[&["inspect", "--tls-verify=false"], &format[..], &[&image]].concat());
        String::from_utf8(inspected)
            .expect("UTF-8")
            .trim()
            .to_owned()
    }

    pub fn verify(&self, tag: &str, key: &str, more: &[&str]) -> Run {
        let image = self.image(tag);
        self.run("verify", &[&[&image[..], "--key", key], more].concat())
    }

    pub fn cosign(&self, suite: &str, arguments: &[&str]) -> Output {
        let program = unpacked(suite, "cosign").join("usr/bin/cosign");
        Command::new(program)
            .args(arguments)
            .env("COSIGN_PASSWORD", "")
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .output()
            .expect("cosign runs")
    }
}

fn openssl(words: &[&str], to: &Path) {
    let Some(program) = require(&["openssl"], "openssl") else {
        return;
    };
    let made = Command::new(program).args(words).arg(to).output();
    assert!(made.expect("openssl runs").status.success());
}

pub fn metadata(run: Run) -> Value {
    serde_json::from_str(&run.good().stdout).expect("JSON")
}

pub fn text(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn cosign_of_both_generations_verifies_what_is_released() {
    let site = Site::new();
    let released = metadata(site.release(&[]));
    let images = released["images"].as_array().expect("images");
    assert_eq!(images.len(), 2);
    for tag in ["bookworm", "latest", "bookworm-more"] {
        for (generation, suite) in COSIGN {
            let image = site.image(tag);
            let usual = [
                "--key=key.pub",
                "--insecure-ignore-tlog=true",
                "--allow-http-registry",
                &image,
            ];
            let verified = site.cosign(suite, &[&["verify"], &usual[..]].concat());
            assert!(
                verified.status.success(),
                "cosign {generation}: {}",
                text(&verified)
            );
            let kind = ["verify-attestation", "--type=slsaprovenance1"];
            let verified = site.cosign(suite, &[&kind[..], &usual].concat());
            assert!(
                verified.status.success(),
                "cosign {generation}: {}",
                text(&verified)
            );
            let wrong = [&["verify", "--key=other.pub"], &usual[1..]].concat();
            assert!(!site.cosign(suite, &wrong).status.success());
        }
    }
    // Bills are of each platform.
    let index = skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        &format!("docker://{}", site.image("latest")),
    ]);
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    for manifest in index["manifests"].as_array().expect("manifests") {
        let image = format!(
            "{}@{}",
            site.repository,
            manifest["digest"].as_str().expect("a digest")
        );
        for (generation, suite) in COSIGN {
            for kind in ["spdxjson", "cyclonedx"] {
                let kind = format!("--type={kind}");
                let verified = site.cosign(
                    suite,
                    &[
                        "verify-attestation",
                        &kind,
                        "--key=key.pub",
                        "--insecure-ignore-tlog=true",
                        "--allow-http-registry",
                        &image,
                    ],
                );
                assert!(
                    verified.status.success(),
                    "cosign {generation} {kind}: {}",
                    text(&verified)
                );
            }
        }
    }
    let archive = site.at("copy");
    skopeo(&[
        "--insecure-policy",
        "copy",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
        &format!("docker://{}", site.image("latest")),
        &format!("dir:{}", archive.display()),
    ]);
    let crane = unpacked("forky", "crane").join("usr/bin/crane");
    let validated = Command::new(crane)
        .args(["validate", "--insecure", "--remote", &site.image("latest")])
        .output()
        .expect("crane runs");
    assert!(validated.status.success(), "{}", text(&validated));
}

#[test]
fn a_second_release_sends_nothing_and_moves_nothing() {
    let site = Site::new();
    metadata(site.release(&[]));
    let second = metadata(site.release(&[]));
    for image in second["images"].as_array().expect("images") {
        assert_eq!(image["bytes"], 0, "{image}");
        for tag in image["tags"].as_array().expect("tags") {
            assert_eq!(tag["moved"], false, "{image}");
        }
    }
    // Nothing is said twice either.
    let said = site.release(&["--quiet"]).good().stderr;
    assert_eq!(said, "");
    let dry = metadata(site.release(&["--dry-run"]));
    assert_eq!(dry["published"], false);
}

#[test]
fn a_dry_run_says_what_would_move_and_sends_nothing() {
    let site = Site::new();
    let usual = ["r.toml", "--dry-run", "--repository", &site.repository];
    let said = site.run("release", &usual).good().stderr;
    assert!(said.contains("latest: new, sha256:"), "{said}");
    assert!(said.contains("would be sent"), "{said}");
    let image = format!("docker://{}", site.image("latest"));
    let there = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", &image])
        .output()
        .expect("skopeo runs");
    assert!(!there.status.success());
}

#[test]
fn an_immutable_tag_stays_and_takes_the_others_with_it() {
    let site = Site::new();
    metadata(site.release(&[]));
    let before = site.digest("latest");
    site.write("second");
    let error = site.release(&[]).failed(2);
    assert!(error.contains("is immutable and leads to"), "{error}");
    assert_eq!(site.digest("latest"), before);
    metadata(site.release(&["--move-immutable"]));
    assert_ne!(site.digest("latest"), before);
}

#[test]
fn what_is_not_signed_by_the_key_is_not_verified() {
    let site = Site::new();
    let usual = ["r.toml", "--repository", &site.repository];
    site.run("release", &usual).good();
    let error = site.verify("latest", "key.pub", &[]).failed(4);
    assert!(error.contains("is not signed by this key"), "{error}");
    metadata(site.release(&[]));
    let said = site.verify("latest", "key.pub", &[]).good().stderr;
    assert!(said.contains("linux/arm64: signed, with SPDX"), "{said}");
    assert!(said.contains("provenance"), "{said}");
    site.verify("latest", "other.pub", &[]).failed(4);
    // Two keys: neither takes the other's signature away.
    let other = [
        "r.toml",
        "--key=other.pem",
        "--repository",
        &site.repository,
    ];
    site.run("release", &other).good();
    for key in ["key.pub", "other.pub"] {
        site.verify("latest", key, &[]).good();
    }
    let error = site
        .run("verify", &[&site.image("none"), "--key=key.pub"])
        .failed(2);
    assert!(error.contains("there is no such image"), "{error}");
    let error = site.run("verify", &[&site.image("latest")]).failed(2);
    assert!(error.contains("--key"), "{error}");
}

#[test]
fn an_image_built_again_is_identical_or_differs_in_a_named_entry() {
    let site = Site::new();
    metadata(site.release(&[]));
    let rebuild = ["--rebuild=r.toml"];
    let said = site
        .verify("bookworm-more", "key.pub", &rebuild)
        .good()
        .stderr;
    assert!(said.contains("identical"), "{said}");
    site.write("other");
    let variant = ["--rebuild=r.toml", "--variant=default"];
    let error = site.verify("latest", "key.pub", &variant).failed(4);
    assert!(error.contains("etc/motd has other content"), "{error}");
}

#[test]
fn a_key_that_a_program_keeps_signs_once() {
    let site = Site::new();
    let program = site.at("sign");
    let line = format!(
        "#!/bin/sh\nexec openssl dgst -sha256 -sign {}\n",
        site.at("key.pem").display()
    );
    fs::write(&program, line).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).expect("executable");
    let key = format!("--key=exec:{}", program.display());
    let usual = [
        "r.toml",
        "--json",
        &key,
        "--public-key=key.pub",
        "--repository",
        &site.repository,
    ];
    metadata(site.run("release", &usual));
    site.verify("latest", "key.pub", &[]).good();
    // Another signature of the same would have other bytes.
    let second = metadata(site.run("release", &usual));
    for image in second["images"].as_array().expect("images") {
        assert_eq!(image["bytes"], 0, "{image}");
    }
    let other = [
        "r.toml",
        &key,
        "--public-key=other.pub",
        "--repository",
        &site.repository,
    ];
    let error = site.run("release", &other).failed(1);
    assert!(
        error.contains("not that of the public key") || error.contains("is immutable"),
        "{error}"
    );
}

/// Both schemas are those that the standards publish, as Debian has them or as its tools check.
#[test]
fn bills_of_materials_are_valid_and_name_every_package() {
    let site = Site::new();
    metadata(site.release(&[]));
    let lock = fs::read_to_string(site.at("r.lock")).expect("a lock");
    let lock: toml::Table = lock.parse().expect("TOML");
    let referrers = documents(&site, "latest");
    let find = |kind: &str| {
        let found = referrers.iter().filter(|(of, _)| of == kind);
        found.map(|(_, document)| document).collect::<Vec<_>>()
    };
    let (spdx, cyclonedx) = (
        find("application/spdx+json"),
        find("application/vnd.cyclonedx+json"),
    );
    assert_eq!((spdx.len(), cyclonedx.len()), (2, 2));
    for document in cyclonedx {
        let path = site.at("bom.json");
        fs::write(&path, document.to_string()).expect("written");
        validate(&path);
        let names: Vec<&str> = document["components"]
            .as_array()
            .expect("components")
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert!(
            names.contains(&"tini") && names.contains(&"/etc/motd"),
            "{names:?}"
        );
    }
    for document in spdx {
        let packages = document["packages"].as_array().expect("packages");
        for package in lock["package"].as_array().expect("packages") {
            let name = package["name"].as_str().expect("a name");
            let only = package["platforms"].get("default");
            if only.is_none() {
                continue;
            }
            let found = packages.iter().find(|one| one["name"] == name);
            let found = found.unwrap_or_else(|| panic!("no {name}"));
            let purl = found["externalRefs"][0]["referenceLocator"].as_str();
            assert!(
                purl.is_some_and(|purl| purl.starts_with("pkg:deb/debian/")),
                "{found}"
            );
        }
        let tini = packages
            .iter()
            .find(|one| one["name"] == "tini")
            .expect("tini");
        assert_eq!(tini["licenseDeclared"], "MIT");
        let path = site.at("bom.spdx.json");
        fs::write(&path, document.to_string()).expect("written");
        check_spdx(&path);
    }
}

/// What refers to an image and to its platforms: media types and documents.
fn documents(site: &Site, tag: &str) -> Vec<(String, Value)> {
    let raw = |image: &str| -> Value {
        let image = format!("docker://{image}");
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
        serde_json::from_slice(&raw).expect("JSON")
    };
    let index = raw(&site.image(tag));
    let mut found = Vec::new();
    for manifest in index["manifests"].as_array().expect("manifests") {
        let digest = manifest["digest"].as_str().expect("a digest");
        let list = raw(&site.image(&digest.replace(':', "-")));
        for entry in list["manifests"].as_array().expect("entries") {
            let artifact = format!(
                "{}@{}",
                site.repository,
                entry["digest"].as_str().expect("a digest")
            );
            let artifact = raw(&artifact);
            assert_eq!(artifact["subject"]["digest"], digest);
            let layer = artifact["layers"][0]["digest"].as_str().expect("a layer");
            let url = format!(
                "http://{}/v2/ci/image/blobs/{layer}",
                site.registry.address()
            );
            let got = Command::new("curl")
                .args(["-sf", &url])
                .output()
                .expect("curl runs");
            let document = serde_json::from_slice(&got.stdout).expect("JSON");
            found.push((
                entry["artifactType"].as_str().expect("a type").to_owned(),
                document,
            ));
        }
    }
    found
}

/// By the schema of CycloneDX, as Debian's library for it has it.
fn validate(path: &Path) {
    let library = unpacked("trixie", "python3-cyclonedx-lib");
    let schemas = library.join("usr/lib/python3/dist-packages/cyclonedx/schema/_res");
    let script = "import json, sys, pathlib, jsonschema
directory = pathlib.Path(sys.argv[1])
load = lambda name: json.loads((directory / name).read_text())
schema = load('bom-1.6.SNAPSHOT.schema.json')
store = {'http://cyclonedx.org/schema/' + name.replace('.SNAPSHOT', ''): load(name)
         for name in ('spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json')}
resolver = jsonschema.RefResolver.from_schema(schema, store=store)
jsonschema.Draft7Validator(schema, resolver=resolver).validate(json.load(open(sys.argv[2])))
";
    python(script, &[&schemas, path], &[]);
}

/// By the tools of the SPDX project, as Debian has them.
fn check_spdx(path: &Path) {
    let modules: Vec<PathBuf> = [
        "python3-spdx-tools",
        "python3-beartype",
        "python3-license-expression",
        "python3-boolean",
        "python3-ply",
        "python3-rdflib",
        "python3-semantic-version",
        "python3-uritools",
        "python3-xmltodict",
        "python3-pyparsing",
        "python3-click",
    ]
    .map(|package| unpacked("forky", package).join("usr/lib/python3/dist-packages"))
    .into();
    let script = "import sys
from spdx_tools.spdx.parser.json.json_parser import parse_from_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
messages = validate_full_spdx_document(parse_from_file(sys.argv[1]))
sys.exit('\\n'.join(message.validation_message for message in messages) or 0)
";
    python(script, &[path], &modules);
}

fn python(script: &str, arguments: &[&Path], modules: &[PathBuf]) {
    let Some(program) = require(&["python3"], "python3-jsonschema") else {
        return;
    };
    let path = std::env::join_paths(modules).expect("paths");
    let output = Command::new(program)
        .args(["-W", "ignore", "-c", script])
        .args(arguments)
        .env("PYTHONPATH", path)
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{}", text(&output));
}

/// Each time in a registry of its own, and later than the time before while that came too early.
fn killed_at(times: u32) {
    let mut end = 40_u64;
    for number in 0..times {
        let site = Site::new();
        let usual = [
            "r.toml",
            "--key=key.pem",
            "--repository",
            &site.repository,
            "--quiet",
        ];
        let mut child = site
            .command("release", &usual)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(Duration::from_millis(end));
        let _ = child.kill();
        let whole = child.wait().expect("ended").success();
        end += if whole { 0 } else { 60 };
        let run = metadata(site.release(&[]));
        for image in run["images"].as_array().expect("images") {
            let digest = image["digest"].as_str().expect("a digest");
            for tag in image["tags"].as_array().expect("tags") {
                assert_eq!(
                    site.digest(tag["tag"].as_str().expect("a tag")),
                    digest,
                    "kill {number}"
                );
            }
        }
        for tag in ["latest", "bookworm-more"] {
            site.verify(tag, "key.pub", &[]).good();
        }
        let again = metadata(site.release(&[]));
        for image in again["images"].as_array().expect("images") {
            assert_eq!(image["bytes"], 0, "kill {number}");
        }
    }
}

#[test]
fn a_release_that_is_killed_is_finished_by_the_next() {
    killed_at(5);
}

#[test]
#[ignore = "thirty kills, of which the usual test has five"]
fn a_release_that_is_killed_thirty_times_is_finished_by_the_next() {
    killed_at(30);
}

#[test]
fn test_results_are_of_this_image_and_good() {
    let site = Site::new();
    let digest = metadata(site.release(&[]))["images"][0]["digest"].clone();
    let digest = digest
        .as_str()
        .expect("a digest")
        .trim_start_matches("sha256:");
    let publish = |kind: &str, result: &str, digest: &str| {
        let statement = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "x", "digest": { "sha256": digest } }],
            "predicateType": kind,
            "predicate": { "result": result },
        });
        fs::write(site.at("t.intoto.json"), statement.to_string()).expect("written");
        let tests = ["--variant=default", "--test-results=t.intoto.json"];
        site.release(&tests)
    };
    let test = "https://in-toto.io/attestation/test-result/v0.1";
    let error = publish(test, "FAILED", digest).failed(7);
    assert!(error.contains("are FAILED"), "{error}");
    let error = publish("https://spdx.dev/Document", "PASSED", digest).failed(2);
    assert!(error.contains("is no test results"), "{error}");
    let error = publish(test, "PASSED", &"0".repeat(64)).failed(2);
    assert!(error.contains("is of another image"), "{error}");
    publish(test, "PASSED", digest).good();
    let said = site.verify("latest", "key.pub", &[]).good().stderr;
    assert!(said.contains("test results"), "{said}");
    // The platforms were not what was proven.
    let platform = said.lines().find(|line| line.starts_with("linux/amd64"));
    assert!(
        platform.is_some_and(|line| !line.contains("test results")),
        "{said}"
    );
}
