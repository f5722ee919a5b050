//! What can be said about a manifest: keys with a kind, a default and a reason.

use std::collections::BTreeMap;

use super::error::DeployError;
use crate::recipe::suggest;

/// What the value of a key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Any text without line ends.
    Text,
    /// A name of an object: lower-case letters, digits and dashes (RFC 1123, 2.1).
    Name,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Bytes, as Kubernetes writes them: `4Gi`, `512Mi`.
    Bytes,
    /// Processors, as Kubernetes writes them: `2`, `500m`.
    Cpu,
    /// A TCP port.
    Port,
    /// A host.
    Host,
    /// A file, by its path or by the name of what holds it.
    File,
    /// An address of the web, with nothing that a shell has a meaning for.
    Url,
}

/// Something that can be said.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub form: Form,
    /// Its value where nobody says one; nothing when empty.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// Yes or no.
const BOOL: Form = Form::Word(&["true", "false"]);

/// Every key, in the order of the help.
pub const KEYS: &[Key] = &[
    key("name", Form::Name, "dind", "name of the container or pod"),
    key("namespace", Form::Name, "", "namespace of everything"),
    key(
        "image",
        Form::Text,
        "",
        "reference of the image, in place of its own",
    ),
    key(
        "client.image",
        Form::Text,
        "",
        "image of the work container; the daemon's own where none is said, which has the client",
    ),
    key(
        "client.command",
        Form::Text,
        "docker info",
        "what the work container runs, by sh -c",
    ),
    key(
        "connection",
        Form::Word(&["tls", "socket", "tcp"]),
        "tls",
        "how the client reaches the daemon: port 2376 with certificates, a unix socket, or port 2375 without",
    ),
    key(
        "sidecar",
        Form::Word(&["native", "plain"]),
        "native",
        "an init container that goes on (Kubernetes 1.29), or a second container",
    ),
    key(
        "storage.kind",
        Form::Word(&["disk", "memory", "loop", "block", "persistent"]),
        "disk",
        "what the daemon's data is kept on: the node's disk, memory, a file system in a file, a block device, or a claim that the next pod takes over",
    ),
    key(
        "storage.size",
        Form::Bytes,
        "20Gi",
        "most that the daemon's data may take",
    ),
    key(
        "storage.class",
        Form::Text,
        "",
        "storage class of claims; the cluster's default where none is said",
    ),
    key(
        "cpu.request",
        Form::Cpu,
        "500m",
        "processors set aside for the daemon and all nested containers",
    ),
    key(
        "cpu.limit",
        Form::Cpu,
        "",
        "most processors of the daemon and all nested containers",
    ),
    key(
        "memory.request",
        Form::Bytes,
        "1Gi",
        "memory set aside for the daemon and all nested containers",
    ),
    key(
        "memory.limit",
        Form::Bytes,
        "4Gi",
        "most memory of the daemon and all nested containers",
    ),
    key(
        "runtime-class",
        Form::Text,
        "",
        "RuntimeClass of the pod, or runtime of the engine: kata, sysbox-runc, gvisor",
    ),
    key(
        "host-users",
        BOOL,
        "",
        "false for a user namespace of the pod's own (Kubernetes 1.33)",
    ),
    key(
        "pod-security",
        BOOL,
        "false",
        "also the namespace, with the level of the Pod Security Standards that the pod needs",
    ),
    key(
        "network-policy",
        BOOL,
        "false",
        "also a NetworkPolicy that lets nobody in but by the ports that the pod offers",
    ),
    key("ssh.port", Form::Port, "20022", "port of the host for SSH"),
    key(
        "ssh.keys",
        Form::File,
        "~/.ssh/id_ed25519.pub",
        "file of the public keys that may log in; in Kubernetes the name of a secret with the file authorized_keys",
    ),
    key(
        "device.resource",
        Form::Text,
        "",
        "resource by which a device plugin of the cluster gives /dev/net/tun, which rootless daemons need",
    ),
    key(
        "runner.image",
        Form::Text,
        "",
        "image of the GitHub runner, with the tools of your jobs",
    ),
    key(
        "host",
        Form::Host,
        "",
        "name or address of the host whose daemon is used, or on which Jenkins reaches the machine",
    ),
    key(
        "agent",
        Form::Word(&["ssh", "inbound"]),
        "ssh",
        "who begins: Jenkins by SSH, or the machine by WebSocket",
    ),
    key(
        "controller",
        Form::Url,
        "",
        "address of Jenkins, which an inbound agent connects to",
    ),
    key(
        "agent.secret",
        Form::File,
        "~/.jenkins-secret",
        "file with the secret that Jenkins shows for an inbound agent",
    ),
];

