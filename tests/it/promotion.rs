//! From a staging repository to users: signed, proven, copied, tags last; verified by cosign of both
//! generations.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use dindimg::attest::{BUNDLE, Envelope, SigningKey, artifact};
use dindimg::digest::Digest;
use dindimg::epoch::Epoch;
use dindimg::oci::{Descriptor, media};
use dindimg::progress::Silent;
use dindimg::registry::{
    Attachment, CredentialSources, Credentials, NoHelpers, Registry, RegistryOptions,
};
use serde_json::{Value, json};

use crate::docker_registry::{DockerRegistry, Setup, skopeo};
use crate::fake_registry::{FakeRegistry, Faults};
use crate::product::Run;
use crate::release::{COSIGN, Site, metadata, text};

const TEST: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// An image in a staging repository, without tags.
struct Staged {
    site: Site,
    digest: String,
    /// Of linux/amd64 and of linux/arm64.
    platforms: [String; 2],
}

impl Staged {
    /// Signed by `key.pem`.
    fn new() -> Self {
        Self::with(&["--key=key.pem"])
    }

    fn unsigned() -> Self {
        Self::with(&[])
    }

    fn with(key: &[&str]) -> Self {
        let site = Site::new();
        let to = ["--repository", &site.repository];
        let usual = ["r.toml", "--json", "--variant=default", "--no-tags"];
        let released = metadata(site.run("release", &[&usual[..], &to, key].concat()));
        let image = &released["images"][0];
        assert_eq!(image["tags"], json!([]));
        let word = |value: &Value| value.as_str().expect("a digest").to_owned();
        let platform = |name: &str| word(&image["platforms"][name]);
        Self {
            digest: word(&image["digest"]),
            platforms: ["linux/amd64", "linux/arm64"].map(platform),
            site,
        }
    }

    fn source(&self) -> String {
        format!("{}@{}", self.site.repository, self.digest)
    }

    /// Another repository of the same registry.
    fn sibling(&self) -> String {
        format!("{}/prod/image", self.site.registry.address())
    }

    /// `promote --json` with the recipe's tags.
    fn promote(&self, to: &str, more: &[&str]) -> Run {
        let source = self.source();
        let usual = [&source[..], "--json", "--recipe=r.toml", "--to", to];
        self.site.run("promote", &[&usual[..], more].concat())
    }

    /// Has test results in a file, as `smoke --report` writes them.
    fn write(&self, verb: &str, result: &str, digests: &[&str]) -> Vec<u8> {
        let subjects: Vec<Value> = digests
            .iter()
            .map(|digest| json!({ "name": "x", "digest": { "sha256": digest.trim_start_matches("sha256:") } }))
            .collect();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": TEST,
            "predicate": {
                "result": result,
                "configuration": [{ "name": format!("dindimg {verb} report") }],
            },
        });
        let statement = format!("{statement}\n").into_bytes();
        fs::write(self.site.at("t.intoto.json"), &statement).expect("written");
        statement
    }

    fn sign(&self, key: &str, more: &[&str]) -> Run {
        let source = self.source();
        let usual = [&source[..], "--json", "--key", key];
        self.site.run("sign", &[&usual[..], more].concat())
    }

    /// Has a bundle of these bytes attached to the image, as anybody can who may write there.
    fn attach(&self, bundle: Vec<u8>, change: impl Fn(&mut Descriptor)) {
        let registry = Registry::new(
            RegistryOptions::default(),
            Credentials::new(CredentialSources::default(), Arc::new(NoHelpers)),
            Arc::new(Silent),
        );
        let repository = self.site.repository.parse().expect("a repository");
        let reference = self.source().parse().expect("a reference");
        let registry = registry.expect("a client");
        let index = registry.fetch_manifest(&reference).expect("answered");
        let subject = Descriptor::of(media::INDEX, &index.expect("there").bytes);
        let annotations = artifact::bundle_annotations(TEST);
        let made = artifact::referring(&subject, BUNDLE, bundle, annotations, Epoch::default());
        let mut entry = made.entry.expect("an entry");
        change(&mut entry);
        let attachment = Attachment {
            manifest: made.manifest,
            blobs: made.blobs,
            tag: None,
            refers: Some((subject.digest, entry)),
        };
        registry.attach(&repository, &attachment).expect("attached");
    }

    fn key(&self, name: &str) -> SigningKey {
        let pem = fs::read_to_string(self.site.at(name)).expect("a key");
        SigningKey::read(&pem, None).expect("a key")
    }
}

