//! Reading which units scripts enable, and what enabling them links (systemd.unit(5), [Install]).

/// The units a maintainer script enables with debhelper's literal
/// `deb-systemd-helper enable 'UNIT'`, or with `--user` for the manager of each user. Those that it
/// asks about first, `debian-installed 'UNIT'`, are enabled only if they have been before.
pub fn enabled_by(script: &str, user: bool) -> Vec<String> {
    let command = if user {
        "deb-systemd-helper --user enable "
    } else {
        "deb-systemd-helper enable "
    };
    let kept = kept_by(script);
    let mut enabled = named_after(script, command);
    enabled.retain(|unit| !kept.contains(unit));
    enabled
}

/// The units that a script enables only if they have been enabled before.
pub fn kept_by(script: &str) -> Vec<String> {
    named_after(script, "deb-systemd-helper debian-installed ")
}

/// The words after `command`, one a line.
fn named_after(script: &str, command: &str) -> Vec<String> {
    let lines = script.lines().filter_map(|line| {
        let (_, rest) = line.trim().split_once(command)?;
        let unit = rest
            .split_whitespace()
            .next()?
            .trim_matches(['\'', '"', ';']);
        let unit = unit.trim_end_matches(['\'', '"']);
        (!unit.contains('$')).then(|| unit.to_owned())
    });
    lines.collect()
}

/// The units that a script enables with `systemctl enable UNIT`, with whatever options before.
pub fn enabled_by_systemctl(script: &str) -> Vec<String> {
    let calls = script.lines().filter_map(|line| {
        let (_, rest) = line
            .trim()
            .strip_prefix("systemctl ")?
            .split_once("enable ")?;
        let unit = rest.split_whitespace().next()?;
        (!unit.contains('$')).then(|| unit.to_owned())
    });
    calls.collect()
}

/// The template of an instance: `getty@.service` of `getty@tty1.service`, of others the unit itself.
pub fn template_of(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((name, _)), Some((_, kind))) => format!("{name}@.{kind}"),
        _ => unit.to_owned(),
    }
}

/// The links below `/etc/systemd/system` that enabling `unit` makes: its other names first, as
/// deb-systemd-helper has them. A template is wanted as its default instance (systemd.unit(5)).
pub fn installs(unit: &str, text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut wants = Vec::new();
    let mut wanted = unit.to_owned();
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
                "WantedBy" => wants.push(format!("{name}.wants")),
                "RequiredBy" => wants.push(format!("{name}.requires")),
                "Alias" => names.push(name.to_owned()),
                "DefaultInstance" if unit.contains("@.") => {
                    wanted = unit.replace("@.", &format!("@{name}."));
                }
                _ => {}
            }
        }
    }
    let wants = wants
        .iter()
        .map(|directory| format!("{directory}/{wanted}"));
    names.into_iter().chain(wants).collect()
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
                "d.socket",
                "sockets.target.wants/docker.socket",
                "multi-user.target.wants/docker.socket"
            ]
        );
        let getty = "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n";
        assert_eq!(
            installs("getty@.service", getty),
            ["getty.target.wants/getty@tty1.service"]
        );
        assert_eq!(template_of("getty@tty1.service"), "getty@.service");
        assert_eq!(template_of("remote-fs.target"), "remote-fs.target");
    }

    #[test]
    fn a_unit_that_is_kept_if_it_was_enabled_is_not_enabled() {
        let script = "\tif deb-systemd-helper debian-installed 'ssh.socket'; then\n\
                      \t\tdeb-systemd-helper enable 'ssh.socket' >/dev/null || true\n\tfi\n\
                      deb-systemd-helper enable 'ssh.service' >/dev/null || true\n\
                      systemctl ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} enable getty@tty1.service || true\n";
        assert_eq!(enabled_by(script, false), ["ssh.service"]);
        assert_eq!(enabled_by_systemctl(script), ["getty@tty1.service"]);
    }
}
