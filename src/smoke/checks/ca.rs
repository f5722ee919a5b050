//! The authorities by which registries are known are there.

use super::super::bench::Bench;
use super::{Check, Ruling, has_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "ca",
    rule: "the certificate authorities of the system are there, so that pulls can verify a registry",
    hint: "the bundle /etc/ssl/certs/ca-certificates.crt is missing or empty: ca-certificates is not among the packages, its rule was not applied, or a file was mounted over it",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

/// The first place in which Go, and so dockerd, looks for authorities on Debian and Alpine
/// (`crypto/x509/root_linux.go`).
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Fewer than any distribution has had in this century, more than a test leaves by accident.
const FEWEST: usize = 50;

fn run(bench: &Bench<'_>) -> Ruling {
    let bundle = bench.inside(&["cat", BUNDLE])?;
    if !bundle.status.success() {
        return violated(bundle.complaint());
    }
    let count = authorities(&bundle.text());
    if count < FEWEST {
        return violated(format!("{BUNDLE} has {count} authorities"));
    }
    held(format!("{count} authorities"))
}

/// Whole certificates in a bundle.
fn authorities(bundle: &str) -> usize {
    let begins = bundle.matches("-----BEGIN CERTIFICATE-----").count();
    begins.min(bundle.matches("-----END CERTIFICATE-----").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_certificates_count() {
        let one = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        assert_eq!(authorities(&one.repeat(2)), 2);
        assert_eq!(authorities("-----BEGIN CERTIFICATE-----\nMIIB\n"), 0);
    }
}
