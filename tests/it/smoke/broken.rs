//! Images that are broken on purpose: each fault is seen by the check that is there for it, and the
//! hint names what was done.

use std::fs;
use std::path::{Path, PathBuf};

use dindimg::progress::Silent;
use dindimg::smoke::matrix::{Cell, Choice};
use dindimg::smoke::{self, Options, Outcome, Subject};

use super::{beside_others, client};
use crate::engines::{self, Engine};
use crate::images::built_image;

/// A fault, and who is to see it.
struct Fault {
    /// Of the image that has it.
    name: &'static str,
    /// The cell in which it shows.
    cell: &'static str,
    /// What is done in the image.
    script: &'static str,
    /// What is changed of its configuration.
    change: Option<&'static str>,
    /// The check.
    check: &'static str,
    /// What the check says it saw.
    seen: &'static str,
    /// What its hint names.
    cause: &'static str,
}

const DEFAULT: &str = "docker.private.volume.legacy.daemon";

/// A fault in the cell of defaults, made by a script.
const fn made(
    name: &'static str,
    script: &'static str,
    check: &'static str,
    seen: &'static str,
    cause: &'static str,
) -> Fault {
    Fault {
        name,
        cell: DEFAULT,
        script,
        change: None,
        check,
        seen,
        cause,
    }
}

/// A fault in the cell of defaults, of the configuration alone.
const fn said(
    name: &'static str,
    change: &'static str,
    check: &'static str,
    seen: &'static str,
    cause: &'static str,
) -> Fault {
    Fault {
        change: Some(change),
        ..made(name, "", check, seen, cause)
    }
}

fn is_seen(fault: &Fault) {
    beside_others(|| {
        let private = engines::docker();
        let image = Broken::of(private, fault);
        let mut choice = Choice::of_image();
        choice.only(vec![fault.cell.parse::<Cell>().expect("a cell")]);
        let options = Options {
            only: vec![fault.check.to_owned()],
            ..client(private)
        };
        let subject = Subject::Reference(image.name.clone());
        let report = smoke::run(&subject, &choice, &options, &Silent).expect("a report");
        let results = super::checks(&report);
        let others = results.iter().filter(|result| result.id != fault.check);
        for other in others {
            assert_eq!(other.outcome, Outcome::Held, "{}: {other:?}", fault.name);
        }
        let result = results.iter().find(|result| result.id == fault.check);
        let result = result.expect("the check ran");
        assert_eq!(result.outcome, Outcome::Violated, "{result:?}");
        assert!(result.detail.contains(fault.seen), "{result:?}");
        let hint = result.hint.as_deref().unwrap_or_default();
        assert!(hint.contains(fault.cause), "{result:?}");
        assert!(report.cells[0].evidence.is_some(), "{}", fault.name);
    });
}

/// An image with a fault, on the engine as long as the test needs it.
struct Broken<'a> {
    private: &'a Engine,
    name: String,
}

impl<'a> Broken<'a> {
    fn of(private: &'a Engine, fault: &Fault) -> Self {
        let base = private.load(&built_image("bookworm-slim"));
        let name = format!("dindimg-test-{}", fault.name);
        private.run(&[
            "create",
            "--name",
            &name,
            "--entrypoint",
            "sh",
            &base,
            "-ec",
            fault.script,
        ]);
        if fault.script.contains("libfaketime") {
            let library = faketime();
            let library = library.to_str().expect("UTF-8");
            private.run(&["cp", library, &format!("{name}:/opt/libfaketime.so.1")]);
        }
        private.run(&["start", "--attach", &name]);
        let entry = r#"--change=ENTRYPOINT ["tini","-s","-g","--","dockerd-entrypoint.sh"]"#;
        let mut commit = vec![
            "commit".to_owned(),
            entry.to_owned(),
            "--change=CMD []".to_owned(),
        ];
        commit.extend(fault.change.map(|change| format!("--change={change}")));
        commit.extend([name.clone(), name.clone()]);
        let commit: Vec<&str> = commit.iter().map(String::as_str).collect();
        private.run(&commit);
        private.run(&["rm", "--volumes", &name]);
        Self { private, name }
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.private.run(&["image", "rm", &self.name]);
    }
}

