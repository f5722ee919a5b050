//! Alternatives: what scripts declare to `update-alternatives`, and its links and database.

use std::collections::BTreeMap;

/// One `update-alternatives --install` with its `--slave` links (update-alternatives(1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// The generic name, `/usr/bin/awk`.
    pub link: String,
    /// Its name below `/etc/alternatives`, `awk`.
    pub name: String,
    /// The alternative, `/usr/bin/mawk`.
    pub path: String,
    /// Its priority in automatic mode.
    pub priority: i32,
    /// Links that follow: (generic name, name, path).
    pub slaves: Vec<(String, String, String)>,
}

/// Reads the literal `update-alternatives --install` commands of a maintainer script. Commands
/// with variables in them are not understood and left out; a rule has to cover those.
pub fn declared(script: &str) -> Vec<Declaration> {
    script
        .replace("\\\n", " ")
        .lines()
        .filter_map(|line| {
            let (_, command) = line.split_once("update-alternatives")?;
            if line.trim_start().starts_with('#') || command.contains(['$', '`']) {
                return None;
            }
            declaration(command.split_whitespace())
        })
        .collect()
}

fn declaration<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Declaration> {
    let mut install = None;
    let mut slaves = Vec::new();
    while let Some(word) = words.next() {
        let mut next = || words.next().map(str::to_owned);
        match word {
            "--install" => {
                install = Some((next()?, next()?, next()?, next()?.parse::<i32>().ok()?));
            }
            "--slave" => slaves.push((next()?, next()?, next()?)),
            word if word.starts_with("--") => {}
            _ => break,
        }
    }
    let (link, name, path, priority) = install?;
    Some(Declaration {
        link,
        name,
        path,
        priority,
        slaves,
    })
}

/// One group of alternatives: everything declared under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The generic name.
    pub link: String,
    /// Slave name to its generic name.
    pub slaves: BTreeMap<String, String>,
    /// Alternative path to its priority and its slaves' paths by name.
    pub choices: BTreeMap<String, (i32, BTreeMap<String, String>)>,
    /// The choice an administrator made; `None` is automatic mode.
    pub manual: Option<String>,
}

impl Group {
    /// The alternative in use: the manual choice, or the highest priority, the later in name order
    /// among equals as update-alternatives keeps the first it met only when it is strictly better.
    pub fn current(&self) -> Option<&str> {
        if let Some(manual) = &self.manual {
            return Some(manual);
        }
        let mut best: Option<(&str, i32)> = None;
        for (path, (priority, _)) in &self.choices {
            if best.is_none_or(|(_, highest)| *priority > highest) {
                best = Some((path, *priority));
            }
        }
        best.map(|(path, _)| path)
    }

    /// The links in use: (generic name, name, path), the master first.
    pub fn links(&self, name: &str) -> Vec<(String, String, String)> {
        let Some(current) = self.current() else {
            return Vec::new();
        };
        let mut links = vec![(self.link.clone(), name.to_owned(), current.to_owned())];
        if let Some((_, slaves)) = self.choices.get(current) {
            links.extend(slaves.iter().filter_map(|(slave, path)| {
                Some((self.slaves.get(slave)?.clone(), slave.clone(), path.clone()))
            }));
        }
        links
    }

    /// The file below `/var/lib/dpkg/alternatives` (dpkg, `altdb` format: mode, link, slaves, an
    /// empty line, then each choice with its priority and slave paths, an empty line).
    pub fn database(&self) -> String {
        let mode = if self.manual.is_some() {
            "manual"
        } else {
            "auto"
        };
        let mut text = format!("{mode}\n{}\n", self.link);
        for (name, link) in &self.slaves {
            text.push_str(&format!("{name}\n{link}\n"));
        }
        text.push('\n');
        for (path, (priority, slaves)) in &self.choices {
            text.push_str(&format!("{path}\n{priority}\n"));
            for name in self.slaves.keys() {
                text.push_str(slaves.get(name).map_or("", String::as_str));
                text.push('\n');
            }
        }
        text.push('\n');
        text
    }
}

/// Collects declarations into groups by name.
pub fn groups(declarations: Vec<Declaration>) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for declared in declarations {
        let group = groups.entry(declared.name).or_default();
        group.link = declared.link;
        let mut slaves = BTreeMap::new();
        for (link, name, path) in declared.slaves {
            group.slaves.insert(name.clone(), link);
            slaves.insert(name, path);
        }
        group
            .choices
            .insert(declared.path, (declared.priority, slaves));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!/bin/sh\n\
        if [ \"$1\" = configure ]; then\n\
        \tupdate-alternatives \\\n\
        \t  --install /usr/sbin/iptables iptables /usr/sbin/iptables-legacy 10 \\\n\
        \t  --slave /usr/sbin/iptables-save iptables-save /usr/sbin/iptables-legacy-save\n\
        \tupdate-alternatives --install /usr/sbin/iptables iptables /usr/sbin/iptables-nft 20 \\\n\
        \t  --slave /usr/sbin/iptables-save iptables-save /usr/sbin/iptables-nft-save || true\n\
        \tupdate-alternatives --install \"$X\" y /z 1\n\
        # update-alternatives --install /a b /c 1\n\
        \tupdate-alternatives --remove rename /usr/bin/prename\n\
        fi\n";

    #[test]
    fn literal_commands_are_read_and_others_left() {
        let declared = declared(SCRIPT);
        assert_eq!(declared.len(), 2);
        assert_eq!(declared[1].priority, 20);
        assert_eq!(declared[1].slaves[0].2, "/usr/sbin/iptables-nft-save");
    }

    #[test]
    fn the_database_and_links_follow_the_choice() {
        let mut groups = groups(declared(SCRIPT));
        let group = groups.get_mut("iptables").expect("declared");
        assert_eq!(group.current(), Some("/usr/sbin/iptables-nft"));
        group.manual = Some("/usr/sbin/iptables-legacy".to_owned());
        assert_eq!(
            group.links("iptables")[1],
            (
                "/usr/sbin/iptables-save".to_owned(),
                "iptables-save".to_owned(),
                "/usr/sbin/iptables-legacy-save".to_owned()
            )
        );
        assert_eq!(
            group.database(),
            "manual\n/usr/sbin/iptables\niptables-save\n/usr/sbin/iptables-save\n\n\
             /usr/sbin/iptables-legacy\n10\n/usr/sbin/iptables-legacy-save\n\
             /usr/sbin/iptables-nft\n20\n/usr/sbin/iptables-nft-save\n\n"
        );
    }
}
