//! Users of the group `docker` can speak to the daemon.

use super::super::bench::Bench;
use super::{Check, Ruling, has_root_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "group",
    rule: "the group docker exists, and the daemon's socket is its",
    hint: "no group `docker` in /etc/group: the package's account rule was not applied or another /etc/group was mounted, so dockerd made its socket root's alone",
    limit: 60,
    needs: &[],
    applies: has_root_daemon,
    run,
};

const GROUP: &str = "docker";

/// Group, mode and kind of what dockerd listens on for local users.
const SOCKET: &str = "stat -c '%G %a %F' /var/run/docker.sock";

fn run(bench: &Bench<'_>) -> Ruling {
    let groups = bench.inside(&["cat", "/etc/group"])?.text();
    if !groups.lines().any(|line| names(line, GROUP)) {
        return violated(format!("/etc/group has no group `{GROUP}`"));
    }
    let socket = bench.inside(&["sh", "-c", SOCKET])?;
    let seen = socket.text();
    if seen != format!("{GROUP} 660 socket") {
        return violated(format!(
            "/var/run/docker.sock is `{seen}`, expected group {GROUP} and mode 660 {}",
            socket.complaint()
        ));
    }
    held("/var/run/docker.sock is the group's, with mode 660")
}

/// Whether a line of group(5) is about `group`.
fn names(line: &str, group: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name == group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        assert!(names("docker:x:101:", GROUP));
        assert!(!names("docker-users:x:102:", GROUP) && !names("docker", GROUP));
    }
}
