//! The packages chosen are those `apt-get install` chooses from the same indices on an empty
//! system.

mod apt;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dindimg::deb::packages::parse_index;
use dindimg::deb::provider::{Request, Universe};
use dindimg::platform::Architecture;

use apt::Root;

/// Where the answers differ: suite, request, and why ours stands. What we choose there is still
/// part of what apt chooses, where it chooses anything.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("bookworm", "sysvinit-core xfce4", ABANDONED),
    ("trixie", "sysvinit-core xfce4", ABANDONED),
    ("bookworm", "sysvinit-core gnome-core", ABANDONED),
    ("bookworm", "libvirt-daemon-system sysvinit-core", ABANDONED),
    (
        "trixie",
        "libvirt-daemon-system sysvinit-core",
        "apt gives up, though there is a way: it does not revise a choice once made",
    ),
];

const ABANDONED: &str =
    "apt keeps packages of a branch that it gave up for a conflict, which nothing needs any more";

/// A suite with apt's answer machine and ours.
struct Bench {
    suite: &'static str,
    architecture: Architecture,
    root: Root,
    universe: Universe,
}

impl Bench {
    fn new(suite: &'static str, architecture: Architecture) -> Self {
        let root = Root::update(suite, architecture.debian());
        let mut universe = Universe::new();
        for (repository, index) in root.indices().iter().enumerate() {
            let records = parse_index(index).unwrap_or_else(|e| panic!("{suite}: {e}"));
            universe.add_index(repository, 500, records);
        }
        Self {
            suite,
            architecture,
            root,
            universe,
        }
    }

    /// Our choice, as `name=version`; none where there is no way.
    fn ours(&self, request: &str) -> Option<BTreeSet<String>> {
        let request = Request {
            origin: "the request".to_owned(),
            architecture: self.architecture,
            include: request
                .split(' ')
                .map(|spec| spec.parse().expect("a package"))
                .collect(),
            drop: BTreeSet::new(),
            recommends: false,
            pins: BTreeMap::new(),
            locked: BTreeMap::new(),
        };
        let selection = self.universe.solve(&request).ok()?;
        let packages = selection.packages.iter().map(|p| &p.record.control);
        Some(
            packages
                .map(|c| format!("{}={}", c.name, c.version))
                .collect(),
        )
    }

    /// One line for the report if the answers differ, and are not known to.
    fn compare(&self, request: &str, theirs: Option<BTreeSet<String>>) -> Option<String> {
        let ours = self.ours(request);
        let known = DIFFERENCES
            .iter()
            .any(|(suite, difference, _)| (*suite, *difference) == (self.suite, request));
        let part = match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => ours.is_subset(theirs),
            (ours, _) => ours.is_some(),
        };
        if ours == theirs || (known && part) {
            return None;
        }
        let place = format!("{} {}: {request}", self.suite, self.architecture.debian());
        let (Some(ours), Some(theirs)) = (&ours, &theirs) else {
            let who = if ours.is_some() { "apt" } else { "we" };
            return Some(format!("{place}: only {who} found no way"));
        };
        let only = |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>();
        Some(format!(
            "{place}: only ours {:?}, only apt's {:?}",
            only(ours, theirs),
            only(theirs, ours)
        ))
    }
}

/// Apt is the oracle: where it cannot be asked there is nothing to pass.
fn ready() {
    assert_eq!(
        apt::missing(),
        None,
        "apt-get install apt debian-archive-keyring"
    );
}

#[test]
fn recipes_choose_what_apt_chooses() {
    ready();
    for suite in ["bullseye", "bookworm", "trixie"] {
        for architecture in Architecture::ALL {
            let bench = Bench::new(suite, architecture);
            let request = requests::recipe(suite);
            let theirs = bench.root.simulate(&request);
            assert!(theirs.as_ref().is_some_and(|p| p.len() > 80), "{request}");
            let difference = bench.compare(&request, theirs);
            assert_eq!(difference, None);
        }
    }
}

#[test]
fn other_requests_choose_what_apt_chooses() {
    ready();
    for suite in ["bookworm", "trixie"] {
        let bench = Bench::new(suite, Architecture::Amd64);
        let requests: Vec<_> = requests::varied(suite).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Vec<String> {
            let mut differences = Vec::new();
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                differences.extend(bench.compare(request, bench.root.resolve(request)));
            }
            differences
        };
        let differences: Vec<_> = thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let results = workers.into_iter().map(|worker| worker.join());
            results.flat_map(|found| found.expect("a worker")).collect()
        });
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