/// The library that faketime(1) preloads, of this machine.
fn faketime() -> PathBuf {
    let dirs = fs::read_dir("/usr/lib").expect("libraries").flatten();
    let mut paths = dirs.map(|dir| dir.path().join("faketime/libfaketime.so.1"));
    let found = paths.find(|path| Path::new(path).exists());
    found.expect("libfaketime (Debian: apt-get install faketime)")
}

#[test]
fn a_wrong_iptables_link_is_seen() {
    is_seen(&made(
        "link",
        "ln -sf iptables-nft /usr/sbin/iptables",
        "iptables",
        "promises legacy, `iptables --version` says `iptables v1.8.9 (nf_tables)`",
        "/usr/sbin/iptables is not the link of the alternatives",
    ));
}

#[test]
fn missing_authorities_are_seen() {
    is_seen(&made(
        "ca",
        "rm /etc/ssl/certs/ca-certificates.crt",
        "ca",
        "No such file",
        "/etc/ssl/certs/ca-certificates.crt is missing",
    ));
}

#[test]
fn a_driver_that_copies_every_layer_is_seen() {
    is_seen(&said(
        "vfs",
        "ENV DOCKER_DRIVER=vfs",
        "storage",
        "the image promises overlay2 or loop, report.json decided for vfs because: named by DOCKER_DRIVER",
        "asked for by DOCKER_DRIVER",
    ));
}

#[test]
fn a_cgroup_parent_outside_of_the_container_is_seen() {
    is_seen(&Fault {
        cell: "docker.mounted.volume.legacy.daemon",
        ..made(
            "parent",
            r#"mkdir -p /etc/docker; echo '{"cgroup-parent":"/dindimg-elsewhere"}' >/etc/docker/daemon.json"#,
            "cgroup",
            "`/dindimg-elsewhere/",
            "a cgroup-parent outside of the container's own group",
        )
    });
    // It was the host's root in which the group was made.
    for hierarchy in fs::read_dir("/sys/fs/cgroup")
        .expect("hierarchies")
        .flatten()
    {
        let left = hierarchy.path().join("dindimg-elsewhere");
        if left.exists() {
            fs::remove_dir(&left).expect("an empty group");
        }
    }
}

#[test]
fn an_expired_client_certificate_is_seen() {
    is_seen(&made(
        "expired",
        r#"cat >/usr/local/bin/openssl <<'EOF'
#!/bin/sh
case " $* " in
  *' -extensions client '*) export LD_PRELOAD=/opt/libfaketime.so.1 FAKETIME=-9000d ;;
esac
exec /usr/bin/openssl "$@"
EOF
chmod 755 /usr/local/bin/openssl"#,
        "tls",
        "the certificate has expired: /certs/client/cert.pem",
        "certificates that have expired",
    ));
}

#[test]
fn a_missing_group_is_seen() {
    is_seen(&made(
        "group",
        "sed -i '/^docker:/d' /etc/group",
        "group",
        "/etc/group has no group `docker`",
        "no group `docker` in /etc/group",
    ));
}

#[test]
fn a_first_process_that_ignores_the_end_is_seen() {
    is_seen(&said(
        "deaf",
        r#"ENTRYPOINT ["sh","-c","trap '' TERM; setsid dockerd-entrypoint.sh & while :; do wait; sleep 1; done"]"#,
        "stop",
        "ended with code 137",
        "an entry point that ignores SIGTERM",
    ));
}

#[test]
fn a_dead_resolver_is_seen() {
    is_seen(&said(
        "dns",
        "ENV DIND_DNS=192.0.2.1",
        "dns",
        "the daemon container finds `dindimg-outside` by name, a nested container does not",
        "DIND_DNS",
    ));
}

#[test]
fn a_key_that_everybody_reads_is_seen() {
    is_seen(&said(
        "key",
        "ENV DIND_TLS_CLIENT_MODE=0644",
        "tls",
        "644 /certs/client/key.pem",
        "keys that others can read (DIND_TLS_CLIENT_MODE)",
    ));
}

/// The number in the file is another program's after the next start, which is what makes it stale.
#[test]
fn a_stale_pid_file_is_seen() {
    is_seen(&made(
        "pid",
        r#"sed -i 's/files_remove "$pid_file"/files_remove/' /usr/lib/dind/lock.sh
echo 'echo 1 >/run/docker.pid' >/etc/dind/ready.d/pid.sh"#,
        "kill",
        "after a kill: the container ended with code",
        "pid files",
    ));
}
