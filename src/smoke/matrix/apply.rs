//! A cell as options of `run`.

use crate::guest::Contract;
use crate::lab::Share;
use crate::recipe::{CgroupNamespace, Profile, SmokeMode, SmokeStorage};

use super::super::engine::RunSpec;
use super::cell::Cell;

/// A data directory on the container's own root: images declare theirs a volume, and a declared
/// volume cannot be had away from the command line.
const LOOP_DATA: &str = "/srv/docker";

/// Where hosts have their control groups (cgroups(7)).
const HIERARCHIES: &str = "/sys/fs/cgroup";

/// Leaves the cluster out of a container that is made for one.
pub(crate) const NO_CLUSTER: &str = "DIND_KIND";

/// What is run beside a daemon that is started with a command; it outlives every check.
const COMMAND: [&str; 2] = ["sleep", "86400"];

/// Gives a container what its cell asks for; `images/README.md` has the variables.
pub(crate) fn apply(cell: &Cell, contract: &Contract, spec: &mut RunSpec) {
    let data = contract.data();
    let namespace = match cell.cgroup {
        CgroupNamespace::Private => "private",
        CgroupNamespace::Host => "host",
        CgroupNamespace::Mounted => {
            spec.binds.push(HIERARCHIES.to_owned());
            "host"
        }
    };
    spec.cgroup_namespace = Some(namespace.to_owned());
    spec.tmpfs.retain(|path| path != data);
    match cell.storage {
        SmokeStorage::Volume => spec.anonymous_volumes.push(data.to_owned()),
        SmokeStorage::Tmpfs => spec.tmpfs.push(data.to_owned()),
        SmokeStorage::Loop => {
            let daemon = serde_json::json!({ "data-root": LOOP_DATA });
            set(spec, "DIND_DAEMON_JSON", &daemon.to_string());
            set(spec, "DIND_STORAGE", "overlay2 loop");
        }
        SmokeStorage::Virtiofs => share(spec, data, Share::XATTR),
        SmokeStorage::VirtiofsMemory => {
            share(spec, data, Share::PLAIN);
            set(spec, "DIND_STORAGE", "overlay2 tmpfs");
        }
        SmokeStorage::VirtiofsLoop => {
            share(spec, data, Share::PLAIN);
            set(spec, "DIND_STORAGE", "overlay2 loop");
        }
        SmokeStorage::VirtiofsRefused => {
            share(spec, data, Share::PLAIN);
            set(spec, "DIND_STORAGE", "overlay2");
        }
    }
    // Only one check is about the cluster, and it takes minutes.
    if contract.profile == Profile::KindCluster.word() {
        set(spec, NO_CLUSTER, "off");
    }
    // What the image chooses by itself is to be proven, not what it is told.
    if cell.iptables.word() != contract.iptables {
        set(spec, "DIND_IPTABLES", cell.iptables.word());
    }
}

/// Puts the data directory on a directory of the machine's host, one for each container.
fn share(spec: &mut RunSpec, data: &str, share: Share) {
    let directory = format!("{}/{}:{data}", share.path(), spec.name);
    spec.binds.push(directory);
}

/// Makes a container start its daemon in the cell's way.
pub(crate) fn start(cell: &Cell, spec: &mut RunSpec) {
    match cell.mode {
        SmokeMode::Daemon => {}
        SmokeMode::Command => {
            set(spec, "DIND_WAIT", "1");
            spec.args = COMMAND.map(str::to_owned).to_vec();
        }
    }
}

fn set(spec: &mut RunSpec, name: &str, value: &str) {
    spec.env.insert(name.to_owned(), value.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = "/var/lib/docker";

    fn spec(name: &str) -> RunSpec {
        let contract: Contract = serde_json::from_value(serde_json::json!({
            "schema": 1, "profile": "dind", "engine": {"name": "docker", "version": "20.10"},
            "distribution": "debian/bookworm", "init": "tini", "iptables": "legacy", "ports": [],
            "volumes": [], "stop-timeout": 10, "privileges": {"privileged": true}
        }))
        .expect("a contract");
        let cell: Cell = name.parse().expect("a cell");
        let mut spec = RunSpec {
            tmpfs: vec!["/run".to_owned(), DATA.to_owned()],
            ..RunSpec::default()
        };
        apply(&cell, &contract, &mut spec);
        start(&cell, &mut spec);
        spec
    }

    fn env(spec: &RunSpec) -> Vec<String> {
        let pairs = spec.env.iter();
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn the_cell_of_defaults_tells_the_guest_nothing() {
        let spec = spec("docker.private.volume.legacy.daemon");
        assert_eq!(spec.cgroup_namespace.as_deref(), Some("private"));
        assert_eq!(spec.anonymous_volumes, [DATA]);
        assert_eq!(spec.tmpfs, ["/run"]);
        assert_eq!(env(&spec), [""; 0]);
        assert_eq!(spec.args, [""; 0]);
    }

    #[test]
    fn each_other_value_is_an_option_or_a_variable() {
        let spec = spec("docker.host.tmpfs.nft.command");
        assert_eq!(spec.cgroup_namespace.as_deref(), Some("host"));
        assert_eq!(spec.tmpfs, ["/run", DATA]);
        assert_eq!(env(&spec), ["DIND_IPTABLES=nft", "DIND_WAIT=1"]);
        assert_eq!(spec.args, COMMAND);
    }

    #[test]
    fn mounted_hierarchies_are_the_hosts_in_its_namespace() {
        let spec = spec("docker.mounted.volume.legacy.daemon");
        assert_eq!(spec.cgroup_namespace.as_deref(), Some("host"));
        assert_eq!(spec.binds, [HIERARCHIES]);
    }

    #[test]
    fn a_share_is_mounted_and_the_guest_is_told_what_is_left() {
        let spec = spec("vm.private.virtiofs.legacy.daemon.bookworm-v2");
        assert_eq!(spec.binds, ["/lab/share/xattr/:/var/lib/docker"]);
        assert_eq!(env(&spec), [""; 0]);
        for (word, rungs) in [
            ("memory", "overlay2 tmpfs"),
            ("loop", "overlay2 loop"),
            ("refused", "overlay2"),
        ] {
            let name = format!("vm.private.virtiofs-{word}.legacy.daemon.bookworm-v2");
            let spec = self::spec(&name);
            assert_eq!(spec.binds, ["/lab/share/plain/:/var/lib/docker"]);
            assert_eq!(env(&spec), [format!("DIND_STORAGE={rungs}")]);
        }
    }

    #[test]
    fn a_data_directory_on_the_root_is_not_the_declared_volume() {
        let spec = spec("docker.private.loop.legacy.daemon");
        assert_eq!(
            env(&spec),
            [
                r#"DIND_DAEMON_JSON={"data-root":"/srv/docker"}"#,
                "DIND_STORAGE=overlay2 loop"
            ]
        );
    }
}