const fn key(name: &'static str, form: Form, default: &'static str, help: &'static str) -> Key {
    Key {
        name,
        form,
        default,
        help,
    }
}

/// What was said, with defaults for the rest.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    said: BTreeMap<&'static str, String>,
}

impl Choices {
    /// Says that `name` is `value`; a later word wins.
    ///
    /// # Errors
    /// When there is no such key, or the value is not of its kind.
    pub fn say(&mut self, name: &str, value: &str) -> Result<(), DeployError> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(DeployError::Key {
                name: name.to_owned(),
                hint: suggest::hint(name, KEYS.iter().map(|key| key.name)),
            });
        };
        let value = value.trim();
        if value.is_empty() {
            // What a file or an earlier word has said is taken back.
            self.said.remove(key.name);
            return Ok(());
        }
        if let Err(reason) = key.form.check(value) {
            return Err(DeployError::Value {
                name: key.name,
                value: value.to_owned(),
                reason,
            });
        }
        self.said.insert(key.name, value.to_owned());
        Ok(())
    }

    /// The keys that were said.
    pub fn said(&self) -> impl Iterator<Item = &'static str> {
        self.said.keys().copied()
    }

    /// The same with each other value of a key: to see what it changes.
    pub(super) fn others(&self, name: &'static str) -> Vec<Self> {
        let key = KEYS.iter().find(|key| key.name == name);
        let others = key.map(|key| key.form.others()).unwrap_or_default();
        let without = self.said.iter().filter(|(said, _)| **said != name);
        let without: BTreeMap<_, _> = without.map(|(k, v)| (*k, v.clone())).collect();
        let said = others.iter().map(|other| {
            let mut said = without.clone();
            said.insert(name, (*other).to_owned());
            said
        });
        let mut all: Vec<Self> = said.map(|said| Self { said }).collect();
        all.push(Self { said: without });
        all
    }

    /// The value that was said, or else the default.
    pub(super) fn get(&self, name: &'static str) -> &str {
        self.given(name).unwrap_or_else(|| {
            KEYS.iter()
                .find(|key| key.name == name)
                .map_or("", |key| key.default)
        })
    }

    /// The value that was said.
    pub(super) fn given(&self, name: &'static str) -> Option<&str> {
        self.said.get(name).map(String::as_str)
    }
}

impl Form {
    fn check(self, value: &str) -> Result<(), String> {
        let fits = match self {
            Self::Text | Self::File => !value.contains(char::is_control),
            Self::Name => is_name(value),
            Self::Word(words) => words.contains(&value),
            Self::Bytes => bytes(value).is_some_and(|bytes| (LEAST..MOST).contains(&bytes)),
            Self::Host => value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)),
            Self::Url => is_url(value),
            Self::Cpu => is_cpu(value),
            // In one form alone: YAML 1.1 takes a leading zero for octal digits.
            Self::Port => value
                .parse::<u16>()
                .is_ok_and(|port| port > 0 && port.to_string() == value),
        };
        match fits {
            true => Ok(()),
            false => Err(self.describe()),
        }
    }

    /// Values of the kind, at least two where there are.
    pub(super) fn others(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Name | Self::Host => &["other", "another"],
            Self::Word(words) => words,
            Self::Bytes => &["3Gi", "7Gi"],
            Self::Cpu => &["3", "5"],
            Self::Port => &["2222", "2223"],
            Self::File => &["/srv/one", "/srv/two"],
            Self::Url => &["https://one.example", "https://two.example"],
        }
    }

    /// What a value has to be.
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text on one line".to_owned(),
            Self::File => "a path, or in Kubernetes the name of a secret".to_owned(),
            Self::Name => "a name of lower-case letters, digits and dashes".to_owned(),
            Self::Word(words) => words.join(" or "),
            Self::Bytes => "bytes, such as 4Gi or 512Mi, from 1Mi on".to_owned(),
            Self::Host => "a host's name, or an address of IPv4".to_owned(),
            Self::Url => "an address that begins with https:// or http://".to_owned(),
            Self::Cpu => "processors, such as 2 or 500m".to_owned(),
            Self::Port => "a port from 1 to 65535".to_owned(),
        }
    }
}

