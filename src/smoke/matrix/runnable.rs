//! Whether a cell can run on an engine, and if not, why.

use crate::guest::Contract;
use crate::recipe::SmokeStorage;

use super::super::engine::{Capabilities, EngineInfo};
use super::cell::Cell;

/// What an image needs of the engine that runs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needs {
    /// `--privileged`.
    pub privileged: bool,
    /// Its root file system is mounted read-only.
    pub read_only: bool,
    /// Its architecture in OCI's words, where it is known.
    pub architecture: Option<String>,
}

impl Needs {
    /// What an image says of itself.
    pub fn of(contract: &Contract, architecture: Option<String>) -> Self {
        Self {
            privileged: contract.privileges.privileged,
            read_only: contract.read_only,
            architecture,
        }
    }
}

/// Why an engine can run no cell of the image, or nothing.
pub(crate) fn unable(
    engine: &str,
    capabilities: &Capabilities,
    info: &EngineInfo,
    needs: &Needs,
) -> Option<String> {
    if needs.privileged && !capabilities.privileged {
        return Some(format!("{engine} gives no privileged containers"));
    }
    if let Some(architecture) = &needs.architecture
        && *architecture != info.architecture
    {
        return Some(format!(
            "the image is for {architecture}, {engine} runs on {}",
            info.architecture
        ));
    }
    None
}

/// Why a cell cannot run on its engine, or nothing.
pub(crate) fn why_not(
    cell: &Cell,
    capabilities: &Capabilities,
    info: &EngineInfo,
    needs: &Needs,
) -> Option<String> {
    let engine = cell.engine;
    if let Some(reason) = unable(engine.word(), capabilities, info, needs) {
        return Some(reason);
    }
    let since = capabilities.cgroup_namespaces;
    if release(&info.version) < since {
        return Some(format!(
            "{engine} {} cannot choose the control group namespace; {engine} {}.{} and later can",
            info.version, since.0, since.1
        ));
    }
    if cell.storage == SmokeStorage::Loop {
        if needs.read_only {
            return Some(
                "the image runs with a read-only root, so its data directory is never on it"
                    .to_owned(),
            );
        }
        if !info.storage.starts_with("overlay") {
            return Some(format!(
                "the containers of {engine} lie on {}, which is no overlay",
                info.storage
            ));
        }
    }
    None
}

/// Major and minor of a version; what is no number counts as 0.
fn release(version: &str) -> (u32, u32) {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(
        name: &str,
        change: impl FnOnce(&mut Capabilities, &mut EngineInfo, &mut Needs),
    ) -> String {
        let cell: Cell = name.parse().expect("a cell");
        let mut capabilities = Capabilities {
            privileged: true,
            networks: true,
            volumes: true,
            restart: true,
            foreground: true,
            cgroup_namespaces: (20, 10),
        };
        let mut info = EngineInfo {
            version: "20.10.24+dfsg1".to_owned(),
            kernel: "6.1".to_owned(),
            cgroup: "v1".to_owned(),
            architecture: "amd64".to_owned(),
            storage: "overlay2".to_owned(),
            cpus: None,
            memory: None,
        };
        let mut needs = Needs {
            privileged: true,
            read_only: false,
            architecture: Some("amd64".to_owned()),
        };
        change(&mut capabilities, &mut info, &mut needs);
        why_not(&cell, &capabilities, &info, &needs).unwrap_or_default()
    }

    const LOOP: &str = "docker.host.loop.nft.command";

    #[test]
    fn a_cell_runs_or_says_what_is_in_its_way() {
        assert_eq!(judge(LOOP, |_, _, _| {}), "");
        assert_eq!(
            judge(LOOP, |capabilities, _, _| capabilities.privileged = false),
            "docker gives no privileged containers"
        );
        assert_eq!(
            judge(LOOP, |_, info, _| info.architecture = "arm64".to_owned()),
            "the image is for amd64, docker runs on arm64"
        );
        assert_eq!(
            judge(LOOP, |_, info, _| info.version = "19.03.15".to_owned()),
            "docker 19.03.15 cannot choose the control group namespace; docker 20.10 and later can"
        );
        assert_eq!(
            judge(LOOP, |_, info, _| info.storage = "btrfs".to_owned()),
            "the containers of docker lie on btrfs, which is no overlay"
        );
        assert!(judge(LOOP, |_, _, needs| needs.read_only = true).contains("read-only root"));
    }

    #[test]
    fn what_the_cell_does_not_need_is_not_in_its_way() {
        let volume = "docker.host.volume.nft.command";
        assert_eq!(
            judge(volume, |_, info, needs| {
                info.storage = "vfs".to_owned();
                needs.read_only = true;
                needs.architecture = None;
            }),
            ""
        );
        assert_eq!(
            judge(LOOP, |capabilities, _, needs| {
                capabilities.privileged = false;
                needs.privileged = false;
            }),
            ""
        );
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert!(release("4.3.1") < release("20.10.0+dfsg1"));
        assert!(release("28.0.0-rc.1") > release("20.10"));
        assert_eq!(release("dev"), (0, 0));
    }
}
