//! What a plan is in the words of container engines.

use serde::Serialize;

use super::choices::{bytes, engine_bytes};
use super::model::{Container, Kind, Volume};
use super::volumes::RUN;

/// Mounts in an engine's words.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Engine {
    /// Those of the daemon that are volumes or of the host.
    pub daemon: Vec<Bind>,
    /// Those of the client.
    pub client: Vec<Bind>,
    /// The daemon's directories in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// The volumes that have names.
    pub named: Vec<String>,
}

/// A volume or a path of the host, mounted.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bind {
    /// `volume` or `bind`.
    pub kind: &'static str,
    /// Whether it is a volume's name.
    pub named: bool,
    /// The volume's name, or the path.
    pub source: String,
    /// The path below the user's home directory; nothing where it is elsewhere.
    pub home: String,
    /// The path inside.
    pub path: String,
    /// Whether it cannot be written there.
    pub read_only: bool,
    /// What it is there for.
    pub note: String,
}

/// A directory in memory.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tmpfs {
    /// The path inside.
    pub path: String,
    /// Options of tmpfs(5).
    pub options: String,
    /// What it is there for.
    pub note: String,
}

impl Engine {
    pub(super) fn of(daemon: &Container, client: &Container, volumes: &[Volume]) -> Self {
        let mut engine = Self::default();
        for volume in volumes {
            if let Kind::Empty { memory: false, .. } = volume.kind {
                engine.named.push(volume.name.clone());
            }
        }
        for (mount, volume) in mounts(daemon, volumes) {
            match &volume.kind {
                Kind::Empty { memory: true, size } => engine.tmpfs.push(Tmpfs {
                    path: mount.path.clone(),
                    // Engines forbid programs there otherwise.
                    options: match bytes(size) {
                        Some(size) => format!("exec,size={}", engine_bytes(size)),
                        // Not everybody's to write, as scratch files' are.
                        None if volume.name == RUN => "exec,mode=755".to_owned(),
                        None => "exec".to_owned(),
                    },
                    note: volume.note.clone(),
                }),
                _ => engine.daemon.push(bind(mount, volume)),
            }
        }
        engine.client = mounts(client, volumes)
            .map(|(mount, volume)| bind(mount, volume))
            .collect();
        engine
    }
}

fn mounts<'a>(
    container: &'a Container,
    volumes: &'a [Volume],
) -> impl Iterator<Item = (&'a super::model::Mount, &'a Volume)> {
    container.mounts.iter().filter_map(|mount| {
        let volume = volumes.iter().find(|volume| volume.name == mount.volume)?;
        Some((mount, volume))
    })
}

fn bind(mount: &super::model::Mount, volume: &Volume) -> Bind {
    let (kind, source) = match &volume.kind {
        Kind::Host { path, .. } => ("bind", path.clone()),
        _ => ("volume", volume.name.clone()),
    };
    Bind {
        kind,
        named: kind == "volume",
        home: source.strip_prefix("~/").unwrap_or_default().to_owned(),
        source,
        path: mount.path.clone(),
        read_only: mount.read_only,
        note: volume.note.clone(),
    }
}

/// Processors in an engine's words: `500m` is `0.5`.
pub(super) fn processors(text: &str) -> String {
    match text
        .strip_suffix('m')
        .and_then(|milli| milli.parse::<f64>().ok())
    {
        Some(milli) => (milli / 1000.0).to_string(),
        None => text.to_owned(),
    }
}
