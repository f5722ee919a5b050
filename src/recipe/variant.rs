//! `[[variant]]`: further images of one recipe file, each an overlay of the recipe.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use super::artifact::RawArtifacts;
use super::content::raw::{RawCa, RawFiles, RawGroups, RawUsers};
use super::merge::{Merge, merge_fields};
use super::preload::RawPreloads;
use super::raw::{RawEngine, RawImage, RawInit, RawIptables, RawPackages, RawRecipe};
use super::settings::{
    RawAudit, RawCompose, RawHardening, RawHealth, RawKind, RawListen, RawNetwork, RawRun,
    RawSmoke, RawStorage, RawTls,
};
use super::values::VariantName;

/// `[[variant]]`: what it names replaces what the recipe says. The distribution is the recipe's,
/// so that all variants share one resolution of its repositories.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawVariant {
    /// Name, which `--variant` selects and which ends the image's tags and file name.
    #[schemars(extend("examples" = ["slim"]))]
    pub name: VariantName,
    /// Names, platforms and tags; without `tags` the recipe's, each followed by `-NAME`.
    #[serde(default)]
    pub image: RawImage,
    /// Packages beyond the profile's.
    #[serde(default)]
    pub packages: RawPackages,
    /// PID 1.
    #[serde(default)]
    pub init: RawInit,
    /// The firewall tools.
    #[serde(default)]
    pub iptables: RawIptables,
    /// Where the inner engine keeps its data.
    #[serde(default)]
    pub storage: RawStorage,
    /// The inner engine.
    #[serde(default)]
    pub engine: RawEngine,
    /// How the daemon and commands start and stop.
    #[serde(default)]
    pub run: RawRun,
    /// Where the daemon is reached.
    #[serde(default)]
    pub listen: RawListen,
    /// The certificates of the TCP listener.
    #[serde(default)]
    pub tls: RawTls,
    /// What nested networks get.
    #[serde(default)]
    pub network: RawNetwork,
    /// Services that are started when the daemon is ready.
    #[serde(default)]
    pub compose: RawCompose,
    /// The Kubernetes cluster of the profile `kind-cluster`.
    #[serde(default)]
    pub kind: RawKind,
    /// How an engine knows that the daemon can be used.
    #[serde(default)]
    pub health: RawHealth,
    /// What the image is closed against.
    #[serde(default)]
    pub hardening: RawHardening,
    /// The cells that `dindimg smoke` proves the image in.
    #[serde(default)]
    pub smoke: RawSmoke,
    /// What `dindimg audit` accepts.
    #[serde(default)]
    pub audit: RawAudit,
    /// Environment variables of the image.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Labels of the image.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Files, directories and links of the variant's own.
    #[serde(default)]
    pub file: RawFiles,
    /// Users.
    #[serde(default)]
    pub users: RawUsers,
    /// Groups.
    #[serde(default)]
    pub groups: RawGroups,
    /// Further certificate authorities.
    #[serde(default)]
    pub ca: RawCa,
    /// Downloads that no package of the distribution has.
    #[serde(default)]
    pub artifact: RawArtifacts,
    /// Images that the engine inside has from its first start on.
    #[serde(default)]
    pub preload: RawPreloads,
}

impl Merge for VariantName {
    fn merge(self, _: Self) -> Self {
        self
    }
}

merge_fields!(RawVariant {
    name,
    image,
    packages,
    init,
    iptables,
    storage,
    engine,
    run,
    listen,
    tls,
    network,
    compose,
    kind,
    health,
    hardening,
    smoke,
    audit,
    env,
    labels,
    file,
    users,
    groups,
    ca,
    artifact,
    preload,
});

impl RawVariant {
    /// The recipe that says what this variant says and nothing else.
    pub(super) fn overlay(&self) -> RawRecipe {
        let Self {
            name: _,
            image,
            packages,
            init,
            iptables,
            storage,
            engine,
            run,
            listen,
            tls,
            network,
            compose,
            kind,
            health,
            hardening,
            smoke,
            audit,
            env,
            labels,
            file,
            users,
            groups,
            ca,
            artifact,
            preload,
        } = self.clone();
        RawRecipe {
            image,
            packages,
            init,
            iptables,
            storage,
            engine,
            run,
            listen,
            tls,
            network,
            compose,
            kind,
            health,
            hardening,
            smoke,
            audit,
            env,
            labels,
            file,
            users,
            groups,
            ca,
            artifact,
            preload,
            ..RawRecipe::default()
        }
    }
}

/// The variants of one file, in its order, each name once.
#[derive(Clone, Debug, Default)]
pub(super) struct RawVariants(pub Vec<RawVariant>);

impl<'de> Deserialize<'de> for RawVariants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let variants = Vec::<RawVariant>::deserialize(deserializer)?;
        for (position, variant) in variants.iter().enumerate() {
            if variants[..position]
                .iter()
                .any(|other| other.name == variant.name)
            {
                return Err(serde::de::Error::custom(format!(
                    "variant `{}` is there twice; give each its own name",
                    variant.name
                )));
            }
        }
        Ok(Self(variants))
    }
}

impl JsonSchema for RawVariants {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variants".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<RawVariant>::json_schema(generator)
    }
}

impl Merge for RawVariants {
    /// Variants of one name are merged; new ones follow.
    fn merge(mut self, over: Self) -> Self {
        for variant in over.0 {
            match self.0.iter_mut().find(|known| known.name == variant.name) {
                Some(known) => *known = known.clone().merge(variant),
                None => self.0.push(variant),
            }
        }
        self
    }
}
