//! The SSH server lets in whoever has a key that the container was given, and nobody else.

use std::thread;
use std::time::{Duration, Instant};

use super::super::bench::{Bench, NETWORK};
use super::super::engine::{Feature, RunSpec};
use super::super::error::CheckError;
use super::{Check, Ruling, has_daemon, held, is_machine, violated};
use crate::process::Output;

pub(super) const CHECK: Check = Check {
    id: "ssh",
    rule: "SSH runs commands for a given key, refuses passwords and strangers, and each machine has host keys of its own",
    hint: "a `PasswordAuthentication yes` that comes first in /etc/ssh/sshd_config.d, an account with an empty password, or host keys that are part of the image",
    limit: 120,
    needs: &[Feature::Networks],
    applies: |contract, cell| is_machine(contract, cell) && has_daemon(contract, cell),
    run,
};

/// The key that the second machine is given, in the first.
const KEY: &str = "/root/.ssh/dindimg-smoke";
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
/// What sshd says that takes keys and nothing else (ssh(1)).
const REFUSAL: &str = "Permission denied (publickey)";
/// Bound on the time until the server listens.
const PATIENCE: Duration = Duration::from_secs(30);

fn run(bench: &Bench<'_>) -> Ruling {
    let made = bench.inside(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY])?;
    if !made.status.success() {
        return violated(format!("no key can be made: {}", made.complaint()));
    }
    let public = bench.inside(&["cat", &format!("{KEY}.pub")])?.text();
    let mut spec = RunSpec {
        network: Some(bench.session.name(NETWORK)),
        ..bench.privileged("login", &[])
    };
    spec.env.insert("DIND_AUTHORIZED_KEYS".to_owned(), public);
    bench.engine.run_detached(&spec)?;
    let Some(address) = bench.engine.state(&spec.name)?.address else {
        return Err(CheckError::Unproven(
            "a second container has no address on the network".to_owned(),
        ));
    };
    let to = format!("root@{address}");
    let version = ["docker", "version", "--format", "{{.Server.Version}}"];
    let started = Instant::now();
    let known = loop {
        let said = ssh(bench, &to, &["-i", KEY], &version)?;
        if said.status.success() || started.elapsed() > PATIENCE {
            break said;
        }
        thread::sleep(Duration::from_millis(500));
    };
    if known.text() != bench.main.run(&version)?.text() {
        return violated(format!(
            "with the key that it was given, `ssh {to} {}` printed `{}`: {}",
            version.join(" "),
            known.text(),
            known.complaint()
        ));
    }
    for (who, options) in [
        ("without a key", &["-o", "PubkeyAuthentication=no"][..]),
        (
            "with a password",
            &[
                "-o",
                "PreferredAuthentications=password,keyboard-interactive",
            ],
        ),
    ] {
        let said = ssh(bench, &to, options, &["true"])?;
        if said.status.success() || !said.complaint().contains(REFUSAL) {
            return violated(format!(
                "a login {who} was not refused with `{REFUSAL}`: {}",
                said.complaint()
            ));
        }
    }
    let own = bench.inside(&["cat", HOST_KEY])?;
    let other = ssh(bench, &to, &["-i", KEY], &["cat", HOST_KEY])?;
    if !own.status.success() || own.text().split(' ').nth(1) == other.text().split(' ').nth(1) {
        return violated(format!(
            "two machines have the same host key `{}` {}",
            own.text(),
            own.complaint()
        ));
    }
    bench.engine.remove(&spec.name)?;
    held("the given key runs docker, passwords and strangers are refused, host keys differ")
}

fn ssh(
    bench: &Bench<'_>,
    to: &str,
    options: &[&str],
    command: &[&str],
) -> Result<Output, CheckError> {
    const COMMON: [&str; 10] = [
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "LogLevel=ERROR",
        "-o",
        "ConnectTimeout=10",
    ];
    // The other side gives the words to a shell.
    let quoted: Vec<String> = command.iter().map(|word| format!("'{word}'")).collect();
    let mut words = vec!["ssh"];
    words.extend(COMMON);
    words.extend(options);
    words.push(to);
    words.extend(quoted.iter().map(String::as_str));
    bench.inside(&words)
}
