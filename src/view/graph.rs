//! Which package is there because of which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::packages::Packages;

/// The packages that each package needs, by names.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Of what is installed: of the alternatives of a relation those that are there.
    pub fn of(packages: &Packages) -> Self {
        let mut providers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, one) in &packages.installed {
            let bare = name.split(':').next().unwrap_or(name);
            let names = [name.as_str(), bare];
            for provided in names
                .into_iter()
                .chain(one.provides.iter().map(String::as_str))
            {
                providers.entry(provided).or_default().insert(name);
            }
        }
        let edges = packages.installed.iter().map(|(name, one)| {
            let needed = one.needs.iter().flatten();
            let found = needed.filter_map(|needed| providers.get(needed.as_str()));
            let found = found.flatten().filter(|found| **found != name.as_str());
            (name.clone(), found.map(|&found| found.to_owned()).collect())
        });
        Self {
            edges: edges.collect(),
        }
    }

    /// What a package needs.
    pub fn needs(&self, name: &str) -> impl Iterator<Item = &str> {
        self.edges
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }

    /// What needs a package.
    pub fn needed_by<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let edges = self.edges.iter();
        edges
            .filter(move |(_, needed)| needed.contains(name))
            .map(|(by, _)| by.as_str())
    }

    /// The packages that nothing needs; of packages that need each other, where nothing else needs
    /// one of them, the first.
    pub fn tops(&self) -> BTreeSet<String> {
        let needed: BTreeSet<&str> = self.edges.values().flatten().map(String::as_str).collect();
        let names = self.edges.keys();
        let mut tops: BTreeSet<String> = names
            .clone()
            .filter(|name| !needed.contains(name.as_str()))
            .cloned()
            .collect();
        let mut reached = self.reach(&tops);
        for name in names {
            if !reached.contains(name) {
                tops.insert(name.clone());
                reached.extend(self.reach(&BTreeSet::from([name.clone()])));
            }
        }
        tops
    }

    fn reach(&self, from: &BTreeSet<String>) -> BTreeSet<String> {
        let mut reached = from.clone();
        let mut todo: Vec<String> = from.iter().cloned().collect();
        while let Some(name) = todo.pop() {
            for needed in self.needs(&name) {
                if reached.insert(needed.to_owned()) {
                    todo.push(needed.to_owned());
                }
            }
        }
        reached
    }

    /// The shortest way from one of `from` to a package, both included.
    pub fn chain(&self, from: &BTreeSet<String>, to: &str) -> Option<Vec<String>> {
        let mut before: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut todo: VecDeque<String> = VecDeque::new();
        for name in from.iter().filter(|name| self.edges.contains_key(*name)) {
            before.insert(name.clone(), None);
            todo.push_back(name.clone());
        }
        while let Some(name) = todo.pop_front() {
            if name == to {
                let mut chain = vec![name.clone()];
                let mut at = before.get(&name).cloned().flatten();
                while let Some(name) = at {
                    at = before.get(&name).cloned().flatten();
                    chain.push(name);
                }
                chain.reverse();
                return Some(chain);
            }
            for needed in self.needs(&name) {
                if !before.contains_key(needed) {
                    before.insert(needed.to_owned(), Some(name.clone()));
                    todo.push_back(needed.to_owned());
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Installed, Manager};
    use super::*;

    fn packages(list: &[(&str, &[&str], &[&str])]) -> Packages {
        let installed = list.iter().map(|(name, needs, provides)| {
            let one = Installed {
                version: "1".to_owned(),
                architecture: "amd64".to_owned(),
                size: 0,
                manager: Manager::Dpkg,
                needs: needs.iter().map(|need| vec![(*need).to_owned()]).collect(),
                provides: provides.iter().map(|&name| name.to_owned()).collect(),
            };
            ((*name).to_owned(), one)
        });
        Packages {
            installed: installed.collect(),
            ..Packages::default()
        }
    }

    #[test]
    fn a_package_is_there_by_the_shortest_way_from_a_request() {
        let graph = Graph::of(&packages(&[
            ("docker.io", &["containerd", "adduser"], &[]),
            ("containerd", &["runc", "libc6"], &[]),
            ("runc", &["libc6", "not-there"], &[]),
            ("adduser", &["passwd"], &[]),
            ("passwd", &["libc6"], &[]),
            ("libc6", &["libgcc-s1"], &[]),
            ("libgcc-s1", &["libc6"], &[]),
            ("mawk", &[], &["awk"]),
            ("base-files", &["awk"], &[]),
        ]));
        let from = BTreeSet::from(["docker.io".to_owned(), "base-files".to_owned()]);
        let chain = |to| graph.chain(&from, to).unwrap_or_default().join(" ");
        assert_eq!(chain("libgcc-s1"), "docker.io containerd libc6 libgcc-s1");
        assert_eq!(chain("mawk"), "base-files mawk");
        assert_eq!(chain("docker.io"), "docker.io");
        assert_eq!(graph.chain(&from, "gone"), None);
        let tops: Vec<_> = graph.tops().into_iter().collect();
        assert_eq!(tops, ["base-files", "docker.io"]);
        let by: Vec<_> = graph.needed_by("libc6").collect();
        assert_eq!(by, ["containerd", "libgcc-s1", "passwd", "runc"]);
    }

    #[test]
    fn packages_that_only_need_each_other_have_a_top() {
        let graph = Graph::of(&packages(&[("a", &["b"], &[]), ("b", &["a"], &[])]));
        assert_eq!(graph.tops(), BTreeSet::from(["a".to_owned()]));
    }
}
