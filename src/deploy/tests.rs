//! Manifests as users see them, and what holds for every target.

use super::DeployError;
use super::check::{CheckError, Finding, check};
use super::choices::Choices;
use super::plan::Place;
use super::subject::Subject;
use super::target::target;
use super::targets::TARGETS;
use super::template::Templates;
use crate::guest::{Confinement, Contract, Engine, Port, Privileges};

/// Keys with their values.
type Said = &'static [(&'static str, &'static str)];

fn subject(profile: &str) -> Subject {
    let rootless = profile == "rootless";
    let port = |port, purpose: &str| Port {
        port,
        purpose: purpose.to_owned(),
    };
    let volumes: &[&str] = match rootless {
        true => &["/home/rootless/.local/share/docker"],
        false => &["/var/lib/docker", "/var/lib/containerd"],
    };
    Subject {
        image: "registry.example.com/ci/docker@sha256:0123".to_owned(),
        name: "registry.example.com/ci/docker:26.1".to_owned(),
        contract: Contract {
            schema: 1,
            profile: profile.to_owned(),
            engine: Engine {
                name: "docker".to_owned(),
                version: "26.1.5".to_owned(),
            },
            distribution: "debian/trixie".to_owned(),
            init: "tini".to_owned(),
            iptables: "legacy".to_owned(),
            storage: vec!["overlay2".to_owned(), "loop".to_owned()],
            ports: match profile {
                "vmlc" => vec![port(22, "ssh")],
                "kind-cluster" => Vec::new(),
                _ => vec![port(2376, "docker-tls")],
            },
            volumes: volumes.iter().map(|path| (*path).to_owned()).collect(),
            stop_timeout: 10,
            privileges: Privileges {
                privileged: !rootless,
                unconfined: match rootless {
                    true => vec![
                        Confinement::Seccomp,
                        Confinement::Apparmor,
                        Confinement::Selinux,
                        Confinement::Proc,
                    ],
                    false => Vec::new(),
                },
                devices: match rootless {
                    true => vec!["/dev/net/tun".to_owned()],
                    false => Vec::new(),
                },
            },
            read_only: false,
            writable: Vec::new(),
            plugins: Vec::new(),
            client_key_mode: "0600".to_owned(),
        },
    }
}

fn choices(said: &[(&str, &str)]) -> Choices {
    let mut choices = Choices::default();
    for (name, value) in said {
        choices.say(name, value).expect("a key and its value");
    }
    choices
}

fn rendered(
    name: &str,
    profile: &str,
    said: &[(&str, &str)],
    explain: bool,
) -> Result<String, DeployError> {
    let templates = Templates::with(None).expect("the program's own");
    let target = target(name).expect("a target");
    let files = target.render(&subject(profile), &choices(said), &templates, explain)?;
    let texts = files.into_iter();
    Ok(texts
        .map(|file| format!("# --- {}\n{}", file.name, file.text))
        .collect())
}

fn text(name: &str, profile: &str, said: &[(&str, &str)]) -> String {
    rendered(name, profile, &[least(name, profile), said].concat(), false).expect("a manifest")
}

/// What has to be said.
fn least(name: &str, profile: &str) -> Said {
    match (name, profile) {
        ("github-runners", _) => &[("runner.image", "registry.example.com/ci/runner:2")],
        ("jenkins-agent", _) => &[("host", "machines.example.com")],
        ("jenkins-cloud", _) => &[("host", "engine.example.com")],
        ("kubernetes-pod" | "kubernetes-sidecar" | "jenkins", "rootless") => {
            &[("device.resource", "example.com/tun")]
        }
        _ => &[],
    }
}

#[test]
fn every_target_of_every_profile_is_as_it_was() {
    for target in TARGETS {
        for profile in target.profiles {
            insta::assert_snapshot!(
                format!("{}.{profile}", target.name),
                text(target.name, profile, &[])
            );
        }
    }
}

#[test]
fn a_manifest_of_ours_that_lost_its_volumes_and_limits_is_told_so() {
    let whole = text("kubernetes-pod", "dind", &[]);
    let (head, _) = whole.split_once("      volumeMounts:\n").expect("mounts");
    let (before, after) = head.split_once("      resources:\n").expect("limits");
    let (_, probes) = after.split_once("      startupProbe:\n").expect("probes");
    let found = check(&format!("{before}      startupProbe:\n{probes}")).expect("a manifest");
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&"data-directory-volume"), "{found:?}");
    assert!(rules.contains(&"missing-limits"), "{found:?}");
}

