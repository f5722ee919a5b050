//! Whether a cell can run on an engine, and if not, why.

use crate::guest::Contract;
use crate::recipe::{CgroupNamespace, SmokeEngine, SmokeStorage};

use super::super::engine::{Capabilities, CgroupNamespaces, EngineInfo, UNSAID, release};
use super::cell::Cell;

/// What an image needs of the engine that runs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needs {
    /// `--privileged`.
    pub privileged: bool,
    /// Less confinement than usual, or devices.
    pub unconfined: bool,
    /// Its root file system is mounted read-only.
    pub read_only: bool,
    /// Its architecture in OCI's words, where it is known.
    pub architecture: Option<String>,
    /// It is handed over, and in no registry that the engine could pull it from.
    pub handed_over: bool,
}

impl Needs {
    /// What an image says of itself.
    pub fn of(contract: &Contract, architecture: Option<String>, handed_over: bool) -> Self {
        Self {
            handed_over,
            privileged: contract.privileges.privileged,
            unconfined: !contract.privileges.unconfined.is_empty()
                || !contract.privileges.devices.is_empty(),
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
    if needs.handed_over
        && let Some(reason) = out_of_reach(engine, capabilities)
    {
        return Some(reason);
    }
    if needs.privileged && !capabilities.privileged {
        return Some(format!("{engine} gives no privileged containers"));
    }
    if needs.unconfined && !capabilities.unconfined {
        return Some(format!(
            "{engine} gives no containers that are confined less and not privileged"
        ));
    }
    if let Some(architecture) = &needs.architecture
        && *architecture != info.architecture
        && info.architecture != UNSAID
    {
        return Some(format!(
            "the image is for {architecture}, {engine} runs on {}",
            info.architecture
        ));
    }
    None
}

/// Why an engine cannot run an image that is in no registry, or nothing.
pub(crate) fn out_of_reach(engine: &str, capabilities: &Capabilities) -> Option<String> {
    (!capabilities.images).then(|| {
        format!("{engine} pulls what it runs: push the image first, and name it by its reference in place of the recipe or archive")
    })
}

/// The control group namespaces that a privileged container can have on an engine that does not
/// let the user choose; nothing for one that does. This is what is known of the engine before it is
/// asked; a test compares it with what the engine says.
pub(crate) fn namespaces(engine: SmokeEngine) -> Option<&'static [CgroupNamespace]> {
    match engine {
        SmokeEngine::Docker | SmokeEngine::Podman | SmokeEngine::Nerdctl | SmokeEngine::Vm => None,
        SmokeEngine::PodmanKube => Some(&[CgroupNamespace::Private, CgroupNamespace::Host]),
        SmokeEngine::Kubernetes => Some(&[CgroupNamespace::Host]),
    }
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
    match capabilities.cgroup_namespaces {
        CgroupNamespaces::Chosen(major, minor) if release(&info.version) < (major, minor) => {
            return Some(format!(
                "{engine} {} cannot choose the control group namespace; {engine} {major}.{minor} and later can",
                info.version
            ));
        }
        CgroupNamespaces::Chosen(..) => {}
        CgroupNamespaces::Given { v1, v2 } => {
            let given = if info.cgroup == "v2" { v2 } else { v1 };
            if cell.cgroup != given {
                return Some(format!(
                    "{engine} cannot choose the control group namespace; privileged containers have the namespace `{given}` here"
                ));
            }
        }
    }
    let (major, minor) = capabilities.memory;
    if cell.storage == SmokeStorage::Tmpfs && release(&info.version) < (major, minor) {
        return Some(format!(
            "{engine} {} puts directories in memory on disk; {major}.{minor} and later does not",
            info.version
        ));
    }
    if cell.storage == SmokeStorage::Loop {
        if needs.read_only {
            return Some(
                "the image runs with a read-only root, so its data directory is never on it"
                    .to_owned(),
            );
        }
        if info.storage == UNSAID {
            return Some(format!("{engine} does not say what its containers lie on"));
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
            unconfined: true,
            networks: true,
            volumes: true,
            restart: true,
            foreground: true,
            images: true,
            memory: (0, 0),
            cgroup_namespaces: CgroupNamespaces::Chosen(20, 10),
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
            unconfined: false,
            read_only: false,
            architecture: Some("amd64".to_owned()),
            handed_over: true,
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
            judge(LOOP, |capabilities, _, needs| {
                (capabilities.unconfined, needs.unconfined) = (false, true);
            }),
            "docker gives no containers that are confined less and not privileged"
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
    fn what_an_engine_decides_by_itself_is_in_the_way_of_the_other_value() {
        let given = |capabilities: &mut Capabilities| {
            capabilities.cgroup_namespaces = CgroupNamespaces::Given {
                v1: CgroupNamespace::Host,
                v2: CgroupNamespace::Private,
            };
        };
        let host = "podman-kube.host.volume.nft.daemon";
        assert_eq!(judge(host, |capabilities, _, _| given(capabilities)), "");
        assert_eq!(
            judge(host, |capabilities, info, _| {
                given(capabilities);
                info.cgroup = "v2".to_owned();
            }),
            "podman-kube cannot choose the control group namespace; privileged containers have the namespace `private` here"
        );
        let memory = "podman-kube.host.tmpfs.nft.daemon";
        assert_eq!(
            judge(memory, |capabilities, info, _| {
                given(capabilities);
                capabilities.memory = (5, 0);
                info.version = "4.3.1".to_owned();
            }),
            "podman-kube 4.3.1 puts directories in memory on disk; 5.0 and later does not"
        );
    }

    #[test]
    fn an_engine_without_a_store_wants_an_image_in_a_registry() {
        let cell = "kubernetes.host.volume.nft.daemon";
        let said = judge(cell, |capabilities, _, _| capabilities.images = false);
        assert!(
            said.starts_with("kubernetes pulls what it runs: push"),
            "{said}"
        );
        let pushed = judge(cell, |capabilities, info, needs| {
            capabilities.images = false;
            needs.handed_over = false;
            info.architecture = UNSAID.to_owned();
        });
        assert_eq!(pushed, "");
        let loops = judge(LOOP, |_, info, _| info.storage = UNSAID.to_owned());
        assert_eq!(loops, "docker does not say what its containers lie on");
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
}
