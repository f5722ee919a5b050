//! The TLS port answers clients with a certificate and nobody else.

use super::super::bench::{Bench, CERTS_VOLUME, CLIENT_CERTS, NETWORK};
use super::super::engine::{Feature, RunSpec};
use super::super::error::CheckError;
use super::{Check, Ruling, has_daemon, held, violated};
use crate::guest::{Contract, Port};
use crate::process::Input;

pub(super) const CHECK: Check = Check {
    id: "tls",
    rule: "TLS answers with a client certificate, refuses without, keys are private, no plain port",
    hint: "certificates that have expired or are for other names, keys that others can read (DIND_TLS_CLIENT_MODE), an empty DOCKER_TLS_CERTDIR, or `hosts` in daemon.json",
    limit: 120,
    needs: &[Feature::Networks, Feature::Volumes, Feature::Foreground],
    applies: |contract, cell| has_daemon(contract, cell) && port(contract).is_some(),
    run,
};

/// Docker's port without TLS (moby, `docs` of `dockerd -H`).
const PLAIN: u16 = 2375;

/// The name docker:dind's clients use for their daemon.
const HOST: &str = "docker";

/// Where the client without a certificate has the volume: it checks the server against the CA, but
/// neither the image's entry point nor Docker's client finds a certificate of its own there.
const STRANGER_DIR: &str = "/dindimg-smoke";
const STRANGER_CA: &str = "/dindimg-smoke/ca.pem";

/// The client's key, whose mode the image declares.
const CLIENT_KEY: &str = "/certs/client/key.pem";

/// Lists mode and path of every private key below the certificate directory.
const KEY_MODES: &str = "stat -c '%a %n' /certs/*/key.pem";

