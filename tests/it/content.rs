//! A recipe's own content: files, accounts and certificate authorities, in the image as the recipe
//! says, in use on a real engine, and in the lock.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::engines;
use crate::peers::{require, run};
use crate::product::{Run, command, dindimg, kept};

const SMALL: &str = r#"
schema = 1
[debian]
suite = "bookworm"
security = false
updates = false
[packages]
include = ["tini", "base-passwd", "bash", "dash"]
"#;

const OWN: &str = r##"
[env]
TEAM = "platform"
[labels]
"com.example.team" = "platform"
[groups.team]
gid = 2000
[users.ci]
uid = 1500
groups = ["team", "users"]
shell = "/bin/sh"
comment = "Continuous integration"
[[file]]
path = "/etc/team-motd"
content = "hello\n"
[[file]]
path = "/opt/team"
source = "files/tree"
owner = "ci:team"
[[file]]
path = "/etc/team.conf"
template = "files/team.conf.hbs"
owner = "root:team"
mode = "0640"
[[file]]
path = "/usr/local/bin/hello"
content = "#!/bin/sh\necho hello\n"
[[file]]
path = "/etc/zone"
link = "../usr/share/zoneinfo/UTC"
[[file]]
path = "/srv/work"
directory = true
owner = "1500"
mode = "2775"
"##;

/// A recipe with its files in `directory`; files and directories are made under `umask`.
fn written(directory: &Path, recipe: &str, umask: &str) -> PathBuf {
    let script = "umask \"$1\"; mkdir -p \"$2/files/tree/sub\" && cd \"$2/files\" || exit 1
printf 'a\\n' >tree/a; printf 'echo\\n' >tree/sub/run; chmod u+x tree/sub/run
printf '{{suite}} {{architecture}} {{env.TEAM}}\\n' >team.conf.hbs";
    run(
        Path::new("/bin/sh"),
        &["-c", script, "sh", umask, &directory.display().to_string()],
    );
    symlink("a", directory.join("files/tree/link")).expect("link");
    let path = directory.join("own.toml");
    fs::write(&path, recipe).expect("recipe");
    path
}

fn build(recipe: &Path, extra: &[&str]) -> Run {
    let directory = recipe.parent().expect("a directory");
    let mut command = command(&kept("cache"));
    command
        .args(["build", "--json", "--quiet"])
        .arg(recipe)
        .args(["--tag", "t"])
        .args(extra)
        .current_dir(directory);
    Run::of(command.output().expect("the binary runs"))
}

fn digest(run: Run) -> String {
    let result: Value = serde_json::from_str(&run.good().stdout).expect("one JSON object");
    let digest = result["images"][0]["digest"].as_str();
    digest.expect("a digest").to_owned()
}

/// Unpacks the image beside `recipe` with umoci.
fn unpacked(recipe: &Path) -> Option<PathBuf> {
    let umoci = require(&["umoci"], "umoci")?;
    let directory = recipe.parent().expect("a directory");
    let image = format!("{}:t", directory.join("own.oci").display());
    let bundle = directory.join("bundle");
    run(
        &umoci,
        &["unpack", "--image", &image, &bundle.display().to_string()],
    );
    Some(bundle.join("rootfs"))
}

#[test]
fn files_are_unpacked_with_the_bytes_owners_and_modes_of_the_recipe() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let recipe = written(scratch.path(), &format!("{SMALL}{OWN}"), "022");
    digest(build(&recipe, &[]));
    let Some(root) = unpacked(&recipe) else {
        return;
    };
    for (path, mode, uid, gid, content) in [
        ("etc/team-motd", 0o644, 0, 0, Some("hello\n")),
        (
            "etc/team.conf",
            0o640,
            0,
            2000,
            Some("bookworm amd64 platform\n"),
        ),
        ("opt/team", 0o755, 1500, 2000, None),
        ("opt/team/a", 0o644, 1500, 2000, Some("a\n")),
        ("opt/team/sub/run", 0o755, 1500, 2000, Some("echo\n")),
        (
            "usr/local/bin/hello",
            0o755,
            0,
            0,
            Some("#!/bin/sh\necho hello\n"),
        ),
        ("srv/work", 0o2775, 1500, 1500, None),
        ("srv", 0o755, 0, 0, None),
        ("home/ci", 0o700, 1500, 1500, None),
        ("home/ci/.profile", 0o644, 1500, 1500, None),
    ] {
        let file = root.join(path);
        let found = file.symlink_metadata().expect(path);
        let have = (found.mode() & 0o7777, found.uid(), found.gid());
        assert_eq!(have, (mode, uid, gid), "{path}");
        if let Some(content) = content {
            assert_eq!(fs::read_to_string(&file).expect(path), content, "{path}");
        }
    }
    for (path, target) in [
        ("etc/zone", "../usr/share/zoneinfo/UTC"),
        ("opt/team/link", "a"),
    ] {
        assert_eq!(
            fs::read_link(root.join(path)).expect(path),
            Path::new(target)
        );
    }
    let config = run(
        &require(&["skopeo"], "skopeo").expect("skopeo"),
        &[
            "inspect",
            "--config",
            &format!("oci:{}:t", scratch.path().join("own.oci").display()),
        ],
    );
    let config: Value = serde_json::from_slice(&config).expect("JSON");
    let environment = config["config"]["Env"].to_string();
    assert!(environment.contains("TEAM=platform"), "{environment}");
    assert_eq!(config["config"]["Labels"]["com.example.team"], "platform");
    assert!(
        config["history"].to_string().contains("1 users"),
        "{config}"
    );
}

