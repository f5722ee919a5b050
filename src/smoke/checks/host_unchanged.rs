//! A privileged container can change its host; this one does not.

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::super::host::Host;
use super::{Check, Ruling, has_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "host-unchanged",
    rule: "the host's sysctls, binary formats, control group hierarchies and policies of iptables are as before",
    hint: "something in the image writes below /proc/sys or mounts hierarchies of its own: systemd without its masks, a program in /etc/dind/pre.d, or sysctl settings of a package",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

fn run(bench: &Bench<'_>) -> Ruling {
    let Some(before) = &bench.host else {
        return Err(CheckError::Unproven(
            "the engine's containers do not run on this machine, whose settings could be compared"
                .to_owned(),
        ));
    };
    let changes = before.changes(&Host::read());
    if !changes.is_empty() {
        return violated(changes.join("; "));
    }
    held(match before.has_filters() {
        true => "sysctls, binary formats, hierarchies and policies of iptables are as before",
        false => {
            "sysctls, binary formats and hierarchies are as before; iptables needs root to be read"
        }
    })
}
