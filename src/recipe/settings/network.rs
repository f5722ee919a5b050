//! `[network]`: what nested networks get.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::merge::{Merge, merge_fields};
use super::super::words::Ipv6;
use super::values::Subnet;

/// The smallest MTU of IPv4 (RFC 791): every link carries packets of this size.
const SMALLEST_MTU: u16 = 68;

/// `[network]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawNetwork {
    /// MTU of nested networks. Without it that of the interface with the default route, which is
    /// right unless a tunnel further out is narrower. Variables `DIND_MTU`, `DOCKERD_MTU`, `MTU`.
    #[schemars(extend("examples" = [1400]))]
    pub mtu: Option<u16>,
    /// Resolvers of nested containers, in place of the outer container's: key `dns` of
    /// `daemon.json`. Variable `DIND_DNS`.
    #[schemars(extend("default" = [], "examples" = [["10.0.0.53"]]))]
    pub dns: Option<Vec<IpAddr>>,
    /// Where nested networks get their addresses: key `default-address-pools` of `daemon.json`.
    /// Variable `DIND_ADDRESS_POOLS`, a blank-separated list of `BASE:SIZE`.
    pub address_pools: Option<Vec<AddressPool>>,
    /// IPv6 for containers of the default bridge, with unique local addresses that the engine
    /// translates: `auto` where the outer network has it and Docker is 27 or newer, `on` with
    /// older engines too, which need `experimental` for it, and where it cannot be had the start
    /// fails; `off` never. Other networks say `--ipv6` for themselves. Variable `DIND_IPV6`.
    #[schemars(extend("default" = "auto"))]
    pub ipv6: Option<Ipv6>,
}

merge_fields!(RawNetwork {
    mtu,
    dns,
    address_pools,
    ipv6
});

/// One pool of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AddressPool {
    /// The addresses to divide.
    #[schemars(extend("examples" = ["10.200.0.0/16"]))]
    pub base: Subnet,
    /// Prefix length of each network made of them.
    #[schemars(extend("examples" = [24]))]
    pub size: u8,
}

/// What nested networks get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// MTU; `None` for that of the outer network.
    pub mtu: Option<u16>,
    /// Resolvers; none for the outer container's.
    pub dns: Vec<IpAddr>,
    /// Pools of addresses; none for the engine's own.
    pub address_pools: Vec<AddressPool>,
    /// IPv6 of nested containers.
    pub ipv6: Ipv6,
}

impl RawNetwork {
    pub(in crate::recipe) fn finish(self) -> Result<Network, String> {
        if let Some(mtu) = self.mtu.filter(|mtu| *mtu < SMALLEST_MTU) {
            return Err(format!(
                "[network] `mtu` is {mtu}; no network has less than {SMALLEST_MTU}"
            ));
        }
        let pools = self.address_pools.unwrap_or_default();
        if let Some(AddressPool { base, size }) =
            pools.iter().find(|pool| !pool.base.holds(pool.size))
        {
            return Err(format!(
                "[network] `address-pools`: {base} cannot be divided into networks of /{size}; the size is a prefix length, longer than the pool's own"
            ));
        }
        Ok(Network {
            mtu: self.mtu,
            dns: self.dns.unwrap_or_default(),
            address_pools: pools,
            ipv6: self.ipv6.unwrap_or(Ipv6::Auto),
        })
    }
}

impl Network {
    /// Its keys of `daemon.json` (dockerd(8), "Daemon configuration file").
    pub(in crate::recipe) fn daemon_keys(&self) -> BTreeMap<String, Value> {
        let mut keys = BTreeMap::new();
        if !self.dns.is_empty() {
            keys.insert("dns".to_owned(), json!(self.dns));
        }
        if !self.address_pools.is_empty() {
            keys.insert(
                "default-address-pools".to_owned(),
                json!(self.address_pools),
            );
        }
        keys
    }
}