/// The tags of a repository, cosign's and those of lists apart.
fn tags(repository: &str) -> Vec<String> {
    let image = format!("docker://{repository}");
    let listed = Command::new("skopeo")
        .args(["list-tags", "--tls-verify=false", &image])
        .output()
        .expect("skopeo runs");
    let said = text(&listed);
    // There is no such repository yet.
    if said.contains("404 (Not Found)") || said.contains("NAME_UNKNOWN") {
        return Vec::new();
    }
    assert!(listed.status.success(), "{said}");
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let tags = listed["Tags"].as_array().cloned().unwrap_or_default();
    let tags = tags.iter().filter_map(|tag| tag.as_str());
    let tags = tags.filter(|tag| !tag.starts_with("sha256-"));
    tags.map(str::to_owned).collect()
}

fn led_to(image: &str) -> String {
    let image = format!("docker://{image}");
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
    Digest::of(raw).to_string()
}

/// By both generations of cosign, what the words ask.
fn cosign(site: &Site, words: &[&str], key: &str, image: &str) {
    for (generation, suite) in COSIGN {
        let usual = [
            "--key",
            key,
            "--insecure-ignore-tlog=true",
            "--allow-http-registry",
            image,
        ];
        let verified = site.cosign(suite, &[words, &usual[..]].concat());
        let said = text(&verified);
        assert!(verified.status.success(), "cosign {generation}: {said}");
    }
}

#[test]
fn a_staged_image_is_found_by_digest_and_by_no_tag() {
    let staged = Staged::new();
    let site = &staged.site;
    assert_eq!(tags(&site.repository), Vec::<String>::new());
    site.run("verify", &[&staged.source(), "--key=key.pub"])
        .good();
    // A recipe that names no tag can be staged, and not released.
    let recipe = fs::read_to_string(site.at("r.toml")).expect("a recipe");
    let tagless = recipe.lines().filter(|line| !line.contains("tags = "));
    let tagless: Vec<&str> = tagless.collect();
    fs::write(site.at("r.toml"), tagless.join("\n")).expect("written");
    let usual = [
        "r.toml",
        "--variant=default",
        "--repository",
        &site.repository,
    ];
    let error = site.run("release", &usual).failed(2);
    assert!(error.contains("--no-tags"), "{error}");
    let said = site.run("release", &[&usual[..], &["--no-tags"]].concat());
    let said = said.good().stderr;
    let line = format!("{}: sent by digest, and no tag moves", staged.source());
    assert!(said.contains(&line), "{said}");
    site.run("release", &[&usual[..], &["--no-tags", "--tag=x"]].concat())
        .failed(2);
}

#[test]
fn a_dry_run_writes_its_file_too() {
    let site = Site::new();
    metadata(site.release(&["--dry-run", "--metadata-file=m.json"]));
    let written = fs::read(site.at("m.json")).expect("a file");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["published"], false);
    assert_eq!(written["images"][0]["tags"][0]["moved"], false);
}

#[test]
fn an_image_is_signed_with_what_is_said_of_it() {
    let staged = Staged::unsigned();
    let [amd64, arm64] = &staged.platforms;
    staged.write("smoke", "FAILED", &[amd64]);
    let statement = ["--statement=t.intoto.json"];
    let error = staged.sign("key.pem", &statement).failed(7);
    assert!(error.contains("are FAILED"), "{error}");
    staged.write("smoke", "PASSED", &[&"0".repeat(64)]);
    let error = staged.sign("key.pem", &statement).failed(2);
    assert!(error.contains("is of another image"), "{error}");
    // Neither has sent anything.
    let verify = [&staged.source()[..], "--key=key.pub"];
    staged.site.run("verify", &verify).failed(4);
    staged.write("smoke", "PASSED", &[amd64]);
    let first = metadata(staged.sign("key.pem", &statement));
    assert_ne!(first["attachments"]["sent"], 0, "{first}");
    for digest in [&staged.digest, amd64, arm64] {
        let image = format!("{}@{digest}", staged.site.repository);
        cosign(&staged.site, &["verify"], "key.pub", &image);
    }
    let image = format!("{}@{amd64}", staged.site.repository);
    let kind = ["verify-attestation", "--type", TEST];
    cosign(&staged.site, &kind, "key.pub", &image);
    let second = metadata(staged.sign("key.pem", &statement));
    assert_eq!(second["attachments"]["sent"], 0, "{second}");
    assert_eq!(second["attachments"]["bytes"], 0, "{second}");
}

