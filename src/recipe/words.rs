//! The recipe's closed vocabularies. Each parses itself and names its choices when it cannot.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::suggest;

/// Declares an enum whose words are written exactly as given, with an error that lists them.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// Every choice, in the same order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as recipes write it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!(
                        concat!("`{}` is not ", $what, " (one of {}){}"),
                        text,
                        Self::WORDS.join(", "),
                        suggest::hint(text, Self::WORDS.iter().copied()),
                    )),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        crate::text::serde_as_text!($name);

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": Self::WORDS })
            }
        }
    };
}

pub(super) use vocabulary;

vocabulary! {
    /// What an image is for: which packages and which guest runtime it gets.
    Profile, "a profile" {
        /// A Docker daemon in a container, a drop-in for `docker:dind`.
        Dind = "dind",
        /// Docker's client with its plugins, a drop-in for `docker:cli`: the work container beside
        /// a daemon.
        Cli = "cli",
        /// A container that is like a machine: systemd, journal, SSH, and a Docker daemon started by
        /// its socket.
        Vmlc = "vmlc",
        /// A Docker daemon of a user who is not root, in a container without privileges: a drop-in
        /// for `docker:dind-rootless`.
        Rootless = "rootless",
        /// A Docker daemon that holds a Kubernetes cluster, which kind makes when the container
        /// starts.
        KindCluster = "kind-cluster",
    }
}

impl Profile {
    /// Whether a daemon of its own runs in the container.
    pub fn has_daemon(self) -> bool {
        match self {
            Self::Dind | Self::Vmlc | Self::Rootless | Self::KindCluster => true,
            Self::Cli => false,
        }
    }

    /// Whether the entry point waits for the daemon, so that it can load images and start services.
    pub fn is_supervised(self) -> bool {
        match self {
            Self::Dind | Self::Rootless | Self::KindCluster => true,
            Self::Vmlc | Self::Cli => false,
        }
    }
}

vocabulary! {
    /// What a profile adds beside the engine.
    Userland, "a userland" {
        /// A base image: package manager, shell and the tools that pipelines use.
        Standard = "standard",
        /// What the daemon and the guest runtime need, and nothing else.
        Slim = "slim",
    }
}

vocabulary! {
    /// The program that is PID 1.
    InitKind, "an init" {
        /// `tini`, signalling the whole process group.
        Tini = "tini",
        /// `dumb-init`.
        DumbInit = "dumb-init",
        /// `catatonit`.
        Catatonit = "catatonit",
        /// systemd, of the profile `vmlc` alone.
        Systemd = "systemd",
    }
}

vocabulary! {
    /// The package that brings the inner engine.
    EnginePackage, "an engine package" {
        /// Debian's own Docker.
        DockerIo = "docker.io",
        /// Alpine's own Docker.
        DockerEngine = "docker-engine",
        /// Docker's own packages, from a repository that the recipe names.
        DockerCe = "docker-ce",
    }
}

vocabulary! {
    /// Which iptables implementation the image selects.
    IptablesBackend, "an iptables backend" {
        /// The `x_tables` kernel interface.
        Legacy = "legacy",
        /// The `nf_tables` kernel interface.
        Nft = "nft",
        /// Chosen at start by a functional probe.
        Auto = "auto",
    }
}

vocabulary! {
    /// What the guest tries when the data directory cannot hold an overlay.
    StorageFallback, "a storage fallback" {
        /// An ext4 file system in a sparse file, mounted over the data directory.
        Loop = "loop",
        /// A tmpfs over the data directory: volatile, costs memory.
        Tmpfs = "tmpfs",
        /// The FUSE implementation of overlayfs.
        FuseOverlayfs = "fuse-overlayfs",
    }
}

vocabulary! {
    /// When a user's command waits for the daemon.
    RunWait, "a wait mode" {
        /// `docker …` waits, other commands run at once.
        Command = "command",
        /// Every command waits.
        Always = "always",
    }
}

vocabulary! {
    /// The TCP listener of the daemon.
    ListenTcp, "a TCP listener" {
        /// With client certificates.
        Tls = "tls",
        /// Without protection.
        Plain = "plain",
        /// None: the unix socket alone.
        Off = "off",
    }
}

vocabulary! {
    /// Whether nested containers get IPv6.
    Ipv6, "a choice of IPv6" {
        /// Where the outer network has it and the engine translates its addresses without being
        /// experimental, from Docker 27.
        Auto = "auto",
        /// Always: a start without it is an error.
        On = "on",
        /// Never.
        Off = "off",
    }
}

vocabulary! {
    /// Kind of the private keys the guest makes.
    KeyKind, "a kind of key" {
        /// NIST P-256.
        Ecdsa = "ecdsa",
        /// RSA of 3072 bits.
        Rsa = "rsa",
    }
}

