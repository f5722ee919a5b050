//! The two HTTP clients that reach a registry: `oci-client`, and the one for our own requests.

use std::time::Duration;

use oci_client::RegistryOperation;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::token_cache::RegistryTokenType;
use reqwest::Url;

use super::answer::{Answer, chain};
use super::challenge::{Challenge, challenges};
use super::credentials::Secret;
use super::error::RegistryError;
use super::reference::Repository;
use super::retry::Trouble;
use super::{PlainHttp, RegistryOptions};

const USER_AGENT: &str = concat!("dindimg/", env!("CARGO_PKG_VERSION"));

/// How requests prove who we are.
#[derive(Clone)]
pub(super) enum Authorization {
    None,
    Basic { user: String, password: Secret },
    Bearer(Secret),
}

/// Asks `/v2/` whether a registry answers there (distribution-spec, "Determining Support"); gives
/// its address and its challenges.
pub(super) async fn probe(
    http: &reqwest::Client,
    repository: &Repository,
    options: &RegistryOptions,
) -> Result<(Url, Vec<Challenge>), Trouble> {
    let host = repository.api_host();
    let plain = match &options.plain_http {
        PlainHttp::Always => true,
        PlainHttp::Hosts(hosts) => hosts.contains(repository.registry()),
        PlainHttp::LoopbackOnly => false,
    };
    let ask = async |scheme: &str| {
        let base = Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|error| RegistryError::Setup(format!("{host}: {error}")))?;
        let request = http.get(base.clone()).timeout(options.answer_timeout);
        let answer = Answer::of(request, &host).await?;
        let status = answer.status.as_u16();
        match status {
            200..=299 | 401 | 403 => Ok((base, challenges(&answer.headers))),
            404 | 400 | 405 => Err(RegistryError::NotRegistry {
                url: base.to_string(),
                status,
            }
            .into()),
            _ => {
                answer.success("asking for its version").await?;
                Ok((base, Vec::new()))
            }
        }
    };
    if plain {
        return ask("http").await;
    }
    match ask("https").await {
        // Docker's rule for registries on this machine: TLS if they speak it, else plain HTTP. A
        // certificate nobody trusts is spoken TLS.
        Err(Trouble::Passing(_) | Trouble::Fatal(RegistryError::NoTls { .. }))
            if repository.is_loopback() =>
        {
            ask("http").await
        }
        other => other,
    }
}

/// The client for our own requests.
pub(super) fn own_client(
    repository: &Repository,
    options: &RegistryOptions,
    certificates: &[Vec<u8>],
) -> Result<reqwest::Client, RegistryError> {
    let setup = |error: reqwest::Error| RegistryError::Setup(error.to_string());
    let roots = certificates
        .iter()
        .map(|der| reqwest::Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()
        .map_err(setup)?;
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout);
    if repository.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.tls_certs_merge(roots).build().map_err(setup)
}

/// Fails on a system that trusts no authority at all: constructing an `oci-client` would panic
/// there, even for plain HTTP and whatever its configuration, because it first makes a default HTTP
/// client.
pub(super) fn check_authorities() -> Result<(), RegistryError> {
    match reqwest::Client::builder().build() {
        Ok(_) => Ok(()),
        Err(error) => Err(RegistryError::NoAuthorities(chain(&error))),
    }
}

/// An `oci-client` for the registry at `base`.
pub(super) fn oci(
    base: &Url,
    repository: &Repository,
    certificates: &[Vec<u8>],
    connect_timeout: Duration,
) -> Result<oci_client::Client, RegistryError> {
    let mut config = ClientConfig {
        protocol: if base.scheme() == "http" {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        },
        // Without it every item of a stream becomes a PATCH request of its own.
        use_monolithic_push: true,
        extra_root_certificates: certificates
            .iter()
            .map(|der| Certificate {
                encoding: CertificateEncoding::Der,
                data: der.clone(),
            })
            .collect(),
        connect_timeout: Some(connect_timeout),
        // No read timeout: it would run from the start of a request and end long uploads.
        read_timeout: None,
        user_agent: USER_AGENT,
        ..ClientConfig::default()
    };
    if repository.is_loopback() {
        // A proxy of its own, used for no host, keeps the environment's from being used.
        config.http_proxy = Some(base.to_string());
        config.no_proxy = Some("*".to_owned());
    }
    // `Client::new` would fall back to defaults without a word.
    oci_client::Client::try_from(config).map_err(|error| RegistryError::Setup(error.to_string()))
}

/// Gives `oci-client` the authorization in the forms that it uses without asking the registry
/// before each request.
pub(super) async fn introduce(
    client: &oci_client::Client,
    repository: &Repository,
    authorization: &Authorization,
) {
    let reference = repository.oci();
    let registry = reference.resolve_registry();
    match authorization {
        Authorization::None => {}
        Authorization::Bearer(token) => {
            let auth = RegistryAuth::Bearer(token.expose().to_owned());
            client.store_auth_if_needed(registry, &auth).await;
        }
        Authorization::Basic { user, password } => {
            let auth = RegistryAuth::Basic(user.clone(), password.expose().to_owned());
            client.store_auth_if_needed(registry, &auth).await;
            for operation in [RegistryOperation::Pull, RegistryOperation::Push] {
                let kind = RegistryTokenType::Basic(user.clone(), password.expose().to_owned());
                client.tokens.insert(&reference, operation, kind).await;
            }
        }
    }
}