#[test]
fn what_release_has_signed_is_not_signed_again() {
    let staged = Staged::new();
    let signed = metadata(staged.sign("key.pem", &[]));
    assert_eq!(signed["attachments"]["sent"], 0, "{signed}");
}

#[test]
fn a_release_waits_for_its_gate() {
    let staged = Staged::new();
    let release = |gates: &[&str]| {
        let gates = [&["--variant=default"], gates].concat();
        staged.site.release(&gates)
    };
    let gate = ["--require=smoke", "--trusted-key=key.pub"];
    release(&gate[..1]).failed(2);
    let error = release(&gate).failed(7);
    assert!(error.contains("no trusted key has signed"), "{error}");
    let how = format!("dindimg smoke {} --report", staged.source());
    assert!(error.contains(&how), "{error}");
    assert_eq!(tags(&staged.site.repository), Vec::<String>::new());
    staged.write("smoke", "WARNED", &[&staged.platforms[0]]);
    metadata(staged.sign("key.pem", &["--statement=t.intoto.json"]));
    release(&gate).good();
    assert_eq!(staged.site.digest("latest"), staged.digest);
}

#[test]
fn a_gate_opens_for_what_trusted_keys_have_signed_alone() {
    let staged = Staged::new();
    let to = staged.sibling();
    let gates = ["--require=smoke,audit", "--trusted-key=key.pub"];
    let shut = |gates: &[&str], words: &str| {
        let error = staged.promote(&to, gates).failed(7);
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(tags(&to), Vec::<String>::new());
    };
    shut(&gates, "audit: linux/arm64, ");
    // Somebody else's word.
    staged.write("smoke", "PASSED", &[&staged.digest]);
    let statement = ["--statement=t.intoto.json"];
    metadata(staged.sign("other.pem", &statement));
    shut(&gates, "smoke: the image, ");
    // Our word, changed afterwards.
    let bad = staged.write("smoke", "FAILED", &[&staged.digest]);
    let key = staged.key("key.pem");
    let signed = Envelope::sign(&bad, &key).expect("signed");
    let good = staged.write("smoke", "PASSED", &[&staged.digest]);
    let forged = Envelope::sign(&good, &staged.key("other.pem")).expect("signed");
    let value =
        |envelope: &Envelope| -> Value { serde_json::from_slice(&envelope.bytes()).expect("JSON") };
    let mut mixed = value(&signed);
    mixed["payload"] = value(&forged)["payload"].clone();
    let mixed = Envelope::read(mixed.to_string().as_bytes()).expect("an envelope");
    let public = dindimg::attest::Signer::public(&key);
    staged.attach(mixed.bundle(public), |_| ());
    shut(&gates, "smoke: the image, ");
    // Smoke by one platform, audit by each.
    staged.write("smoke", "PASSED", &[&staged.platforms[0]]);
    metadata(staged.sign("key.pem", &statement));
    shut(&gates, "audit: linux/arm64, ");
    staged.write("audit", "PASSED", &[&staged.platforms[0]]);
    metadata(staged.sign("key.pem", &statement));
    shut(&gates, "audit: linux/arm64, ");
    let all = [&staged.platforms[0][..], &staged.platforms[1]];
    staged.write("audit", "WARNED", &all);
    metadata(staged.sign("key.pem", &statement));
    let dry = [&gates[..], &["--dry-run"]].concat();
    let planned = metadata(staged.promote(&to, &dry));
    assert_eq!(planned["published"], false);
    let remark = "smoke: proven is linux/amd64; not by itself: linux/arm64";
    assert_eq!(planned["remarks"], json!([remark]));
    assert_eq!(tags(&to), Vec::<String>::new());
    // A failure that we have signed ourselves is not outvoted.
    staged.attach(signed.bundle(public), |_| ());
    shut(&gates, "has signed the result FAILED");
    // Nobody asks for smoke here.
    let audit = ["--require=audit", "--trusted-key=key.pub"];
    metadata(staged.promote(&to, &audit));
    assert_eq!(led_to(&format!("{to}:latest")), staged.digest);
}

