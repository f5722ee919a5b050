//! Which containers run a daemon, and how it listens.

use super::image::Reference;
use super::model::{Container, Source, is_local};

/// The data directory of a daemon of root's.
pub const DATA: &str = "/var/lib/docker";
/// The data directory of a user's daemon.
pub const ROOTLESS_DATA: &str = "/home/rootless/.local/share/docker";
/// The data directory of a containerd that the daemon does not run itself.
pub const CONTAINERD_DATA: &str = "/var/lib/containerd";
/// Where certificates are when nothing says otherwise.
pub const CERTIFICATES: &str = "/certs";

/// The first release of docker:dind that makes certificates unasked.
const TLS_UNASKED: u32 = 19;

/// A daemon that a container runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Daemon {
    /// It is a machine with systemd, or a node of kind.
    pub machine: bool,
    /// It is a user's.
    pub rootless: bool,
    /// It serves others: the container has no command of its own.
    pub serves: bool,
    /// Its data directory.
    pub data: String,
    /// How it listens, where the manifest tells.
    pub listening: Option<Listening>,
}

/// How a daemon listens on TCP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listening {
    /// Ports with TLS.
    pub tls: Vec<u16>,
    /// Ports without.
    pub plain: Vec<u16>,
    /// A port without TLS listens on more than the loopback interface.
    pub open: bool,
}

/// The daemon that a container runs, if it runs one. It does when its command starts one; when its
/// image is named for that, and it is not a client with a command of its own; when it has every
/// privilege and a volume on a data directory; and when it is asked for a daemon, or told how one is run.
pub fn recognise(container: &Container) -> Option<Daemon> {
    let tokens = tokens(&container.words);
    let started = starts(&tokens);
    let image = container.reference();
    let words = container.words.first();
    let works = words.is_some_and(|first| !first.starts_with('-')) && !started;
    let told = is_client(container);
    let privileged = container.security.privileged.is_some() || container.runs_in("sysbox");
    let waits = container.env.value("DIND_WAIT") == Some("1");
    let named = image.is_some_and(Reference::daemon) && {
        let official = image.is_some_and(Reference::official);
        !works || waits || (privileged && !official && !told)
    };
    let kept = |path: &str| {
        let on = |source: &Source| !matches!(source, Source::Host(host) if host == path);
        let mut mounts = container.mounts.iter();
        mounts.any(|one| one.path == path && !one.read_only && on(&one.source))
    };
    let data = privileged && !told && (kept(DATA) || kept(ROOTLESS_DATA));
    let own = !works && !told && is_of_this_project(container);
    if !started && !named && !data && !own {
        return None;
    }
    // A daemon of root's has privileges, and nothing to choose.
    let chosen = own && container.security.seccomp && container.security.privileged.is_none();
    let rootless = image.is_some_and(Reference::rootless) || kept(ROOTLESS_DATA) || chosen;
    let machine = image.is_some_and(Reference::machine);
    let node = image.is_some_and(|image| image.repository.ends_with("kindest/node"));
    let usual = match (rootless, node) {
        (true, _) => ROOTLESS_DATA,
        (_, true) => CONTAINERD_DATA,
        _ => DATA,
    };
    let chosen = options(&tokens, &["--data-root", "-g", "--graph"]).pop();
    let chosen = chosen.filter(|path| path.starts_with('/') && !path.contains('$'));
    let data = chosen.map_or(usual, |path| path.trim_end_matches('/'));
    let daemon = Daemon {
        machine,
        rootless,
        serves: !works,
        data: data.to_owned(),
        listening: listening(container, &tokens, machine),
    };
    Some(daemon)
}

/// Whether a container's image is one of this project's with a daemon, by what only those are told.
fn is_of_this_project(container: &Container) -> bool {
    let settings = &container.env.settings;
    settings.keys().any(|name| name.starts_with("DIND_")) || container.asked
}

/// Whether a container is told of a daemon elsewhere; a socket may be that of its own.
pub fn is_client(container: &Container) -> bool {
    let setting = container.env.settings.get("DOCKER_HOST");
    setting.is_some_and(|setting| {
        let value = setting.value.as_deref();
        value.is_none_or(|value| value.starts_with("tcp://") || value.starts_with("ssh://"))
    })
}

/// The words of a command, those of shells' scripts one by one.
pub fn tokens(words: &[String]) -> Vec<&str> {
    let quoted = |c: char| matches!(c, '"' | '\'' | ';' | '(' | ')' | '&' | '|');
    words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .map(|token| token.trim_matches(quoted))
        .filter(|token| !token.is_empty())
        .collect()
}

fn program(token: &str) -> &str {
    token.rsplit('/').next().unwrap_or(token)
}

