//! What runtimes of containers give that others have to be granted.

use super::model::Security;
use crate::guest::{Confinement, Contract};

/// What gVisor gives a daemon in place of privileges (gvisor.dev, "Docker in gVisor").
const GVISOR: [&str; 17] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_PTRACE",
];

/// Whether a runtime gives every container a user namespace and the illusion of a host.
pub(super) fn is_sysbox(runtime: &str) -> bool {
    runtime.starts_with("sysbox")
}

/// Whether a runtime is gVisor, whose kernel is a program.
pub(super) fn is_gvisor(runtime: &str) -> bool {
    matches!(runtime, "gvisor" | "runsc")
}

/// Whether a runtime is a virtual machine whose directories are the host's by virtiofs.
pub(super) fn is_kata(runtime: &str) -> bool {
    runtime.contains("kata")
}

/// What the image says that it needs; less where the runtime gives it.
pub(super) fn security(contract: &Contract, runtime: &str) -> Security {
    let privileges = &contract.privileges;
    let open = |what| privileges.unconfined.contains(&what);
    let security = Security {
        privileged: privileges.privileged,
        seccomp: open(Confinement::Seccomp),
        apparmor: open(Confinement::Apparmor),
        selinux: open(Confinement::Selinux),
        proc: open(Confinement::Proc),
        devices: privileges.devices.clone(),
        capabilities: Vec::new(),
        unconfined: privileges.unconfined.iter().map(|it| it.lifted()).collect(),
        read_only: false,
    };
    match runtime {
        runtime if is_sysbox(runtime) => Security::default(),
        runtime if is_gvisor(runtime) && security.privileged => Security {
            privileged: false,
            capabilities: GVISOR.map(str::to_owned).to_vec(),
            ..security
        },
        _ => security,
    }
}
