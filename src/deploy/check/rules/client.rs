//! Whether clients speak to daemons as these listen.

use std::net::IpAddr;

use super::super::daemon::{CERTIFICATES, Daemon, Listening, tcp};
use super::super::environment::Setting;
use super::super::image::Reference;
use super::super::model::{Container, Group, Manifest, Mount, Platform, Source, is_local};
use super::super::quoted;
use super::{Found, Level, subject};

/// A client that names a daemon of its own group by host and port.
struct Speech<'m> {
    group: &'m Group,
    client: &'m Container,
    /// Its DOCKER_HOST.
    setting: &'m Setting,
    host: &'m str,
    port: u16,
    container: &'m Container,
    listening: &'m Listening,
}

fn endpoint(client: &Container) -> Option<(&Setting, &str, u16)> {
    let setting = client.env.settings.get("DOCKER_HOST")?;
    let value = setting.value.as_deref()?;
    let (host, port) = tcp(value).filter(|_| value.starts_with("tcp://"))?;
    Some((setting, host, port?))
}

fn speeches(manifest: &Manifest) -> Vec<Speech<'_>> {
    let speech = |(group, client): (_, _)| {
        let (group, client): (&Group, &Container) = (group, client);
        if client.daemon.is_some() {
            return None;
        }
        let (setting, host, port) = endpoint(client)?;
        let (container, daemon): (_, &Daemon) = group.reached(client, host)?;
        Some(Speech {
            group,
            client,
            setting,
            host,
            port,
            container,
            listening: daemon.listening.as_ref()?,
        })
    };
    manifest.containers().filter_map(speech).collect()
}

impl Speech<'_> {
    fn verifies(&self) -> bool {
        let value = self.client.env.value("DOCKER_TLS_VERIFY");
        value.is_some_and(|value| !value.is_empty())
    }

    fn has_tls(&self) -> bool {
        self.listening.tls.contains(&self.port)
    }

    /// That nothing listens where the client looks, or that it speaks the wrong way there.
    fn mismatch(&self) -> Option<String> {
        let plain = self.listening.plain.contains(&self.port);
        if self.has_tls() || (plain && !self.verifies()) {
            return None;
        }
        let host = quoted(self.setting.value.as_deref().unwrap_or_default());
        let daemon = subject(self.group, self.container);
        if plain {
            return Some(format!(
                "asks for TLS at {host}, where {daemon} listens without: the daemon takes what it says for nonsense"
            ));
        }
        // Other ports may be those of a proxy.
        if !matches!(self.port, 2375 | 2376) {
            return None;
        }
        let numbers = |ports: &[u16], how: &str| -> Vec<String> {
            ports.iter().map(|port| format!("{port} {how}")).collect()
        };
        let mut where_ = numbers(&self.listening.tls, "with TLS");
        where_.extend(numbers(&self.listening.plain, "without TLS"));
        let listens = match where_.is_empty() {
            true => "a unix socket alone".to_owned(),
            false => where_.join(" and "),
        };
        Some(format!(
            "looks for a daemon at {host}, and {daemon} listens on {listens}: the connection is refused"
        ))
    }

    /// The directory of certificates at the daemon.
    fn certificates(&self) -> &str {
        let value = self.container.env.value("DOCKER_TLS_CERTDIR");
        let value = value.unwrap_or(CERTIFICATES).trim_end_matches('/');
        if value.is_empty() {
            CERTIFICATES
        } else {
            value
        }
    }
}

/// Clients in pods, Compose files and GitHub's jobs, whose DOCKER_HOST names a daemon beside them.
pub fn directory(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for speech in speeches(manifest) {
        if speech.group.platform == Platform::GitLab {
            continue;
        }
        let title = subject(speech.group, speech.client);
        if let Some(what) = speech.mismatch() {
            let message = format!("{title} {what}");
            found.push(Found::new(&speech.setting.place, message));
        } else if speech.has_tls() {
            found.extend(certificates(&speech, &title));
        }
    }
    found
}