/// Lists the certificates whose time is over; an image without openssl is not asked.
const EXPIRED: &str = r#"command -v openssl >/dev/null || exit 0
for file in /certs/*/cert.pem; do
  openssl x509 -noout -checkend 0 -in "$file" >/dev/null || echo "$file"
done"#;

/// The kernel's tables of TCP sockets, both families (proc(5)).
const SOCKETS: &str = "cat /proc/net/tcp; cat /proc/net/tcp6 2>/dev/null || :";

fn port(contract: &Contract) -> Option<&Port> {
    contract
        .ports
        .iter()
        .find(|port| port.purpose == "docker-tls")
}

fn run(bench: &Bench<'_>) -> Ruling {
    bench.daemon()?;
    let Some(Port { port, .. }) = port(bench.contract) else {
        return violated("the contract has no TLS port");
    };
    let listening = listening(&bench.inside(&["sh", "-c", SOCKETS])?.text());
    if !listening.contains(port) {
        return violated(format!("nothing listens on {port}"));
    }
    if *port != PLAIN && listening.contains(&PLAIN) {
        return violated(format!("the plain port {PLAIN} listens beside TLS"));
    }
    let modes = bench.inside(&["sh", "-c", KEY_MODES])?;
    let listing = modes.text();
    let open = open_keys(&listing, &bench.contract.client_key_mode);
    if !modes.status.success() || !open.is_empty() {
        return violated(format!(
            "private keys are readable by more than they should be or absent: {} {}",
            open.join(", "),
            modes.complaint()
        ));
    }

    let expired = bench.inside(&["sh", "-c", EXPIRED])?.text();
    if !expired.is_empty() {
        let files: Vec<&str> = expired.lines().collect();
        return violated(format!("the certificate has expired: {}", files.join(", ")));
    }

    // With nothing but the certificate volume, the image's own entry point has to find the daemon.
    let version = ["docker", "version", "--format", "{{.Server.Version}}"];
    let known = bench.engine.run(
        &beside(bench, "client", &version, CLIENT_CERTS)?,
        Input::Null,
    )?;
    if !known.status.success() {
        return violated(format!(
            "a client with {CLIENT_CERTS} mounted was refused: {}",
            known.complaint()
        ));
    }
    let address = format!("tcp://{HOST}:{port}");
    let mut args = vec!["--tlsverify", "--tlscacert", STRANGER_CA, "-H", &address];
    args.extend(&version[1..]);
    let stranger = RunSpec {
        entrypoint: Some(version[0].to_owned()),
        ..beside(bench, "stranger", &args, STRANGER_DIR)?
    };
    let unknown = bench.engine.run(&stranger, Input::Null)?;
    if unknown.status.success() {
        return violated("a client without a certificate was answered");
    }
    let refusal = unknown.complaint();
    if !refuses(&refusal) {
        return violated(format!(
            "a client without a certificate failed, but not by its lack: {refusal}"
        ));
    }
    held(format!(
        "port {port} answers {} with a certificate, refuses without",
        known.text()
    ))
}

/// An unprivileged container beside the daemon, with the certificate volume at `target`.
fn beside(
    bench: &Bench<'_>,
    role: &str,
    args: &[&str],
    target: &str,
) -> Result<RunSpec, CheckError> {
    Ok(RunSpec {
        network: Some(bench.session.name(NETWORK)),
        hosts: vec![(HOST.to_owned(), bench.daemon()?.address)],
        volumes: vec![bench.session.mount(CERTS_VOLUME, target, true)],
        ..bench.container(role, args)
    })
}

/// Whether a client's complaint is the server's demand for a certificate: the alerts of TLS 1.3
/// (`certificate_required`) and TLS 1.2 (`bad_certificate`), in Go's words.
fn refuses(complaint: &str) -> bool {
    ["certificate required", "bad certificate"]
        .iter()
        .any(|alert| complaint.contains(alert))
}

/// Ports in state LISTEN of `/proc/net/tcp` and `/proc/net/tcp6`.
fn listening(table: &str) -> Vec<u16> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (_, port) = fields.next()?.rsplit_once(':')?;
            let state = fields.nth(1)?;
            let port = u16::from_str_radix(port, 16).ok()?;
            (state == LISTEN).then_some(port)
        })
        .collect()
}

/// Keys whose octal mode, first on their line, lets others read or write; of the client's key one
/// that lets more than `declared`.
fn open_keys<'a>(listing: &'a str, declared: &str) -> Vec<&'a str> {
    let octal = |text: &str| u32::from_str_radix(text, 8).ok();
    listing
        .lines()
        .filter(|line| {
            let (mode, path) = line.split_once(' ').unwrap_or((line, ""));
            let more = match path {
                CLIENT_KEY => !octal(declared).unwrap_or(0o600),
                _ => 0o007,
            };
            octal(mode).is_none_or(|mode| mode & more != 0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_ports_are_read_from_both_tables() {
        let table = "  sl  local_address rem_address   st tx_queue
   0: 0100007F:0947 00000000:0000 0A 00000000:00000000
   1: 0100007F:0016 0100007F:9999 01 00000000:00000000
   0: 00000000000000000000000000000000:0948 00000000000000000000000000000000:0000 0A 0";
        assert_eq!(listening(table), [2375, 2376]);
    }

    #[test]
    fn keys_that_others_can_read_are_named_and_the_clients_has_the_mode_it_declares() {
        let keys = "600 /certs/ca/key.pem\n644 /certs/client/key.pem\n640 /certs/server/key.pem";
        assert_eq!(open_keys(keys, "0600"), ["644 /certs/client/key.pem"]);
        assert_eq!(open_keys(keys, "0640"), ["644 /certs/client/key.pem"]);
        assert_eq!(open_keys(keys, "0644"), [""; 0]);
        let server = "644 /certs/server/key.pem";
        assert_eq!(open_keys(server, "0644"), [server]);
        assert_eq!(open_keys("gibberish", "0644"), ["gibberish"]);
    }

    #[test]
    fn only_the_lack_of_a_certificate_counts_as_refusal() {
        for (complaint, wanted) in [
            (
                "error during connect: remote error: tls: bad certificate",
                true,
            ),
            (
                "The server probably has client authentication enabled: tls: certificate required",
                true,
            ),
            ("dial tcp 10.0.0.2:2376: connect: connection refused", false),
        ] {
            assert_eq!(refuses(complaint), wanted, "{complaint}");
        }
    }
}