vocabulary! {
    /// A storage driver of the inner engine that a recipe can insist on.
    StorageDriver, "a storage driver" {
        /// The kernel's overlay file system.
        Overlay2 = "overlay2",
        /// The FUSE implementation of overlayfs.
        FuseOverlayfs = "fuse-overlayfs",
        /// A copy of every layer, by the older image store.
        Vfs = "vfs",
        /// A copy of every layer, by containerd's image store.
        Native = "native",
    }
}

vocabulary! {
    /// Which defaults the keys of `[hardening]` have.
    HardeningLevel, "a level of hardening" {
        /// What every image can have.
        Standard = "standard",
        /// More, at a cost.
        Strict = "strict",
    }
}

vocabulary! {
    /// A log driver whose files can be bounded.
    LogDriver, "a bounded log driver" {
        /// Compressed files of the daemon's own format.
        Local = "local",
        /// JSON lines, as other programs read them.
        JsonFile = "json-file",
    }
}

vocabulary! {
    /// An engine that an image is proven on.
    SmokeEngine, "an engine" {
        /// Docker, by its command line.
        Docker = "docker",
        /// Podman, by its command line.
        Podman = "podman",
        /// containerd, by nerdctl's command line.
        Nerdctl = "nerdctl",
        /// Podman as a reader of Kubernetes' manifests, `podman kube play`.
        PodmanKube = "podman-kube",
        /// A cluster, by kubectl.
        Kubernetes = "kubernetes",
        /// A virtual machine, whose Docker is the image's own.
        Vm = "vm",
    }
}

vocabulary! {
    /// What an outer container sees of control groups: `run --cgroupns`, and the host's directory.
    CgroupNamespace, "a control group namespace" {
        /// One of its own.
        Private = "private",
        /// The host's.
        Host = "host",
        /// The host's, with the host's hierarchies mounted over those of the engine.
        Mounted = "mounted",
    }
}

vocabulary! {
    /// What the data directory of an image under test lies on.
    SmokeStorage, "a storage of the smoke matrix" {
        /// A volume of the outer engine.
        Volume = "volume",
        /// Memory, `run --tmpfs`.
        Tmpfs = "tmpfs",
        /// The container's own root, an overlay, so that the guest ends on a loop file.
        Loop = "loop",
        /// virtiofs with extended attributes, which can hold an overlay.
        Virtiofs = "virtiofs",
        /// virtiofs without them, as Kata Containers share it; the guest puts memory over it.
        VirtiofsMemory = "virtiofs-memory",
        /// The same, with a loop file on it.
        VirtiofsLoop = "virtiofs-loop",
        /// The same, with nothing to fall back to: the start has to be refused.
        VirtiofsRefused = "virtiofs-refused",
    }
}

impl SmokeStorage {
    /// What every engine has.
    pub const COMMON: &'static [Self] = &[Self::Volume, Self::Tmpfs, Self::Loop];

    /// Whether it ends with the container.
    pub fn is_memory(self) -> bool {
        matches!(self, Self::Tmpfs | Self::VirtiofsMemory)
    }

    /// Whether it is a directory that a machine shares with its host.
    pub fn is_virtiofs(self) -> bool {
        !Self::COMMON.contains(&self)
    }
}

vocabulary! {
    /// The host of an engine: this one, or a machine with the kernel of a Debian suite and these
    /// control groups.
    SmokeHost, "a host" {
        /// Where the engine is.
        Here = "here",
        /// Linux 6.1, version 2.
        BookwormV2 = "bookworm-v2",
        /// Linux 6.1, version 1.
        BookwormV1 = "bookworm-v1",
        /// Linux 6.1, version 1 and an empty version 2 beside it.
        BookwormHybrid = "bookworm-hybrid",
        /// Linux 6.12, version 2.
        TrixieV2 = "trixie-v2",
        /// Linux 6.12, version 1.
        TrixieV1 = "trixie-v1",
        /// Linux 6.12, version 1 and an empty version 2 beside it.
        TrixieHybrid = "trixie-hybrid",
        /// Linux 5.10, version 2.
        BullseyeV2 = "bullseye-v2",
        /// Linux 5.10, version 1.
        BullseyeV1 = "bullseye-v1",
        /// Linux 5.10, version 1 and an empty version 2 beside it.
        BullseyeHybrid = "bullseye-hybrid",
    }
}

vocabulary! {
    /// How an image under test is started.
    SmokeMode, "a form of start" {
        /// Without arguments: the daemon is what runs.
        Daemon = "daemon",
        /// With a command, which has the daemon beside it.
        Command = "command",
    }
}