/// Least and most bytes that are taken for what somebody means.
const LEAST: u64 = 1 << 20;
/// See [`LEAST`].
const MOST: u64 = 1 << 60;

/// Longest name of an object that is also a host name.
const LABEL: usize = 63;

fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let outer = |c: char| inner(c) && c != '-';
    (1..=LABEL).contains(&text.len())
        && text.chars().all(inner)
        && text.starts_with(outer)
        && text.ends_with(outer)
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain))
}

fn is_cpu(text: &str) -> bool {
    cpus(text).is_some_and(|it| it > 0.0 && it < 1e6)
}

/// Processors of a quantity of Kubernetes.
pub(super) fn cpus(text: &str) -> Option<f64> {
    let milli = text.strip_suffix('m');
    let digits = milli.unwrap_or(text);
    let plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    Some(if milli.is_some() {
        number / 1000.0
    } else {
        number
    })
}

/// Bytes of a quantity of Kubernetes (apimachinery, `resource.Quantity`), without exponents.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes in the words of container engines, whose units are powers of 1024 (docker-run(1),
/// `--memory`).
pub(super) fn engine_bytes(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    let fits = units
        .iter()
        .find(|(shift, _)| bytes.is_multiple_of(1 << shift));
    match fits {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => format!("{bytes}b"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_the_kind_of_their_key() {
        let mut choices = Choices::default();
        for (name, value) in [
            ("name", "a-1"),
            ("memory.limit", "512Mi"),
            ("cpu.limit", "1.5"),
            ("cpu.request", "250m"),
            ("storage.kind", "memory"),
            ("ssh.port", "2222"),
            ("client.command", "make \"all\" && true"),
            ("host-users", "false"),
        ] {
            choices.say(name, value).expect(name);
            assert_eq!(choices.given(name_of(name)), Some(value));
        }
        for (name, value) in [
            ("name", "A"),
            ("name", "-a"),
            ("memory.limit", "0"),
            ("memory.limit", "4GB"),
            ("memory.limit", "99999999999Ti"),
            ("cpu.limit", "-1"),
            ("cpu.limit", "inf"),
            ("storage.kind", "disc"),
            ("ssh.port", "0"),
            ("ssh.port", "020022"),
            ("client.command", "a\nb"),
        ] {
            let error = choices.say(name, value).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    fn name_of(name: &str) -> &'static str {
        let key = KEYS.iter().find(|key| key.name == name);
        key.expect("a key").name
    }

    #[test]
    fn a_key_that_is_not_there_is_an_error_with_the_nearest() {
        let mut choices = Choices::default();
        let error = choices.say("memory.limits", "1Gi").expect_err("no key");
        assert!(error.to_string().contains("`memory.limit`"), "{error}");
    }

    #[test]
    fn defaults_are_of_their_own_kind() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            assert_eq!(key.form.check(key.default), Ok(()), "{}", key.name);
        }
    }

    #[test]
    fn engines_have_units_of_their_own() {
        assert_eq!(engine_bytes(4 << 30), "4g");
        assert_eq!(engine_bytes(1536 << 20), "1536m");
        assert_eq!(engine_bytes(1000), "1000b");
    }
}