/// The fields of a database without the day of the last password change, which is the clock's.
fn without_day(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            if fields.len() == 9 {
                fields[2] = "DAY";
            }
            format!("{}\n", fields.join(":"))
        })
        .collect()
}

#[test]
fn accounts_are_those_that_useradd_and_groupadd_would_have_made() {
    let Some(useradd) = require(&["useradd"], "passwd") else {
        return;
    };
    let groupadd = require(&["groupadd"], "passwd").expect("beside useradd");
    let bare = tempfile::tempdir().expect("temporary directory");
    let bare_recipe = written(bare.path(), SMALL, "022");
    digest(build(&bare_recipe, &[]));
    let own = tempfile::tempdir().expect("temporary directory");
    let accounts = r#"
[groups.team]
gid = 2000
[users.ci]
groups = ["team", "users"]
shell = "/bin/sh"
comment = "Continuous integration"
subordinate-ids = true
[users.dev]
group = "team"
subordinate-ids = true
"#;
    let own_recipe = written(own.path(), &format!("{SMALL}{accounts}"), "022");
    digest(build(&own_recipe, &[]));
    let (Some(theirs), Some(ours)) = (unpacked(&bare_recipe), unpacked(&own_recipe)) else {
        return;
    };
    let prefix = theirs.display().to_string();
    // The tool's defaults are the host's; what it is to leave depends on these alone.
    fs::write(
        theirs.join("etc/login.defs"),
        "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\nHOME_MODE 0700\nPASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\n",
    )
    .expect("login.defs");
    for file in ["etc/subuid", "etc/subgid"] {
        fs::write(theirs.join(file), "").expect("empty file");
    }
    run(&groupadd, &["--prefix", &prefix, "-g", "2000", "team"]);
    for arguments in [
        vec![
            "-m",
            "-s",
            "/bin/sh",
            "-G",
            "team,users",
            "-c",
            "Continuous integration",
            "ci",
        ],
        vec!["-m", "-s", "/bin/bash", "-g", "team", "dev"],
    ] {
        let mut all = vec!["--prefix", prefix.as_str()];
        all.extend(arguments);
        run(&useradd, &all);
    }
    for file in ["passwd", "group", "shadow", "gshadow", "subuid", "subgid"] {
        let text = |root: &Path| {
            let text = fs::read_to_string(root.join("etc").join(file)).expect(file);
            let mut lines: Vec<String> = without_day(&text).lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(text(&ours), text(&theirs), "/etc/{file}");
    }
}

#[test]
fn content_gives_one_digest_wherever_it_lies_and_a_changed_file_makes_the_lock_stale() {
    let first = tempfile::tempdir().expect("temporary directory");
    let second = tempfile::tempdir().expect("temporary directory");
    let text = format!("{SMALL}{OWN}");
    let one = written(first.path(), &text, "022");
    let two = written(second.path(), &text, "077");
    let old = fs::File::open(second.path().join("files/tree/a")).expect("a file");
    old.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(86_400))
        .expect("another time");
    let built = digest(build(&one, &[]));
    let lock = first.path().join("own.lock");
    fs::copy(&lock, second.path().join("own.lock")).expect("lock copied");
    assert_eq!(
        digest(build(&two, &["--locked", "--no-layer-cache"])),
        built
    );

    let file = first.path().join("files/tree/a");
    fs::write(&file, "b\n").expect("changed");
    let error = build(&one, &["--locked"]).failed(6);
    assert!(
        error.contains("/opt/team/a has other content") && error.contains("dindimg lock"),
        "{error}"
    );
    let checked = dindimg(&["lock".as_ref(), "--check".as_ref(), one.as_os_str()]).failed(6);
    assert!(
        checked.contains("/opt/team/a has other content"),
        "{checked}"
    );
    let packages = |path: &Path| {
        let text = fs::read_to_string(path).expect("a lock");
        text.split_once("[[package]]")
            .expect("packages")
            .1
            .to_owned()
    };
    let before = packages(&lock);
    assert_ne!(digest(build(&one, &[])), built);
    assert_eq!(packages(&lock), before, "nothing is resolved again");
    fs::write(&file, "a\n").expect("changed back");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("mode");
    let error = build(&one, &["--locked"]).failed(6);
    assert!(error.contains("/opt/team/a"), "{error}");
}

