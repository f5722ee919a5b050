//! `[tls]`: the certificates of the TCP listener.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::merge::{Merge, merge_fields};
use super::super::words::KeyKind;
use super::values::{KeyMode, SubjectName};

/// Days a certificate is good for: what browsers and Apple's platforms accept at most.
const DAYS: u32 = 825;
/// Days before its end at which a certificate is issued again.
const RENEW_DAYS: u32 = 30;
/// Longest validity, in days: later dates do not fit every ASN.1 reader's clock.
const DAYS_LIMIT: u32 = 36_500;

/// `[tls]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawTls {
    /// Kind of the keys. `ecdsa` (P-256) takes milliseconds; `rsa` (3072 bits) takes seconds at the
    /// first start, for clients that know nothing else. Variable `DIND_TLS_KEY`.
    #[schemars(extend("default" = "ecdsa"))]
    pub key: Option<KeyKind>,
    /// Days that issued certificates are good for. Variable `DIND_TLS_DAYS`.
    #[schemars(extend("default" = 825, "examples" = [90]))]
    pub days: Option<u32>,
    /// A certificate that ends within so many days is issued again. Fewer than `days`. Variable
    /// `DIND_TLS_RENEW_DAYS`.
    #[schemars(extend("default" = 30, "examples" = [14]))]
    pub renew_days: Option<u32>,
    /// Permissions of `client/key.pem`: `0600`, with a `client-group` `0640`. `0644` gives whoever
    /// mounts the directory root in the container. Variable `DIND_TLS_CLIENT_MODE`.
    #[schemars(extend("examples" = ["0644"]))]
    pub client_mode: Option<KeyMode>,
    /// Number of the group that may read `client/key.pem`, for clients that do not run as root.
    /// Variable `DIND_TLS_CLIENT_GID`.
    #[schemars(extend("examples" = [1000]))]
    pub client_group: Option<u32>,
    /// Names and addresses in the server's certificate beside the container's own, `docker` and
    /// `localhost`. Variable `DIND_TLS_SAN` replaces them, `DOCKER_TLS_SAN` adds to them.
    #[schemars(extend("default" = [], "examples" = [["DNS:docker.example.com", "IP:10.0.0.1"]]))]
    pub san: Option<Vec<SubjectName>>,
}

merge_fields!(RawTls {
    key,
    days,
    renew_days,
    client_mode,
    client_group,
    san
});

/// The certificates of the TCP listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tls {
    /// Kind of the keys.
    pub key: KeyKind,
    /// Days that issued certificates are good for.
    pub days: u32,
    /// Days before its end at which a certificate is issued again.
    pub renew_days: u32,
    /// Permissions of the client's key; `None` for what the group calls for.
    pub client_mode: Option<KeyMode>,
    /// Number of the group that may read the client's key.
    pub client_group: Option<u32>,
    /// Further names of the server.
    pub san: Vec<SubjectName>,
}

impl Tls {
    /// The mode that the client's key gets, in octal.
    pub fn client_key_mode(&self) -> &str {
        match (&self.client_mode, self.client_group) {
            (Some(mode), _) => mode.as_str(),
            (None, Some(_)) => "0640",
            (None, None) => "0600",
        }
    }
}

impl RawTls {
    pub(in crate::recipe) fn finish(self) -> Result<Tls, String> {
        let (days, renew_days) = (
            self.days.unwrap_or(DAYS),
            self.renew_days.unwrap_or(RENEW_DAYS),
        );
        if days == 0 || days > DAYS_LIMIT {
            return Err(format!(
                "[tls] `days` is {days}; certificates last 1 to {DAYS_LIMIT} days"
            ));
        }
        // By default it is less for a certificate of a shorter life, in the guest.
        if self.renew_days.is_some() && renew_days >= days {
            return Err(format!(
                "[tls] `renew-days` is {renew_days} and `days` {days}: every start would issue certificates again; make `renew-days` less than `days`"
            ));
        }
        Ok(Tls {
            key: self.key.unwrap_or(KeyKind::Ecdsa),
            days,
            renew_days,
            client_mode: self.client_mode,
            client_group: self.client_group,
            san: self.san.unwrap_or_default(),
        })
    }
}