fn certificates(speech: &Speech<'_>, title: &str) -> Option<Found> {
    let (client, container) = (speech.client, speech.container);
    if client.mounts_open || container.mounts_open || client.env.open {
        return None;
    }
    let below = format!("{}/client", speech.certificates());
    let daemon = subject(speech.group, container);
    let wanted = client.env.value("DOCKER_CERT_PATH").map(str::to_owned);
    let wanted = wanted.or_else(|| {
        let official = client.reference().is_some_and(Reference::official);
        let directory = client.env.value("DOCKER_TLS_CERTDIR");
        official.then(|| format!("{}/client", directory.unwrap_or(CERTIFICATES)))
    });
    let brought = |mount: Option<&Mount>| {
        mount.is_some_and(|mount| matches!(mount.source, Source::Other | Source::Host(_)))
    };
    let own = wanted.as_deref().and_then(|path| client.holding(path));
    if brought(own) || brought(container.holding(&below)) {
        return None;
    }
    let Some(theirs) = container.holding(&below) else {
        let message = format!(
            "{title} needs the certificates that {daemon} makes in {below}, which is in no volume: it cannot read them"
        );
        return Some(Found::new(&container.mounts_at, message));
    };
    let same = |mount: &&Mount| {
        let nobodys = Source::Own(String::new());
        mount.source == theirs.source && mount.part == theirs.part && mount.source != nobodys
    };
    let mut shared = client.mounts.iter().filter(same);
    let Some(ours) = shared.next() else {
        let message = format!(
            "{title} needs the certificates of {daemon}, and does not have the volume in which they are: it cannot read them"
        );
        return Some(Found::new(&client.mounts_at, message));
    };
    let rest = &below[theirs.path.len()..];
    let at = format!("{}{rest}", ours.path);
    if let Some(wanted) = wanted.filter(|wanted| wanted.trim_end_matches('/') != at)
        && shared.next().is_none()
    {
        let place = client.env.settings.get("DOCKER_CERT_PATH");
        let place = place.map_or(&ours.place, |setting| &setting.place);
        let message = format!(
            "{title} looks for certificates in {wanted}, and those of {daemon} are in {at}"
        );
        return Some(Found::new(place, message));
    }
    let authority = !rest.is_empty() && !ours.read_only;
    authority.then(|| {
        let message = format!(
            "{title} has all of {} to write, with the key of the authority: it can make certificates for whom it likes, and put others in the daemon's place",
            theirs.path
        );
        let help = "Share the directory of the client's certificates alone, /certs/client, and mount it read-only in clients.";
        Found::new(&ours.place, message).level(Level::Warning).help(help)
    })
}

/// Clients that reach a daemon with TLS by a name that its certificate, made at its start, does not
/// have. Certificates from elsewhere may have any name.
pub fn name(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for speech in speeches(manifest) {
        let (container, host) = (speech.container, speech.host);
        let usual = host == "docker" || is_local(host) || host.parse::<IpAddr>().is_ok();
        let told = ["DOCKER_TLS_SAN", "DIND_TLS_SAN"];
        let told = told
            .iter()
            .any(|name| container.env.settings.contains_key(*name));
        let server = format!("{}/server", speech.certificates());
        let brought = container.holding(&server).is_some_and(|mount| {
            mount.read_only
                || matches!(
                    mount.source,
                    Source::Other | Source::Host(_) | Source::Claim(_)
                )
        });
        let off = speech.client.env.value("DOCKER_TLS_VERIFY") == Some("");
        let open = container.env.open || container.hostname.as_deref() == Some(host);
        if !speech.has_tls() || usual || told || brought || off || open {
            continue;
        }
        let message = format!(
            "{} reaches {} as `{host}`: its certificate is for `docker`, `localhost`, and the container's own name and addresses, so the client refuses it",
            subject(speech.group, speech.client),
            subject(speech.group, container),
        );
        found.push(Found::new(&speech.setting.place, message));
    }
    found
}

/// Jobs of GitLab with a daemon as a service. What a pipeline leaves unsaid may be said by the
/// project or the runner.
pub fn gitlab(manifest: &Manifest) -> Vec<Found> {
    let mut found = Vec::new();
    for speech in speeches(manifest) {
        if speech.group.platform != Platform::GitLab {
            continue;
        }
        if let Some(what) = speech.mismatch() {
            let said = &speech.container.env.settings;
            let level = match said.contains_key("DOCKER_TLS_CERTDIR") {
                true => Level::Error,
                false => Level::Warning,
            };
            let message = format!("the job {what}");
            found.push(Found::new(&speech.setting.place, message).level(level));
        }
    }
    for group in &manifest.groups {
        if group.platform == Platform::GitLab {
            found.extend(unnamed(group));
        }
    }
    found
}

/// A job that looks for `docker` where the only daemon is called something else.
fn unnamed(group: &Group) -> Option<Found> {
    let client = group
        .containers
        .iter()
        .find(|one| one.daemon.is_none() && one.name.is_empty())?;
    let (setting, host, _) = endpoint(client)?;
    let mut daemons = group.daemons();
    let (_, container, _) = daemons.next().filter(|_| daemons.next().is_none())?;
    let known = |one: &Container| one.names.iter().any(|name| name == host);
    let open = container.reference().is_none_or(|image| image.open);
    let other = group.containers.iter().any(known);
    (host == "docker" && !other && !open).then(|| {
        let names: Vec<String> = container
            .names
            .iter()
            .filter(|name| *name != "localhost")
            .map(|name| format!("`{name}`"))
            .collect();
        let message = format!(
            "the job looks for a daemon at `docker`, and {} is reached as {}",
            subject(group, container),
            names.join(", ")
        );
        Found::new(&setting.place, message)
    })
}
