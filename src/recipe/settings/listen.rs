//! `[listen]`: where the daemon is reached.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::merge::{Merge, merge_fields};
use super::super::words::ListenTcp;

/// Port of the TLS listener, as every Docker client expects it.
const TLS_PORT: u16 = 2376;
/// Port of the plain listener.
const PLAIN_PORT: u16 = 2375;

/// `[listen]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawListen {
    /// The TCP listener beside the unix socket. `tls`: clients need a certificate that the image's
    /// own authority has signed (`DOCKER_TLS_CERTDIR=/certs`). `plain`: whoever reaches the port is
    /// root in the container (`DOCKER_TLS_CERTDIR` empty). `off`: no listener, nothing exposed.
    /// Variables `DOCKER_TLS_CERTDIR`, and `DIND_LISTEN` (`tcp`, `unix`).
    #[schemars(extend("default" = "tls"))]
    pub tcp: Option<ListenTcp>,
    /// Address the TCP listener binds to. Variable `DIND_LISTEN_ADDRESS`.
    #[schemars(extend("default" = "0.0.0.0", "examples" = ["::"]))]
    pub address: Option<IpAddr>,
    /// Its port, which is also the only one that is exposed: clients such as GitLab's wait for
    /// every exposed port. 2376 with `tls` and 2375 with `plain`. With `off` nothing is exposed,
    /// and it is the port of the TLS listener if `DIND_LISTEN=tcp` has one at run time. Variables
    /// `DIND_TLS_PORT` and `DIND_PORT`.
    #[schemars(extend("examples" = [12376]))]
    pub port: Option<NonZeroU16>,
}

merge_fields!(RawListen { tcp, address, port });

/// Where the daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Listen {
    /// The TCP listener.
    pub tcp: ListenTcp,
    /// The address it binds to.
    pub address: IpAddr,
    /// Port with certificates.
    pub tls_port: u16,
    /// Port without.
    pub port: u16,
}

impl RawListen {
    pub(in crate::recipe) fn finish(self) -> Listen {
        let tcp = self.tcp.unwrap_or(ListenTcp::Tls);
        let port = |plain: bool, usual: u16| {
            let named = self.port.filter(|_| plain == (tcp == ListenTcp::Plain));
            named.map_or(usual, NonZeroU16::get)
        };
        Listen {
            tcp,
            address: self.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            tls_port: port(false, TLS_PORT),
            port: port(true, PLAIN_PORT),
        }
    }
}

impl Listen {
    /// The one port that is exposed.
    pub fn exposed(&self) -> Option<u16> {
        match self.tcp {
            ListenTcp::Tls => Some(self.tls_port),
            ListenTcp::Plain => Some(self.port),
            ListenTcp::Off => None,
        }
    }
}