#[test]
fn what_the_image_has_gives_way_only_when_the_recipe_says_so() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let small = |file: &str| {
        let path = scratch.path().join("own.toml");
        fs::write(&path, format!("{SMALL}{file}")).expect("recipe");
        path
    };
    let file = "[[file]]\npath = \"/usr/bin/tini\"\ncontent = \"#!/bin/sh\\n\"\n";
    let error = build(&small(file), &[]).failed(2);
    assert!(
        error.contains("package tini") && error.contains("replace = true"),
        "{error}"
    );
    digest(build(&small(&format!("{file}replace = true\n")), &[]));
    let Some(root) = unpacked(&scratch.path().join("own.toml")) else {
        return;
    };
    let diverted = fs::read_to_string(root.join("var/lib/dpkg/diversions")).expect("record");
    assert!(
        diverted.ends_with("/usr/bin/tini\n/usr/bin/tini.distrib\n:\n"),
        "{diverted}"
    );
    assert!(
        fs::read(root.join("usr/bin/tini.distrib"))
            .expect("kept")
            .len()
            > 1000
    );
    for (file, expected) in [
        (
            "[[file]]\npath = \"/x\"\ncontent = \"\"\nowner = \"nobdy\"\n",
            "did you mean `nobody`?",
        ),
        ("[users.a]\ngroups = [\"dokcer\"]\n", "no group `dokcer`"),
        ("[users.a]\nshell = \"/bin/zsh\"\n", "has no /bin/zsh"),
    ] {
        let error = build(&small(file), &[]).failed(2);
        assert!(error.contains(expected), "{error}");
    }
    fs::write(scratch.path().join("x.hbs"), "{{engine.version}}").expect("template");
    let error = build(
        &small("[[file]]\npath = \"/x\"\ntemplate = \"x.hbs\"\n"),
        &[],
    )
    .failed(2);
    assert!(error.contains("template x.hbs"), "{error}");
}

/// A certificate authority, and a certificate of it for `localhost` with its key.
fn authority(name: &str) -> (String, String, String) {
    let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    let own = parameters.self_signed(&key).expect("a certificate");
    let leaf_key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let issuer = Issuer::new(parameters, key);
    let leaf = leaf.signed_by(&leaf_key, &issuer).expect("a certificate");
    (own.pem(), leaf.pem(), leaf_key.serialize_pem())
}

const DIND: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[packages]
include = ["bash", "curl", "findutils", "grep", "libc-bin", "passwd", "sed"]
[env]
TEAM = "platform"
[labels]
"com.example.team" = "platform"
[groups.docker]
gid = 998
[users.ci]
groups = ["docker"]
[users.agent]
system = true
[ca]
bundle = ["ca/corp root (1).crt", "ca/pair.pem"]
[ca.registries]
"registry.corp:5000" = ["ca/pair.pem"]
[hardening]
secrets = ["/opt/tls/key.pem"]
[[file]]
path = "/opt/tls"
source = "tls"
mode = "0640"
[[file]]
path = "/usr/bin/tini-static"
content = "replaced\n"
replace = true
[[file]]
path = "/etc/bash.bashrc"
content = "export TEAM_SHELL=1\n"
replace = true
"#;

