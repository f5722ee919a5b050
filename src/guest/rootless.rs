//! A daemon of a user who is not root: who that is, where it keeps its things, what it needs.

use crate::recipe::DAEMON_UID;

use super::label::{Confinement, Privileges, ROOTLESS_DATA};
use super::profile::{CERTIFICATES, Directory, Runtime, STEPS, owned};

/// The directory of sockets and state (XDG Base Directory Specification).
const RUN: &str = "/run/user/1000";
/// The user's home directory, which dockerd writes its settings below.
const HOME: &str = "/home/rootless";
/// The network device of slirp4netns(1).
const TUN: &str = "/dev/net/tun";

/// `CAP_SETGID` and `CAP_SETUID` (capabilities(7)).
const SETGID: u32 = 6;
/// See [`SETGID`].
const SETUID: u32 = 7;

/// What the user owns: the root of the home directory comes with the account.
const OWN: [Directory; 7] = [
    // An engine makes a volume like the directory that it covers: root's where there is none.
    owned("certs/ca", 0o755, DAEMON_UID),
    owned("run/user", 0o1777, 0),
    owned("run/user/1000", 0o700, DAEMON_UID),
    owned("home/rootless/.local", 0o700, DAEMON_UID),
    owned("home/rootless/.local/share", 0o700, DAEMON_UID),
    owned("home/rootless/.local/share/docker", 0o710, DAEMON_UID),
    owned("home/rootless/.config", 0o700, DAEMON_UID),
];

/// A daemon's runtime as such a user's.
///
/// newuidmap(1) as Debian and Alpine build it has to be run by the owner of the namespace it writes
/// to, or by somebody with `CAP_SYS_ADMIN`: so with a set-user-id bit it fails in a container, and
/// with the one capability in its file it does not (user_namespaces(7), "Defining user and group ID
/// mappings").
pub(super) fn rootless(mut runtime: Runtime) -> Runtime {
    for (name, value) in [
        ("HOME", HOME.to_owned()),
        ("XDG_RUNTIME_DIR", RUN.to_owned()),
        ("DIND_RUN_DIR", format!("{RUN}/dind")),
        ("DOCKER_HOST", format!("unix://{RUN}/docker.sock")),
    ] {
        runtime.environment.entry(name.to_owned()).or_insert(value);
    }
    if !runtime.volumes.is_empty() {
        runtime.volumes = vec![ROOTLESS_DATA.to_owned()];
    }
    Runtime {
        directories: [&CERTIFICATES[..], &STEPS, &OWN].concat(),
        parts: vec!["common", "dind", "rootless"],
        user: DAEMON_UID.to_string(),
        capabilities: vec![("usr/bin/newuidmap", SETUID), ("usr/bin/newgidmap", SETGID)],
        ..runtime
    }
}

/// What is written at run time and is no volume.
pub(super) fn writable(volume: bool) -> Vec<String> {
    let config = format!("{HOME}/.config");
    let data = Some(ROOTLESS_DATA).filter(|_| !volume);
    ["/certs", RUN, "/tmp", &config]
        .into_iter()
        .chain(data)
        .map(str::to_owned)
        .collect()
}

/// What the outer engine has to grant, each found by leaving it away.
pub(super) fn privileges() -> Privileges {
    Privileges {
        privileged: false,
        unconfined: vec![
            Confinement::Seccomp,
            Confinement::Apparmor,
            Confinement::Selinux,
            Confinement::Proc,
        ],
        devices: vec![TUN.to_owned()],
    }
}