#[test]
fn a_claim_of_a_rootless_daemon_becomes_its_users() {
    let said = [("storage.kind", "persistent"), ("name", "7up")];
    let text = text("kubernetes-pod", "rootless", &said);
    let (_, owned) = text.split_once("1000:1000\"\n").expect("an owner");
    let path = owned.lines().next().expect("a path").trim();
    assert_eq!(path, "- /home/rootless/.local/share/docker", "{text}");
    assert!(!text.contains("\"-subid"), "{text}");
}

#[test]
fn gvisor_has_memory_for_overlays_and_no_machines() {
    let said = [("runtime-class", "gvisor")];
    for target in ["kubernetes-pod", "docker-run"] {
        let text = text(target, "dind", &said);
        assert!(text.contains("--net-raw"), "{text}");
        let error = rendered(target, "vmlc", &said, false).expect_err("no systemd");
        assert!(error.to_string().contains("systemd"), "{error}");
    }
    let pod = text("kubernetes-pod", "dind", &said);
    assert!(pod.contains("medium: Memory"), "{pod}");
}

/// Nothing that the checks of manifests warn of is in one of ours, whatever is said; but for a port
/// without TLS, where that was asked for, and the images of runners, which are the user's.
#[test]
fn no_manifest_has_what_the_checks_warn_of() {
    let said: [&[(&str, &str)]; 9] = [
        &[],
        &[("connection", "tcp")],
        &[("connection", "socket")],
        &[("storage.kind", "memory"), ("runtime-class", "kata")],
        &[("storage.kind", "block"), ("runtime-class", "kata")],
        &[("storage.kind", "persistent")],
        &[("runtime-class", "sysbox-runc")],
        &[("runtime-class", "gvisor")],
        &[("host-users", "false")],
    ];
    let of_others = ["github-runners", "jenkins-agent", "jenkins-cloud"];
    let (mut checked, mut found) = (0, Vec::new());
    for target in TARGETS.iter().filter(|target| target.name != "dood") {
        for profile in target.profiles {
            for said in said {
                let all = [least(target.name, profile), said].concat();
                let templates = Templates::with(None).expect("the program's own");
                let Ok(files) = target.render(&subject(profile), &choices(&all), &templates, false)
                else {
                    continue;
                };
                let yaml = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
                for file in files.iter().filter(|file| yaml(file.name)) {
                    let findings = match check(&file.text) {
                        Ok(findings) => findings,
                        // Values of a chart, and Jenkins' configuration.
                        Err(CheckError::Unknown)
                            if of_others.contains(&target.name) || file.name == "objects.yaml" =>
                        {
                            continue;
                        }
                        Err(error) => panic!("{error}\n{}", file.text),
                    };
                    let own = |finding: &&Finding| {
                        let asked = said.contains(&("connection", "tcp"))
                            && target.place == Place::Engine
                            && finding.rule == "plain-port";
                        let runners = target.name == "github-runners"
                            && !finding.path.contains("initContainers");
                        !asked && !runners
                    };
                    let of = |finding: &Finding| {
                        format!("{} of {profile} {said:?}: {finding:#?}", target.name)
                    };
                    found.extend(findings.iter().filter(own).map(of));
                    checked += 1;
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(checked > 40, "{checked}");
}

#[test]
fn what_is_said_is_in_the_manifest() {
    let sidecar = "kubernetes-sidecar";
    for (name, said) in [
        (
            "plain-tcp",
            &[("sidecar", "plain"), ("connection", "tcp")][..],
        ),
        ("socket", &[("connection", "socket")]),
        (
            "memory",
            &[("storage.kind", "memory"), ("runtime-class", "kata")],
        ),
        ("kata", &[("runtime-class", "kata")]),
        (
            "block",
            &[("storage.kind", "block"), ("storage.class", "fast")],
        ),
        (
            "persistent",
            &[("storage.kind", "persistent"), ("namespace", "ci")],
        ),
        ("sysbox", &[("runtime-class", "sysbox-runc")]),
        (
            "gvisor",
            &[("runtime-class", "gvisor"), ("storage.kind", "memory")],
        ),
        (
            "guarded",
            &[
                ("pod-security", "true"),
                ("network-policy", "true"),
                ("namespace", "ci"),
            ],
        ),
    ] {
        insta::assert_snapshot!(format!("said.{name}"), text(sidecar, "dind", said));
    }
    let inbound: Said = &[
        ("agent", "inbound"),
        ("controller", "https://jenkins.example.com/"),
    ];
    let text = rendered("jenkins-agent", "vmlc", inbound, false).expect("a manifest");
    insta::assert_snapshot!("said.inbound", text);
    let explained =
        rendered(sidecar, "rootless", least(sidecar, "rootless"), true).expect("a manifest");
    insta::assert_snapshot!("explained", explained);
}

#[test]
fn every_key_of_a_target_changes_its_manifest() {
    // Some mean something beside another alone.
    let inbound = ("agent", "inbound");
    let beside: [&[(&str, &str)]; 6] = [
        &[],
        &[("controller", "https://jenkins.example.com")],
        &[inbound, ("controller", "https://jenkins.example.com")],
        &[("storage.kind", "memory")],
        &[("storage.kind", "block")],
        &[("storage.kind", "persistent")],
    ];
    for target in TARGETS {
        let render = |profile: &str, said: &[&[(&str, &str)]]| {
            let least = match said.concat().contains(&inbound) {
                true => &[],
                false => least(target.name, profile),
            };
            let said = [&[least], said].concat().concat();
            rendered(target.name, profile, &said, false).ok()
        };
        for key in target.keys() {
            let changes = key.form.others().iter().any(|value| {
                target.profiles.iter().any(|profile| {
                    beside.iter().any(|beside| {
                        let with = render(profile, &[beside, &[(key.name, *value)]]);
                        let without = render(profile, &[beside]);
                        with.is_some() && with != without
                    })
                })
            });
            assert!(changes, "{} changes nothing of {}", key.name, target.name);
        }
    }
}

#[test]
fn what_does_not_go_together_is_said() {
    let errors: [(&str, &str, Said, &str); 24] = [
        (
            "kubernetes-sidecar",
            "vmlc",
            &[],
            "for images of the profile dind or rootless",
        ),
        (
            "compose",
            "dind",
            &[("namespace", "a")],
            "means nothing to the target compose",
        ),
        (
            "kubernetes-pod",
            "dind",
            &[("storage.kind", "memory"), ("memory.limit", "2Gi")],
            "say more, or a smaller `storage.size`",
        ),
        (
            "kubernetes-pod",
            "rootless",
            &[("storage.kind", "loop")],
            "a rootless daemon cannot mount",
        ),
        (
            "compose",
            "dind",
            &[("storage.kind", "block")],
            "for Kubernetes alone",
        ),
        ("kubernetes-kind-cluster", "dind", &[], "kind-cluster"),
        ("github-runners", "dind", &[], "runner.image"),
        ("kubernetes-pod", "rootless", &[], "device.resource"),
        (
            "kubernetes-pod",
            "rootless",
            &[("host-users", "true"), ("device.resource", "x/tun")],
            "leave `host-users` away",
        ),
        (
            "kubernetes-sidecar",
            "dind",
            &[("runtime-class", "sysbox-runc"), ("storage.kind", "block")],
            "in a user namespace",
        ),
        (
            "kubernetes-pod",
            "dind",
            &[("pod-security", "true"), ("namespace", "default")],
            "name another one",
        ),
        (
            "gitlab-ci",
            "dind",
            &[("name", "default")],
            "another `name`",
        ),
        (
            "gitlab-ci",
            "dind",
            &[("connection", "socket")],
            "share no socket",
        ),
        (
            "compose",
            "rootless",
            &[("connection", "socket")],
            "`connection` is tls or tcp",
        ),
        (
            "kubernetes-pod",
            "dind",
            &[("memory.request", "5Gi")],
            "`memory.request` is 5Gi, and `memory.limit` is 4Gi",
        ),
        (
            "kubernetes-pod",
            "dind",
            &[("cpu.request", "1500m"), ("cpu.limit", "1")],
            "`cpu.request` is 1500m, and `cpu.limit` is 1",
        ),
        (
            "docker-run",
            "dind",
            &[("ssh.port", "2222")],
            "`ssh.port` changes nothing in the target docker-run for an image of the profile dind",
        ),
        (
            "kubernetes-sidecar",
            "dind",
            &[("storage.class", "fast")],
            "`storage.class` changes nothing",
        ),
        ("jenkins-agent", "vmlc", &[], "say --set host="),
        (
            "jenkins-agent",
            "vmlc",
            &[("agent", "inbound")],
            "say --set controller=",
        ),
        ("jenkins-cloud", "vmlc", &[], "say --set host="),
        (
            "jenkins-agent",
            "vmlc",
            &[
                ("agent", "inbound"),
                ("controller", "https://jenkins.example.com"),
                ("agent.secret", "secret.txt"),
            ],
            "a path that begins with / or ~/",
        ),
        (
            "docker-run",
            "vmlc",
            &[("ssh.keys", "/srv/a,b")],
            "without commas",
        ),
        (
            "compose",
            "vmlc",
            &[("connection", "tls")],
            "`connection` changes nothing",
        ),
    ];
    for (name, profile, said, words) in errors {
        let error = rendered(name, profile, said, false)
            .expect_err(name)
            .to_string();
        assert!(error.contains(words), "{name} of {profile}: {error}");
    }
    let error = target("kubernetes-sidecars")
        .expect_err("no target")
        .to_string();
    assert!(error.contains("`kubernetes-sidecar`"), "{error}");
}

/// Anybody can write a label, and manifests are run by root.
#[test]
fn a_label_that_would_be_more_than_text_is_refused() {
    let contract = || subject("dind").contract;
    let new = |contract: Contract| Subject::new("i".to_owned(), "n\nx", contract);
    assert_eq!(new(contract()).expect("sound").name, "n\\nx");
    let mut versions = contract();
    versions.engine.version = "29.0.0\ntouch /tmp/x #".to_owned();
    let mut lines = contract();
    lines.distribution = "debian\u{2028}x".to_owned();
    let mut paths = contract();
    paths.volumes.push("/x - /:/host".to_owned());
    let mut climbs = contract();
    climbs.volumes.push("/x/../../etc".to_owned());
    let mut devices = contract();
    devices
        .privileges
        .devices
        .push("/dev/x --privileged".to_owned());
    let mut newer = contract();
    newer.schema = 99;
    for wrong in [versions, lines, paths, climbs, devices, newer] {
        let error = new(wrong).expect_err("refused").to_string();
        assert!(error.contains("label"), "{error}");
    }
}

#[test]
fn requests_are_never_more_than_limits() {
    let said: &[(&str, &str)] = &[("memory.limit", "512Mi"), ("cpu.limit", "0.25")];
    let text = text("kubernetes-pod", "dind", said);
    assert!(
        text.contains("requests:\n          cpu: \"0.25\"\n          memory: 512Mi"),
        "{text}"
    );
}

#[test]
fn an_address_in_the_middle_of_a_word_has_no_quotes() {
    let text = text("jenkins-cloud", "vmlc", &[("host", "10.0.0.5")]);
    assert!(text.contains("uri: tcp://10.0.0.5:2376\n"), "{text}");
}

#[test]
fn a_directory_of_templates_replaces_those_of_its_names_and_no_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    std::fs::write(
        path.join("kubernetes-pod.yaml.hbs"),
        "# {{name}} of {{{subject}}}\n",
    )
    .expect("written");
    let templates = Templates::with(Some(path)).expect("templates");
    let target = target("kubernetes-pod").expect("a target");
    let render = |templates: &Templates| {
        target.render(
            &subject("dind"),
            &choices(&[("name", "own")]),
            templates,
            false,
        )
    };
    let files = render(&templates).expect("a manifest");
    assert_eq!(
        files[0].text,
        "# own of registry.example.com/ci/docker:26.1\n"
    );

    std::fs::write(path.join("kubernetes-pod.yaml.hbs"), "{{nothing}}").expect("written");
    let templates = Templates::with(Some(path)).expect("templates");
    let error = render(&templates).expect_err("no such value").to_string();
    assert!(error.contains("kubernetes-pod.yaml.hbs"), "{error}");

    std::fs::write(path.join("kubernetes-pods.yaml.hbs"), "").expect("written");
    let error = Templates::with(Some(path))
        .map(|_| ())
        .expect_err("an unknown name");
    assert!(
        error.to_string().contains("kubernetes-pods.yaml.hbs"),
        "{error}"
    );
}
