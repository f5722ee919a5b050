//! Reading which units scripts enable, and what enabling them links (systemd.unit(5), [Install]).

/// The units a maintainer script enables with debhelper's literal
/// `deb-systemd-helper enable 'UNIT'`, or with `--user` for the manager of each user.
pub fn enabled_by(script: &str, user: bool) -> Vec<String> {
    let command = if user {
        "deb-systemd-helper --user enable "
    } else {
        "deb-systemd-helper enable "
    };
    script
        .lines()
        .filter_map(|line| {
            let (_, rest) = line.trim().split_once(command)?;
            let unit = rest.split_whitespace().next()?.trim_matches(['\'', '"']);
            (!unit.contains('$')).then(|| unit.to_owned())
        })
        .collect()
}

/// The links below `/etc/systemd/system` that enabling `unit` makes.
pub fn installs(unit: &str, text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_install = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_install = line == "[Install]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| in_install) else {
            continue;
        };
        for name in value.split_whitespace() {
            match key.trim() {
                "WantedBy" => links.push(format!("{name}.wants/{unit}")),
                "RequiredBy" => links.push(format!("{name}.requires/{unit}")),
                "Alias" => links.push(name.to_owned()),
                _ => {}
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enablement_is_read_from_the_script_and_the_unit() {
        let script = "\t\tdeb-systemd-helper enable 'docker.socket' >/dev/null || true\n\
                      deb-systemd-helper --user enable 'agent.socket'\n\
                      deb-systemd-helper unmask 'x.service'\n";
        assert_eq!(enabled_by(script, false), ["docker.socket"]);
        assert_eq!(enabled_by(script, true), ["agent.socket"]);
        let unit = "[Unit]\nWantedBy=no\n[Install]\nWantedBy=sockets.target multi-user.target\nAlias=d.socket\n";
        assert_eq!(
            installs("docker.socket", unit),
            [
                "sockets.target.wants/docker.socket",
                "multi-user.target.wants/docker.socket",
                "d.socket"
            ]
        );
    }
}
