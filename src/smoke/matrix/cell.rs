//! One cell: an image started in one way on one engine.

use std::fmt;
use std::str::FromStr;

use crate::recipe::{
    CgroupNamespace, IptablesBackend, PartialCell, SmokeEngine, SmokeHost, SmokeMode, SmokeStorage,
    suggest,
};

/// A dimension of the matrix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Axis {
    /// Which engine runs the image.
    Engine,
    /// Whose control groups its container sees.
    Cgroup,
    /// What its data directory lies on.
    Storage,
    /// Which iptables backend the guest uses.
    Iptables,
    /// How it is started.
    Mode,
    /// Which machine the engine `vm` is.
    Host,
}

impl Axis {
    /// Every axis, in the order of a cell's name.
    pub const ALL: [Self; 6] = [
        Self::Engine,
        Self::Cgroup,
        Self::Storage,
        Self::Iptables,
        Self::Mode,
        Self::Host,
    ];

    /// The word for `--axis` and of fan-outs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Cgroup => "cgroup",
            Self::Storage => "storage",
            Self::Iptables => "iptables",
            Self::Mode => "mode",
            Self::Host => "host",
        }
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = || Self::ALL.into_iter().map(Self::word);
        Self::ALL
            .into_iter()
            .find(|axis| axis.word() == text)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not an axis of the matrix (one of {}){}",
                    words().collect::<Vec<_>>().join(", "),
                    suggest::hint(text, words())
                )
            })
    }
}

/// One value of each axis. Its name, `docker.private.volume.legacy.daemon`, is what `--cell`
/// takes and reports carry; that of a cell in a machine ends in the machine's,
/// `vm.private.volume.legacy.daemon.bookworm-v2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cell {
    /// The engine that runs the image.
    pub engine: SmokeEngine,
    /// The control group namespace of its container.
    pub cgroup: CgroupNamespace,
    /// What its data directory lies on.
    pub storage: SmokeStorage,
    /// The iptables backend of the guest.
    pub iptables: IptablesBackend,
    /// How it is started.
    pub mode: SmokeMode,
    /// The machine of the engine `vm`; of others where they are.
    pub host: SmokeHost,
}

impl Cell {
    /// The words of the cell, in the order of [`Axis::ALL`], but for the host.
    pub fn words(&self) -> [&'static str; 5] {
        [
            self.engine.word(),
            self.cgroup.word(),
            self.storage.word(),
            self.iptables.word(),
            self.mode.word(),
        ]
    }

    /// This cell with what `over` says.
    pub(super) fn with(self, over: &PartialCell) -> Self {
        Self {
            engine: over.engine.unwrap_or(self.engine),
            cgroup: over.cgroup.unwrap_or(self.cgroup),
            storage: over.storage.unwrap_or(self.storage),
            iptables: over.iptables.unwrap_or(self.iptables),
            mode: over.mode.unwrap_or(self.mode),
            host: over.host.unwrap_or(self.host),
        }
    }

    /// Whether the cell has every value that `partial` names.
    pub(super) fn has(&self, partial: &PartialCell) -> bool {
        self.with(partial) == *self
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join("."))?;
        match self.host {
            SmokeHost::Here => Ok(()),
            host => write!(f, ".{host}"),
        }
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split('.').collect();
        let ([engine, cgroup, storage, iptables, mode]
        | [engine, cgroup, storage, iptables, mode, _]) = words[..]
        else {
            return Err(format!(
                "`{text}` is not a cell; its name is {} with dots between, as in `docker.private.volume.legacy.daemon`, the host only of the engine vm",
                Axis::ALL.map(Axis::word).join(", ")
            ));
        };
        let engine: SmokeEngine = engine.parse()?;
        let host = match (engine, words.get(5)) {
            (SmokeEngine::Vm, None) => {
                return Err(format!(
                    "`{text}` does not say which machine; add a host, as in `{text}.{}`",
                    SmokeHost::BookwormV2
                ));
            }
            (_, None) => SmokeHost::Here,
            (_, Some(host)) => host.parse()?,
        };
        Ok(Self {
            engine,
            cgroup: cgroup.parse()?,
            storage: storage.parse()?,
            iptables: iptables.parse()?,
            mode: mode.parse()?,
            host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_its_name() {
        let name = "podman.host.loop.nft.command";
        let cell: Cell = name.parse().expect("a cell");
        assert_eq!(cell.to_string(), name);
        assert_eq!(cell.engine, SmokeEngine::Podman);
        assert_eq!(
            (cell.storage, cell.host),
            (SmokeStorage::Loop, SmokeHost::Here)
        );
        let name = "vm.private.virtiofs-loop.legacy.daemon.trixie-v2";
        let cell: Cell = name.parse().expect("a cell");
        assert_eq!(cell.to_string(), name);
        assert_eq!(cell.host, SmokeHost::TrixieV2);
    }

    #[test]
    fn names_that_are_none_are_refused_with_the_nearest_word() {
        for (name, part) in [
            ("docker", "is not a cell; its name is engine, cgroup"),
            ("dokcer.host.loop.nft.command", "did you mean `docker`?"),
            (
                "docker.hots.loop.nft.command",
                "`hots` is not a control group namespace",
            ),
            ("docker.host.lop.nft.command", "did you mean `loop`?"),
            ("docker.host.loop.nf.command", "did you mean `nft`?"),
            ("docker.host.loop.nft.deamon", "did you mean `daemon`?"),
            (
                "vm.host.loop.nft.daemon",
                "add a host, as in `vm.host.loop.nft.daemon.bookworm-v2`",
            ),
            (
                "vm.host.loop.nft.daemon.trixie-2",
                "did you mean `trixie-v2`?",
            ),
        ] {
            let error = name.parse::<Cell>().expect_err(name);
            assert!(error.contains(part), "{error}");
        }
        let error = "storag".parse::<Axis>().expect_err("no axis");
        assert!(error.ends_with("did you mean `storage`?"), "{error}");
    }

    #[test]
    fn a_cell_has_what_it_is_laid_under() {
        let cell: Cell = "docker.private.volume.legacy.daemon".parse().expect("cell");
        let over = PartialCell {
            storage: Some(SmokeStorage::Tmpfs),
            ..PartialCell::default()
        };
        assert!(!cell.has(&over));
        let other = cell.with(&over);
        assert_eq!(other.to_string(), "docker.private.tmpfs.legacy.daemon");
        assert!(other.has(&over) && other.has(&PartialCell::default()));
    }
}
