//! The image configuration: how an engine runs the image (image-spec, config.md).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::epoch::Epoch;

/// An image configuration (image-spec, config.md "Properties").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Epoch>,
    /// Who is responsible for the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// CPU architecture as `GOARCH`.
    pub architecture: String,
    /// Operating system as `GOOS`.
    pub os: String,
    /// CPU variant, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// How containers are run.
    #[serde(default)]
    pub config: ContainerConfig,
    /// The layers by content.
    pub rootfs: RootFs,
    /// How each layer came to be, base first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

/// How containers of the image are run (image-spec, config.md "config"). Fields marked *Docker*
/// are not in the OCI specification, but in Docker's, from which it reserves their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerConfig {
    /// User, and group after a colon; by name or number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports, `2376/tcp`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "object_keys")]
    pub exposed_ports: BTreeSet<String>,
    /// Environment, `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub env: Vec<String>,
    /// The program and its first arguments.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub entrypoint: Vec<String>,
    /// Arguments used where the user gives none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub cmd: Vec<String>,
    /// Directories that get a volume.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", with = "object_keys")]
    pub volumes: BTreeSet<String>,
    /// Directory the program starts in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Arbitrary metadata.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "or_null"
    )]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks the program to end.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// How an engine knows that the container is healthy. *Docker*.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Shell of shell-form commands. *Docker*.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_null")]
    pub shell: Vec<String>,
}

/// A health check (Docker image specification v1.2, "Healthcheck").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", …]` or `["NONE"]`.
    pub test: Vec<String>,
    /// Time between checks; whole nanoseconds, zero to inherit.
    #[serde(skip_serializing_if = "Duration::is_zero", with = "nanoseconds")]
    pub interval: Duration,
    /// Time after which a check has failed.
    #[serde(skip_serializing_if = "Duration::is_zero", with = "nanoseconds")]
    pub timeout: Duration,
    /// Time in which failures do not count.
    #[serde(skip_serializing_if = "Duration::is_zero", with = "nanoseconds")]
    pub start_period: Duration,
    /// Consecutive failures that make a container unhealthy; zero to inherit.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: u32,
}

/// The layers by their uncompressed content (image-spec, config.md "rootfs").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the uncompressed layers, base first.
    pub diff_ids: Vec<Digest>,
}

impl RootFs {
    /// Of these layers, base first.
    pub fn of(diff_ids: Vec<Digest>) -> Self {
        Self {
            kind: "layers".to_owned(),
            diff_ids,
        }
    }
}

/// One step in the making of an image (image-spec, config.md "history").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Epoch>,
    /// What made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it changed the configuration only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Go writes `null` for absent lists and maps.
fn or_null<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A set, spelled as an object whose values are empty objects.
mod object_keys {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(serde::Serialize)]
    struct Empty {}

    pub fn serialize<S: Serializer>(set: &BTreeSet<String>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(set.iter().map(|key| (key, Empty {})))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeSet<String>, D::Error> {
        let object = Option::<BTreeMap<String, serde_json::Value>>::deserialize(from)?;
        Ok(object.unwrap_or_default().into_keys().collect())
    }
}

/// A duration, spelled as its nanoseconds.
mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_configuration_prints_in_one_way_and_reads_back() {
        let strings = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        let config = ImageConfig {
            created: Epoch::from_seconds(1_783_764_997),
            author: None,
            architecture: "arm64".to_owned(),
            os: "linux".to_owned(),
            variant: None,
            config: ContainerConfig {
                exposed_ports: BTreeSet::from(["2376/tcp".to_owned(), "2375/tcp".to_owned()]),
                env: strings(&["PATH=/usr/bin", "DOCKER_TLS_CERTDIR=/certs"]),
                entrypoint: strings(&["tini", "-g", "--"]),
                volumes: BTreeSet::from(["/var/lib/docker".to_owned()]),
                labels: BTreeMap::from([
                    ("b".to_owned(), "2".to_owned()),
                    ("a".to_owned(), "1".to_owned()),
                ]),
                stop_signal: "SIGTERM".to_owned(),
                healthcheck: Some(Healthcheck {
                    test: strings(&["CMD", "dindctl", "health"]),
                    interval: Duration::from_secs(30),
                    retries: 3,
                    ..Healthcheck::default()
                }),
                ..ContainerConfig::default()
            },
            rootfs: RootFs::of(vec![Digest::of("")]),
            history: vec![History {
                created_by: "base".to_owned(),
                ..History::default()
            }],
        };
        let json = serde_json::to_string(&config).expect("serialises");
        assert_eq!(
            json,
            concat!(
                r#"{"created":"2026-07-11T10:16:37Z","architecture":"arm64","os":"linux","config":{"#,
                r#""ExposedPorts":{"2375/tcp":{},"2376/tcp":{}},"#,
                r#""Env":["PATH=/usr/bin","DOCKER_TLS_CERTDIR=/certs"],"#,
                r#""Entrypoint":["tini","-g","--"],"Volumes":{"/var/lib/docker":{}},"#,
                r#""Labels":{"a":"1","b":"2"},"StopSignal":"SIGTERM","#,
                r#""Healthcheck":{"Test":["CMD","dindctl","health"],"Interval":30000000000,"#,
                r#""Retries":3}},"rootfs":{"type":"layers","diff_ids":["#,
                r#""sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},"#,
                r#""history":[{"created_by":"base"}]}"#
            )
        );
        assert_eq!(
            serde_json::from_str::<ImageConfig>(&json).expect("reads back"),
            config
        );
    }

    #[test]
    fn nulls_of_other_writers_are_read_as_absent() {
        let json = r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Labels":null,
            "Volumes":null,"OnBuild":null},"rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config: ImageConfig = serde_json::from_str(json).expect("reads");
        assert_eq!(config.config, ContainerConfig::default());
    }
}
