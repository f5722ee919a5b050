//! Values of the settings: texts and numbers that have been checked once.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::super::values::text_value;

text_value! {
    /// A name in a certificate, as openssl writes it: `DNS:docker.example.com`, `IP:10.0.0.1`
    /// (x509v3_config(5), "Subject Alternative Name").
    SubjectName, |text| {
        let host = |name: &str| {
            let name = name.strip_prefix("*.").unwrap_or(name);
            !name.is_empty() && name.split('.').all(|label| {
                !label.is_empty()
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            })
        };
        let good = match text.split_once(':') {
            Some(("DNS", name)) => host(name),
            Some(("IP", address)) => address.parse::<IpAddr>().is_ok(),
            _ => false,
        };
        if !good {
            return Err(format!(
                "`{text}` is not a name for a certificate; write `DNS:docker.example.com` or `IP:10.0.0.1`"
            ));
        }
        Ok(text.to_owned())
    }
}

/// A number in these digits alone: Rust's parsers take a sign as well.
fn number(text: &str, radix: u32) -> Option<u32> {
    let digits = text.chars().all(|c| c.is_digit(radix));
    u32::from_str_radix(text, radix).ok().filter(|_| digits)
}

/// Three octal digits, with a leading zero or without, and what they say.
fn permissions(text: &str) -> Option<(&str, u32)> {
    let digits = text
        .strip_prefix('0')
        .filter(|rest| rest.len() == 3)
        .unwrap_or(text);
    let value = number(digits, 8).filter(|_| digits.len() == 3)?;
    Some((digits, value))
}

text_value! {
    /// Permissions of a private key in octal: read and write for its owner, at most read for
    /// others.
    KeyMode, |text| {
        match permissions(text) {
            Some((digits, mode)) if mode & 0o400 != 0 && mode & 0o133 == 0 => {
                Ok(format!("0{digits}"))
            }
            _ => Err(format!(
                "`{text}` is not the mode of a key; write `0600`, `0640` for its group or `0644` for everybody"
            )),
        }
    }
}

text_value! {
    /// A file mode creation mask in octal, `0022` (umask(2)). Permissions of the owner stay.
    Umask, |text| {
        match permissions(text) {
            Some((digits, mask)) if mask & 0o700 == 0 => Ok(format!("0{digits}")),
            _ => Err(format!("`{text}` is not a umask; write `0022` or `0077`")),
        }
    }
}

text_value! {
    /// A number of bytes as Docker's log options have it: a number and `k`, `m` or `g`.
    SizeText, |text| {
        if !sized(text, &['k', 'm', 'g']) {
            return Err(format!("`{text}` is not a size; write `20m` (k, m or g)"));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// A number of bytes as truncate(1) and tmpfs(5) both have it: a number and `K`, `M`, `G` or
    /// `T`, powers of 1024.
    DataSize, |text| {
        if !sized(text, &['K', 'M', 'G', 'T']) {
            return Err(format!("`{text}` is not a size; write `20G` (K, M, G or T)"));
        }
        Ok(text.to_owned())
    }
}

/// Whether a text is a number above zero, without zeros before it, and one of `units`.
fn sized(text: &str, units: &[char]) -> bool {
    let digits = text.strip_suffix(units).unwrap_or_default();
    !digits.starts_with('0') && number(digits, 10).is_some()
}

text_value! {
    /// Directories in which programs are looked for: absolute, separated by colons. An empty or
    /// relative one would run what lies in the working directory.
    SearchPath, |text| {
        let absolute = |directory: &str| directory.starts_with('/')
            && !directory.split('/').any(|name| matches!(name, "." | ".."));
        if !text.split(':').all(absolute) {
            return Err(format!(
                "`{text}` is not a search path; name absolute directories separated by colons, none of them empty"
            ));
        }
        Ok(text.to_owned())
    }
}

text_value! {
    /// A network with its prefix length, `10.200.0.0/16`.
    Subnet, |text| {
        subnet(text).map(|_| text.to_owned()).ok_or_else(|| format!(
            "`{text}` is not a network; write it as `10.200.0.0/16`, with nothing after the prefix"
        ))
    }
}

/// The bits of an address and the length of a network's prefix.
fn subnet(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/')?;
    let length = number(length, 10)?;
    let (bits, value) = match address.parse().ok()? {
        IpAddr::V4(address) => (32, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    let rest = value.checked_shl(length).unwrap_or(0);
    (length > 0 && length <= bits && rest == 0).then_some((bits, length))
}

impl Subnet {
    /// Whether it can be divided into networks with prefixes of `size` that have room for a
    /// gateway and a container.
    pub fn holds(&self, size: u8) -> bool {
        let size = u32::from(size);
        subnet(&self.0).is_some_and(|(bits, length)| size >= length && size + 2 <= bits)
    }
}

/// Percent of a whole, 1 to 99.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Percent(u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            percent @ 1..=99 => Ok(Self(percent)),
            other => Err(serde::de::Error::custom(format!(
                "{other} is no percentage from 1 to 99"
            ))),
        }
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percent".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 99 })
    }
}

/// How many files a process may have open (`RLIMIT_NOFILE`, getrlimit(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenFiles {
    /// As many as the daemon itself.
    Inherit,
    /// The limit that holds, and the one up to which a process may raise it.
    Limits {
        /// The limit that holds.
        soft: u32,
        /// The highest it can be raised to.
        hard: u32,
    },
}