#[test]
fn in_one_registry_a_promotion_mounts_and_a_second_one_sends_nothing() {
    let staged = Staged::new();
    staged.write("smoke", "PASSED", &[&staged.digest, &staged.platforms[0]]);
    metadata(staged.sign("key.pem", &["--statement=t.intoto.json"]));
    let to = staged.sibling();
    let first = metadata(staged.promote(&to, &["--metadata-file=m.json"]));
    assert_eq!(first["blobs"]["sent"], 0, "{first}");
    assert_ne!(first["blobs"]["mounted"], 0, "{first}");
    assert_eq!(first["bytes"], 0, "{first}");
    let written = fs::read(staged.site.at("m.json")).expect("a file");
    assert_eq!(
        first,
        serde_json::from_slice::<Value>(&written).expect("JSON")
    );
    let tags = tags(&to);
    assert_eq!(tags.len(), 3, "{tags:?}");
    for tag in &tags {
        let image = format!("{to}:{tag}");
        assert_eq!(led_to(&image), staged.digest);
    }
    let latest = format!("{to}:latest");
    cosign(&staged.site, &["verify"], "key.pub", &latest);
    arrived(&staged, &to);
    let second = metadata(staged.promote(&to, &[]));
    nothing_sent(&second);
}

/// Everything that was said of the image is said of it there.
fn arrived(staged: &Staged, to: &str) {
    let site = &staged.site;
    let whole = format!("{to}@{}", staged.digest);
    for kind in ["slsaprovenance1", TEST] {
        cosign(
            site,
            &["verify-attestation", "--type", kind],
            "key.pub",
            &whole,
        );
    }
    for digest in &staged.platforms {
        let image = format!("{to}@{digest}");
        cosign(site, &["verify"], "key.pub", &image);
        let kind = ["verify-attestation", "--type", "spdxjson"];
        cosign(site, &kind, "key.pub", &image);
    }
    let said = site.run("verify", &[&whole, "--key=key.pub"]).good().stderr;
    assert!(said.contains("test results"), "{said}");
}

fn nothing_sent(promoted: &Value) {
    for (name, value) in [
        ("blobs", &promoted["blobs"]["sent"]),
        ("mounts", &promoted["blobs"]["mounted"]),
        ("manifests", &promoted["manifests"]),
        ("attachments", &promoted["attachments"]["sent"]),
        ("bytes", &promoted["bytes"]),
    ] {
        assert_eq!(*value, 0, "{name}: {promoted}");
    }
    for tag in promoted["tags"].as_array().expect("tags") {
        assert_eq!(tag["moved"], false, "{promoted}");
    }
}

#[test]
fn between_two_registries_everything_is_passed_on_and_what_is_there_stays() {
    let staged = Staged::new();
    staged.write("smoke", "PASSED", &[&staged.digest]);
    metadata(staged.sign("key.pem", &["--statement=t.intoto.json"]));
    let other = DockerRegistry::start(Setup::default());
    let to = format!("{}/prod/image", other.address());
    // Somebody has signed the image there, where it came by other means.
    let copied = skopeo(&[
        "--insecure-policy",
        "copy",
        "--all",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        &format!("docker://{}", staged.source()),
        &format!("docker://{to}:before"),
    ]);
    drop(copied);
    let whole = format!("{to}@{}", staged.digest);
    staged.site.run("sign", &[&whole, "--key=other.pem"]).good();
    let empty = format!("{}/more/image", other.address());
    let first = metadata(staged.promote(&empty, &[]));
    assert_ne!(first["blobs"]["sent"], 0, "{first}");
    assert_eq!(first["blobs"]["mounted"], 0, "{first}");
    assert_eq!(first["blobs"]["present"], 0, "{first}");
    arrived(&staged, &empty);
    nothing_sent(&metadata(staged.promote(&empty, &[])));
    metadata(staged.promote(&to, &[]));
    for key in ["key.pub", "other.pub"] {
        cosign(&staged.site, &["verify"], key, &whole);
    }
    nothing_sent(&metadata(staged.promote(&to, &[])));
}