/// What update-ca-certificates(8) answers for: names, targets and bytes.
const STORE: &str = "cd /etc/ssl/certs && for f in *; do
  if [ -L \"$f\" ]; then echo \"$f -> $(readlink \"$f\")\"; else sha256sum \"$f\"; fi
done | sort";

/// The lines that only one of two listings has.
fn difference(before: &str, after: &str) -> String {
    let only = |these: &str, those: &str, sign: char| -> String {
        let missing = these
            .lines()
            .filter(|line| !those.lines().any(|other| other == *line));
        missing.map(|line| format!("{sign}{line}\n")).collect()
    };
    format!("{}{}", only(before, after, '-'), only(after, before, '+'))
}

#[test]
fn accounts_and_authorities_of_a_recipe_work_on_a_real_engine() {
    let scratch = tempfile::tempdir().expect("temporary directory");
    let at = |name: &str| scratch.path().join(name);
    fs::create_dir(at("ca")).expect("directory");
    fs::create_dir(at("tls")).expect("directory");
    let (corp, leaf, key) = authority("Corp Root");
    let (other, _, _) = authority("Other Root");
    // A second certificate with the same subject, which shares its hash.
    let (namesake, _, _) = authority("Corp Root");
    fs::write(at("ca/corp root (1).crt"), &corp).expect("certificate");
    fs::write(at("ca/pair.pem"), format!("{namesake}{other}")).expect("certificates");
    fs::write(at("tls/leaf.pem"), leaf).expect("certificate");
    fs::write(at("tls/key.pem"), key).expect("key");
    let recipe = at("own.toml");
    fs::write(&recipe, DIND).expect("recipe");

    let engine = engines::docker_of_guests();
    let mut load = engine.command(env!("CARGO_BIN_EXE_dindimg"));
    load.env("DINDIMG_CACHE_DIR", kept("cache"))
        .arg("build")
        .arg(&recipe)
        .args([
            "--load",
            "docker",
            "--repository",
            "localhost/dindimg-content",
        ])
        .args(["--tag", "x"])
        .current_dir(scratch.path());
    let loaded = Run::of(load.output().expect("the binary runs")).good();
    assert!(
        loaded
            .stderr
            .contains("/opt/tls/key.pem holds a private key"),
        "{}",
        loaded.stderr
    );
    let image = "localhost/dindimg-content:x";
    let label = engine.run(&[
        "inspect",
        "-f",
        "{{index .Config.Labels \"com.example.team\"}}",
        image,
    ]);
    assert_eq!(label, "platform");
    let sh = |script: &str| {
        engine.run(&[
            "run",
            "--rm",
            "--entrypoint",
            "/bin/sh",
            image,
            "-ec",
            script,
        ])
    };
    assert_eq!(sh("echo $TEAM"), "platform");

    let before = sh(STORE);
    assert!(
        before.contains("corp_root_=1=.pem -> /usr/local/share/ca-certificates/corp root (1).crt"),
        "{before}"
    );
    for run in ["update-ca-certificates", "update-ca-certificates --fresh"] {
        let after = sh(&format!("{run} >/dev/null 2>&1; {STORE}"));
        assert_eq!(difference(&before, &after), "", "{run}");
    }
    sh(
        "openssl verify -no-CAfile -CApath /etc/ssl/certs /opt/tls/leaf.pem
        openssl verify -no-CApath -CAfile /etc/ssl/certs/ca-certificates.crt /opt/tls/leaf.pem",
    );
    let served = sh("openssl s_server -accept 8443 -cert /opt/tls/leaf.pem -key /opt/tls/key.pem -www >/dev/null 2>&1 &
        for n in 1 2 3 4 5 6 7 8 9 10; do curl -fsS -o /dev/null https://localhost:8443/ 2>/tmp/e && echo trusted && exit 0; sleep 0.2; done; cat /tmp/e");
    assert_eq!(served, "trusted");
    assert_eq!(sh("ls /etc/docker/certs.d/registry.corp:5000"), "pair.crt");

    assert_eq!(
        sh(
            "id ci; stat -c '%U %G %a' /home/ci /home/ci/.bashrc; cut -d: -f2 /etc/shadow | sort -u"
        ),
        "uid=1000(ci) gid=1000(ci) groups=1000(ci),998(docker)\nci ci 700\nci ci 644\n!\n*"
    );
    let agent = sh("getent passwd agent");
    assert!(
        agent.ends_with("::/nonexistent:/usr/sbin/nologin"),
        "{agent}"
    );
    assert_eq!(
        sh("pwck -rq; grpck -r; dpkg --audit; dpkg -V || true"),
        "??5?????? c /etc/bash.bashrc"
    );
    assert_eq!(
        sh("dpkg-divert --list '*tini-static'"),
        "local diversion of /usr/bin/tini-static to /usr/bin/tini-static.distrib"
    );

    let container = engine.run(&["run", "--privileged", "-d", image]);
    let ready = |command: &[&str]| {
        let started = Instant::now();
        loop {
            let mut client: Command = engine.command("docker");
            let output = client
                .arg("exec")
                .args(command)
                .output()
                .expect("docker runs");
            if output.status.success() || started.elapsed() > Duration::from_secs(90) {
                return output;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    let daemon = ready(&[&container, "dindctl", "ready"]);
    let said = ready(&[
        "-u",
        "ci",
        &container,
        "docker",
        "version",
        "-f",
        "{{.Server.Os}}",
    ]);
    engine.run(&["rm", "-f", &container]);
    assert!(
        said.status.success() && daemon.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

#[test]
fn the_reference_page_is_the_one_the_program_prints() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/REFERENCE.md");
    let printed = dindimg(&["schema", "--markdown"]).good().stdout;
    assert_eq!(
        fs::read_to_string(committed).expect("recipes/REFERENCE.md"),
        printed,
        "run `dindimg schema --markdown >recipes/REFERENCE.md`"
    );
}