impl FromStr for OpenFiles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "inherit" {
            return Ok(Self::Inherit);
        }
        let positive = |text: &str| number(text, 10).filter(|number| *number > 0);
        text.split_once(':')
            .and_then(|(soft, hard)| Some((positive(soft)?, positive(hard)?)))
            .filter(|(soft, hard)| soft <= hard)
            .map(|(soft, hard)| Self::Limits { soft, hard })
            .ok_or_else(|| {
                format!(
                    "`{text}` is not a limit of open files; write `65536:524288` (soft:hard) or `inherit`"
                )
            })
    }
}

impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherit => f.write_str("inherit"),
            Self::Limits { soft, hard } => write!(f, "{soft}:{hard}"),
        }
    }
}

crate::text::serde_as_text!(OpenFiles);

impl JsonSchema for OpenFiles {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OpenFiles".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(inherit|[0-9]+:[0-9]+)$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged<T: FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_fit_are_kept_and_others_are_refused() {
        judged::<SubjectName>(
            &[
                "DNS:docker",
                "DNS:*.ci.example.com",
                "IP:10.0.0.1",
                "IP:::1",
            ],
            &[
                "docker",
                "DNS:",
                "DNS:a b",
                "IP:10.0.0",
                "DNS:a,IP:1.1.1.1",
                "URI:x",
            ],
        );
        judged::<KeyMode>(
            &["0600", "600", "0640", "0644", "0400"],
            &["0755", "0660", "0060", "4600", "6", "rw", "00600", "+40"],
        );
        judged::<Umask>(
            &["0022", "077", "0002"],
            &["0700", "22", "0099", "u=rwx", "+22", "0+22"],
        );
        judged::<SizeText>(
            &["20m", "1g", "512k"],
            &["20", "m", "0m", "-1m", "1.5m", "+1m"],
        );
        judged::<DataSize>(
            &["20G", "1T", "300M", "4096K"],
            &[
                "20", "20g", "20GB", "G", "0G", "1.5G", "-1G", "+1G", "50%", "20 G",
            ],
        );
        judged::<SearchPath>(
            &["/usr/bin", "/usr/local/bin:/usr/bin"],
            &["", "/usr/bin:", ":/bin", "bin", "/usr/../bin", "/a::/b"],
        );
        judged::<Subnet>(
            &["10.200.0.0/16", "fd00:1::/48", "10.0.0.0/8"],
            &[
                "10.200.0.1/16",
                "10.0.0.0",
                "10.0.0.0/33",
                "10.0.0.0/0",
                "x/8",
                "fd00::1/64",
                "10.200.0.0/+16",
            ],
        );
        judged::<OpenFiles>(
            &["inherit", "1024:524288", "5:5"],
            &[
                "1024", "2:1", "0:1", "a:b", "1:2:3", "infinity", "+1:2", "1:+2",
            ],
        );
    }

    #[test]
    fn a_pool_is_divided_into_networks_with_room_for_containers() {
        let pool: Subnet = "10.200.0.0/16".parse().expect("a network");
        for (size, holds) in [(15, false), (16, true), (24, true), (30, true), (31, false)] {
            assert_eq!(pool.holds(size), holds, "{size}");
        }
    }
}