#[test]
fn a_promotion_that_fails_leaves_the_tags_and_is_finished_by_the_next() {
    let staged = Staged::new();
    let puts = |registry: &FakeRegistry| {
        let tags = ["latest", "bookworm"].map(|tag| format!("PUT /v2/prod/image/manifests/{tag}"));
        let moved = tags.iter().flat_map(|line| registry.positions(line));
        moved.count()
    };
    // Refused while layers are sent, while manifests are, and while cosign's tags are moved.
    for line in [
        "POST /v2/prod/image/blobs/uploads/",
        "PUT /v2/prod/image/manifests/sha256:",
        "PUT /v2/prod/image/manifests/sha256-",
    ] {
        let registry = FakeRegistry::start(Faults {
            fail: Some((line, 400, 1)),
            ..Faults::default()
        });
        let to = format!("{}/prod/image", registry.address());
        staged.promote(&to, &[]).failed(5);
        assert_eq!(puts(&registry), 0, "{line}");
        metadata(staged.promote(&to, &[]));
        assert_eq!(puts(&registry), 3, "{line}");
        nothing_sent(&metadata(staged.promote(&to, &[])));
    }
}

#[test]
fn a_promotion_that_is_killed_is_finished_by_the_next() {
    let staged = Staged::new();
    let mut end = 15_u64;
    for number in 0..3 {
        let to = format!("{}/prod/image{number}", staged.site.registry.address());
        let source = staged.source();
        let usual = [&source[..], "--recipe=r.toml", "--to", &to, "--quiet"];
        let mut child = staged
            .site
            .command("promote", &usual)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(Duration::from_millis(end));
        let _ = child.kill();
        let whole = child.wait().expect("ended").success();
        end += if whole { 0 } else { 60 };
        // Whoever follows a tag finds all of it, or no tag.
        for tag in tags(&to) {
            let image = format!("{to}:{tag}");
            staged.site.run("verify", &[&image, "--key=key.pub"]).good();
        }
        metadata(staged.promote(&to, &[]));
        let image = format!("{to}:latest");
        staged.site.run("verify", &[&image, "--key=key.pub"]).good();
        nothing_sent(&metadata(staged.promote(&to, &[])));
    }
}

#[test]
fn tags_are_those_of_the_lock_that_the_image_is_of_and_immutable_ones_stay() {
    let staged = Staged::new();
    let to = staged.sibling();
    let source = staged.source();
    let usual = [&source[..], "--to", &to];
    let error = staged.site.run("promote", &usual).failed(2);
    assert!(error.contains("--recipe"), "{error}");
    // An image of another date has another lock.
    let late = staged
        .site
        .command("promote", &[&usual[..], &["--recipe=r.toml"]].concat())
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .expect("the binary runs");
    let error = Run::of(late).failed(2);
    assert!(
        error.contains("was not built from it and its lock"),
        "{error}"
    );
    metadata(staged.promote(&to, &[]));
    let before = led_to(&format!("{to}:latest"));
    staged.site.write("second");
    let second = metadata(staged.site.release(&["--variant=default", "--no-tags"]));
    let second = second["images"][0]["digest"].as_str().expect("a digest");
    let source = format!("{}@{second}", staged.site.repository);
    let usual = [&source[..], "--json", "--to", &to];
    let with = |more: &[&str]| staged.site.run("promote", &[&usual[..], more].concat());
    let error = with(&["--recipe=r.toml"]).failed(2);
    assert!(error.contains("is immutable and leads to"), "{error}");
    assert_eq!(led_to(&format!("{to}:latest")), before);
    // Other tags in place of the recipe's: templates with it, words without.
    metadata(with(&["--recipe=r.toml", "--tag={{suite}}-next"]));
    metadata(with(&["--tag=plain"]));
    for tag in ["bookworm-next", "plain"] {
        assert_eq!(led_to(&format!("{to}:{tag}")), second);
    }
    assert_eq!(led_to(&format!("{to}:latest")), before);
    metadata(with(&["--recipe=r.toml", "--move-immutable"]));
    assert_eq!(led_to(&format!("{to}:latest")), second);
    // It is no other variant, whose tags it so cannot get.
    let error = with(&["--recipe=r.toml", "--variant=more"]).failed(2);
    assert!(
        error.contains("image.title is r, and would be r-more"),
        "{error}"
    );
    let error = with(&["--recipe=r.toml", "--variant=none"]).failed(2);
    assert!(error.contains("no variant `none`"), "{error}");
}

