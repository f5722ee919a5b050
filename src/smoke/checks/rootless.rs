//! A daemon of a user who is not root has no more rights than that user.

use super::super::bench::Bench;
use super::super::nested::IMAGE;
use super::{Check, Ruling, held, is_rootless, violated};

pub(super) const CHECK: Check = Check {
    id: "rootless",
    rule: "no process of the container is root's, root of a nested container is a user without rights outside, and commands run as the user",
    hint: "the image was started with `--user 0`, or the user's subordinate ids in /etc/subuid and /etc/subgid are those of the host's own users",
    limit: 120,
    needs: &[],
    applies: is_rootless,
    run,
};

/// The effective users of all processes, each once.
const USERS: &str = "cat /proc/[0-9]*/status 2>/dev/null | sed -n 's/^Uid:[^0-9]*[0-9]*[^0-9]*\\([0-9]*\\).*/\\1/p' | sort -u";

/// What a nested root is in the namespace that the engine gave: the second field of a line.
const MAPPED: &str = "cat /proc/self/uid_map";

fn run(bench: &Bench<'_>) -> Ruling {
    let user = bench.inside(&["id", "-u"])?.text();
    if user == "0" {
        return violated("commands of the container are root's");
    }
    let name = bench.session.name("sleeper");
    let sleeper =
        bench.nested_run(&["--detach", "--rm", "--name", &name, IMAGE, "sleep", "600"])?;
    if !sleeper.status.success() {
        return violated(format!("a nested container: {}", sleeper.complaint()));
    }
    let users = bench.inside(&["sh", "-c", USERS])?.text();
    if users.is_empty() || users.split_whitespace().any(|one| one == "0") {
        return violated(format!(
            "processes of the container are of the users {}, expected none of root",
            users.split_whitespace().collect::<Vec<_>>().join(", ")
        ));
    }
    let map = bench.inside(&["docker", "exec", &name, "sh", "-c", MAPPED])?;
    let removed = bench.inside(&["docker", "rm", "--force", &name])?;
    if !removed.status.success() {
        return violated(removed.complaint());
    }
    match mapped(&map.text(), &user) {
        true => held(format!("root of a nested container is user {user}")),
        false => violated(format!(
            "root of a nested container is mapped as `{}`, expected user {user}: {}",
            map.text(),
            map.complaint()
        )),
    }
}

/// Whether root is `user` in the map of a namespace, user_namespaces(7): first id inside, first id
/// outside, how many.
fn mapped(map: &str, user: &str) -> bool {
    let mut lines = map.lines().map(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next())
    });
    lines.any(|line| line == (Some("0"), Some(user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_the_user_in_the_map_of_a_rootless_engine_alone() {
        let map = "         0       1000          1\n         1     100000      65536";
        assert!(mapped(map, "1000"));
        assert!(!mapped("         0          0 4294967295", "1000"));
        assert!(!mapped("", "1000"));
    }
}