/// Whether a command starts a daemon, and does not only look for one: `pgrep -x dockerd`.
fn starts(tokens: &[&str]) -> bool {
    let known = ["dockerd", "dockerd-entrypoint.sh", "dockerd-rootless.sh"];
    let asking = [
        "command", "grep", "killall", "pgrep", "pidof", "pkill", "which",
    ];
    let daemon = |(at, token): (usize, &&str)| {
        let mut before = tokens[..at].iter().rev();
        let before = before.find(|token| !token.starts_with('-'));
        let asked = before.is_some_and(|token| asking.contains(&program(token)));
        let wrapper = at == 0 && program(token) == "dind";
        wrapper || (known.contains(&program(token)) && !asked)
    };
    tokens.iter().enumerate().any(daemon)
}

/// Values of an option, in both of its forms.
pub fn options<'a>(tokens: &[&'a str], names: &[&str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        for name in names {
            match token.strip_prefix(name) {
                Some("") => found.extend(tokens.get(at + 1).copied()),
                Some(rest) => found.extend(rest.strip_prefix('=')),
                None => {}
            }
        }
    }
    found
}

fn listening(container: &Container, tokens: &[&str], machine: bool) -> Option<Listening> {
    let configured = tokens
        .iter()
        .any(|token| token.starts_with("--config-file"))
        || container.holding("/etc/docker/daemon.json").is_some();
    let env = &container.env;
    let ports = ["DIND_PORT", "DIND_TLS_PORT", "DIND_DAEMON_JSON"];
    if machine || configured || ports.iter().any(|name| env.settings.contains_key(*name)) {
        return None;
    }
    let hosts = options(tokens, &["-H", "--host"]);
    if hosts.iter().any(|host| host.contains('$')) {
        return None;
    }
    let flag = |token: &&&str| token.starts_with("--tls");
    let off = |token: &&str| token.ends_with("=false");
    let mut listening = Listening::default();
    let explicit = tokens.iter().any(|token| program(token) == "dockerd");
    let mut tls = tokens.iter().filter(flag).any(|token| !off(token));
    if !explicit {
        let certificates = makes_certificates(container);
        if tokens.iter().filter(flag).any(off) && certificates != Some(false) {
            return None;
        }
        match env.value("DIND_LISTEN") {
            Some("unix") => {}
            None if env.settings.contains_key("DIND_LISTEN") => return None,
            _ if certificates? => {
                tls = true;
                listening.tls.push(2376);
            }
            _ => {
                listening.plain.push(2375);
                let address = env.value("DIND_LISTEN_ADDRESS");
                listening.open |= !address.is_some_and(is_local);
            }
        }
    }
    for host in hosts {
        let Some((address, port)) = tcp(host) else {
            continue;
        };
        match tls {
            true => listening.tls.push(port.unwrap_or(2376)),
            false => {
                listening.plain.push(port.unwrap_or(2375));
                listening.open |= !is_local(address);
            }
        }
    }
    Some(listening)
}

/// Whether the entry point makes certificates and listens with TLS; nothing where the manifest does
/// not tell.
fn makes_certificates(container: &Container) -> Option<bool> {
    if let Some(setting) = container.env.settings.get("DOCKER_TLS_CERTDIR") {
        return setting.value.as_deref().map(|value| !value.is_empty());
    }
    let image = container.reference()?;
    let unasked = image.major().is_none_or(|major| major >= TLS_UNASKED);
    (!container.env.open && image.official() && unasked && !image.open).then_some(true)
}

/// Address and port of a host's URL, if it is one of TCP.
pub fn tcp(host: &str) -> Option<(&str, Option<u16>)> {
    let rest = match host.split_once("://") {
        Some(("tcp", rest)) => rest,
        Some(_) => return None,
        None => host,
    };
    let rest = rest.split('/').next().unwrap_or(rest);
    let (address, port) = match rest.rsplit_once(':') {
        Some((address, port)) if !port.contains(']') => (address, port.parse().ok()),
        _ => (rest, None),
    };
    Some((address.trim_matches(['[', ']']), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_starts_a_daemon_or_looks_for_one() {
        for (words, started) in [
            (["sh", "-ec", "dockerd & docker info"].as_slice(), true),
            (
                &["tini", "--", "/usr/local/bin/dockerd-entrypoint.sh"],
                true,
            ),
            (&["dind", "dockerd", "-H", "fd://"], true),
            (&["sh", "-c", "mkdir x; (dockerd-entrypoint.sh)"], true),
            (
                &["sh", "-c", "until pgrep -x dockerd; do sleep 1; done"],
                false,
            ),
            (&["docker", "run", "--name", "dind"], false),
            (&[], false),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(starts(&tokens(&words)), started, "{words:?}");
        }
    }

    #[test]
    fn a_host_has_an_address_and_may_have_a_port() {
        assert_eq!(tcp("tcp://0.0.0.0:2375"), Some(("0.0.0.0", Some(2375))));
        assert_eq!(tcp("tcp://:2376/"), Some(("", Some(2376))));
        assert_eq!(tcp("tcp://[::1]:2375"), Some(("::1", Some(2375))));
        assert_eq!(tcp("tcp://docker"), Some(("docker", None)));
        assert_eq!(tcp("unix:///var/run/docker.sock"), None);
    }
}