#[test]
fn what_is_said_of_what_is_attached_comes_along() {
    let staged = Staged::new();
    let index = format!(
        "docker://{}:{}",
        staged.site.repository,
        staged.digest.replace(':', "-")
    );
    let list = skopeo(&["inspect", "--raw", "--tls-verify=false", &index]);
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    let artifact = list["manifests"][0]["digest"].as_str().expect("a digest");
    let name = |repository: &str| format!("{repository}@{artifact}");
    let here = name(&staged.site.repository);
    staged.site.run("sign", &[&here, "--key=other.pem"]).good();
    let to = staged.sibling();
    metadata(staged.promote(&to, &[]));
    cosign(&staged.site, &["verify"], "other.pub", &name(&to));
    nothing_sent(&metadata(staged.promote(&to, &[])));
}

#[test]
fn an_image_gets_a_tag_where_it_is() {
    let staged = Staged::new();
    let own = staged.site.repository.clone();
    let usual = [&staged.source()[..], "--json", "--to", &own];
    let tag =
        |from: &[&str], name: &str| metadata(staged.site.run("promote", &[from, &[name]].concat()));
    let tagged = tag(&usual, "--tag=one");
    for part in ["sent", "mounted"] {
        assert_eq!(tagged["blobs"][part], 0, "{tagged}");
    }
    assert_eq!(tagged["attachments"]["sent"], 0, "{tagged}");
    // And by that tag another one.
    tag(
        &[&format!("{own}:one"), "--json", "--to", &own],
        "--tag=two",
    );
    assert_eq!(led_to(&format!("{own}:two")), staged.digest);
    let absent = [&format!("{own}:none")[..], "--to", &own, "--tag=x"];
    let error = staged.site.run("promote", &absent).failed(2);
    assert!(error.contains("there is no such image"), "{error}");
}

#[test]
fn what_is_too_large_to_be_read_is_told() {
    let staged = Staged::new();
    let verify = || {
        staged
            .site
            .run("verify", &[&staged.source(), "--key=key.pub"])
    };
    assert!(!verify().good().stderr.contains("passed over"));
    staged.attach(b"{}".to_vec(), |entry| entry.size = 5 << 20);
    let said = verify().good().stderr;
    assert!(
        said.contains("warning: verify: ") && said.contains("is passed over"),
        "{said}"
    );
}

#[test]
fn an_audit_opens_its_gate_and_a_channel_has_tags_of_its_own() {
    let staged = Staged::new();
    let (site, to) = (&staged.site, staged.sibling());
    let gate = ["--require=audit", "--trusted-key=key.pub", "--channel=edge"];
    let said = staged.promote(&to, &gate).failed(7);
    assert!(said.contains("audit"), "{said}");
    // Who has looked at one platform opens no gate for the other.
    let part = ["--platform=linux/amd64", "--report=part.intoto.json"];
    site.run("audit", &[&[&staged.source()[..]], &part[..]].concat())
        .good();
    staged
        .sign("key.pem", &["--statement=part.intoto.json"])
        .good();
    let said = staged.promote(&to, &gate).failed(7);
    assert!(said.contains("linux/arm64"), "{said}");
    let audit = ["r.toml", "--variant=default", "--report=a.intoto.json"];
    site.run("audit", &audit).good();
    staged
        .sign("key.pem", &["--statement=a.intoto.json"])
        .good();
    let promoted = metadata(staged.promote(&to, &gate));
    let tags: Vec<&Value> = promoted["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .filter(|tag| tag["immutable"] == false)
        .map(|tag| &tag["tag"])
        .collect();
    assert_eq!(tags, ["edge-bookworm"]);
    let wrong = staged.promote(&to, &["--channel=egde"]).failed(2);
    assert!(wrong.contains("did you mean `edge`?"), "{wrong}");
    // The variant's name ends the tags of channels too.
    let more = ["--variant=more", "--channel=edge", "--dry-run"];
    let planned = metadata(site.release(&more));
    let planned = planned["images"][0]["tags"].as_array().expect("tags");
    let is_edge = |tag: &Value| tag["tag"] == "edge-bookworm-more";
    assert!(planned.iter().any(is_edge), "{planned:?}");
}
