//! The host below an engine, as far as every user can read it: what a privileged container could
//! change there, and what it could leave behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Command;

/// Identifies a boot of a kernel (random(4)); the same inside of containers.
pub(super) const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

const SYSCTLS: &str = "/proc/sys";
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";
const HIERARCHIES: &str = "/proc/cgroups";
const GROUPS: &str = "/sys/fs/cgroup";
const MOUNTS: &str = "/proc/self/mountinfo";
const INTERFACES: &str = "/sys/class/net";

/// What prints the packet filters, both families and both backends (iptables-save(8)).
const FILTERS: [&str; 4] = [
    "iptables-legacy-save",
    "iptables-nft-save",
    "ip6tables-legacy-save",
    "ip6tables-nft-save",
];

/// Bound on one of them.
const FILTER: Duration = Duration::from_secs(10);

/// Digits of a network's id that the name of its bridge has (libnetwork, `bridge`).
const SHORT: usize = 12;

/// Values that the kernel itself changes all the time, and those of interfaces, which come and go
/// with every container of the engine.
const RESTLESS: [&str; 21] = [
    "abi/vsyscall32",
    "fs/aio-nr",
    "fs/binfmt_misc",
    "fs/dentry-state",
    "fs/file-nr",
    "fs/inode-nr",
    "fs/inode-state",
    "fs/quota",
    "kernel/hung_task_warnings",
    "kernel/ns_last_pid",
    "kernel/perf_event_max_sample_rate",
    "kernel/pty/nr",
    "kernel/random",
    "kernel/sched_domain",
    "kernel/tainted",
    "net/ipv4/conf",
    "net/ipv4/neigh",
    "net/ipv6/conf",
    "net/ipv6/neigh",
    "net/netfilter/nf_conntrack_count",
    "vm/stat_refresh",
];

/// Entries of control groups looked at; a host with more is not searched to its end.
const GROUP_LIMIT: usize = 1_000_000;

/// What a privileged container could change of a host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Host {
    sysctls: BTreeMap<String, String>,
    binfmt: BTreeSet<String>,
    /// Controllers and the hierarchy each is in (cgroups(7), `/proc/cgroups`).
    hierarchies: BTreeMap<String, String>,
    /// What becomes of packets that no rule takes, by program, table and chain; none where packet
    /// filters cannot be read, as without root.
    policies: Option<BTreeMap<String, String>>,
}

impl Host {
    /// The host as it is now.
    pub(super) fn read() -> Self {
        let mut sysctls = BTreeMap::new();
        values(Path::new(SYSCTLS), Path::new(""), &mut sysctls);
        Self {
            sysctls,
            binfmt: names(BINFMT),
            hierarchies: hierarchies(&text(HIERARCHIES)),
            policies: filters().map(|saved| policies(&saved)),
        }
    }

    /// Whether packet filters were read.
    pub(super) fn has_filters(&self) -> bool {
        self.policies.is_some()
    }

    /// What is different in `later`, each as a sentence. Values that are there in one of them only
    /// come and go with modules of the kernel, which an engine may have loaded.
    pub(super) fn changes(&self, later: &Self) -> Vec<String> {
        let sysctls = self.sysctls.iter().filter_map(|(name, before)| {
            let after = later.sysctls.get(name)?;
            (before != after).then(|| format!("{name} was {before} and is {after}"))
        });
        let binfmt = self.binfmt.symmetric_difference(&later.binfmt);
        let binfmt = binfmt.map(|name| format!("the binary format {name} came or went"));
        let hierarchies = self.hierarchies.iter().filter_map(|(controller, before)| {
            let after = later.hierarchies.get(controller)?;
            (before != after).then(|| {
                format!("the controller {controller} was in hierarchy {before} and is in {after}")
            })
        });
        let lost = self.policies.is_some() && later.policies.is_none();
        let lost = lost.then(|| "packet filters could be read before, and cannot now".to_owned());
        let policies = self.policies.iter().flatten();
        let policies = policies.filter_map(|(chain, before)| {
            let after = later.policies.as_ref()?.get(chain)?;
            (before != after).then(|| format!("{chain} had {before} and has {after}"))
        });
        let changes = sysctls.chain(binfmt).chain(hierarchies);
        changes.chain(policies).chain(lost).collect()
    }
}

/// What the programs that print packet filters say, each by its name; none where none can.
fn filters() -> Option<BTreeMap<&'static str, String>> {
    let saved = FILTERS.iter().filter_map(|program| {
        let output = Command::new(program).timeout(FILTER).output().ok()?;
        output.status.success().then(|| (*program, output.text()))
    });
    Some(saved.collect::<BTreeMap<_, _>>()).filter(|saved| !saved.is_empty())
}

/// The policies of built-in chains: lines `:CHAIN POLICY [packets:bytes]`. Chains that an engine
/// makes have none.
fn policies(saved: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let mut policies = BTreeMap::new();
    for (program, text) in saved {
        let mut table = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix('*') {
                table = name;
            }
            let mut words = line.split(' ');
            let chain = words.next().and_then(|word| word.strip_prefix(':'));
            if let (Some(chain), Some(policy)) = (chain, words.next())
                && policy != "-"
            {
                let name = program.trim_end_matches("-save");
                let chain = format!("{name}: {table} {chain}");
                policies.insert(chain, policy.to_owned());
            }
        }
    }
    policies
}

/// The interfaces and rules of packet filters that belong to a network with this id.
pub(super) fn network_traces(id: &str) -> Vec<String> {
    let short = id.get(..SHORT).unwrap_or(id);
    let interfaces = names(INTERFACES).into_iter();
    let mut found: Vec<String> = interfaces
        .filter(|name| name.contains(short))
        .map(|name| format!("interface {name}"))
        .collect();
    for (program, saved) in filters().unwrap_or_default() {
        let rules = saved.lines().filter(|line| line.contains(short));
        found.extend(rules.map(|rule| format!("{program}: {rule}")));
    }
    found
}

/// Processes, control groups and mounts whose names have `id`, each as a sentence.
pub(super) fn traces(id: &str) -> Vec<String> {
    let mut found = Vec::new();
    for process in names("/proc") {
        if process.bytes().all(|byte| byte.is_ascii_digit())
            && text(&format!("/proc/{process}/cgroup")).contains(id)
        {
            let name = text(&format!("/proc/{process}/comm"));
            found.push(format!("process {process} ({})", name.trim()));
        }
    }
    let groups = groups(id);
    found.extend(
        groups
            .iter()
            .map(|path| format!("control group {}", path.display())),
    );
    let mounts = text(MOUNTS);
    let mounts = mounts.lines().filter(|line| line.contains(id));
    found.extend(mounts.filter_map(|line| Some(format!("mount {}", line.split(' ').nth(4)?))));
    found
}

/// The topmost control groups whose names have `id`.
fn groups(id: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut queue = VecDeque::from([PathBuf::from(GROUPS)]);
    let mut seen = 0;
    while let Some(directory) = queue.pop_front() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            seen += 1;
            if seen > GROUP_LIMIT {
                return found;
            }
            // Links are other names of hierarchies: cpu for cpu,cpuacct.
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy().contains(id) {
                found.push(entry.path());
            } else {
                queue.push_back(entry.path());
            }
        }
    }
    found
}

/// Adds every value below `directory` that can be read; what cannot is no setting.
fn values(directory: &Path, name: &Path, into: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = name.join(entry.file_name());
        if RESTLESS.iter().any(|restless| name.starts_with(restless)) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => values(&entry.path(), &name, into),
            _ => {
                if let Ok(value) = fs::read_to_string(entry.path()) {
                    into.insert(name.display().to_string(), value.trim().to_owned());
                }
            }
        }
    }
}

fn hierarchies(table: &str) -> BTreeMap<String, String> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
    };
    lines.filter_map(pair).collect()
}

fn names(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// A file of the kernel's; what is gone or cannot be read is empty.
fn text(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_said_and_what_came_with_a_module_is_not() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let saved = |policy: &str| {
            let text = format!("*filter\n:FORWARD {policy} [0:0]\n:DOCKER - [0:0]\nCOMMIT\n");
            BTreeMap::from([("iptables-legacy-save", text)])
        };
        let before = Host {
            sysctls: map(&[("vm/swappiness", "60"), ("net/gone", "1")]),
            binfmt: BTreeSet::from(["status".to_owned()]),
            hierarchies: hierarchies("#subsys_name\thierarchy\nmemory\t4\t100\t1\n"),
            policies: Some(policies(&saved("ACCEPT"))),
        };
        assert_eq!(before.changes(&before), [""; 0]);
        let unread = Host {
            policies: None,
            ..before.clone()
        };
        assert_eq!(
            before.changes(&unread),
            ["packet filters could be read before, and cannot now"]
        );
        let after = Host {
            sysctls: map(&[("vm/swappiness", "10"), ("net/new", "1")]),
            binfmt: BTreeSet::from(["status".to_owned(), "qemu-arm".to_owned()]),
            hierarchies: hierarchies("memory\t0\t100\t1\n"),
            policies: Some(policies(&saved("DROP"))),
        };
        assert_eq!(
            before.changes(&after),
            [
                "vm/swappiness was 60 and is 10",
                "the binary format qemu-arm came or went",
                "the controller memory was in hierarchy 4 and is in 0",
                "iptables-legacy: filter FORWARD had ACCEPT and has DROP",
            ]
        );
    }

    #[test]
    fn this_host_is_read_and_is_the_same_a_moment_later() {
        let host = Host::read();
        assert!(host.sysctls.contains_key("kernel/ostype"));
        assert_eq!(host.changes(&Host::read()), [""; 0]);
        assert_eq!(traces("no-container-has-this-id"), [""; 0]);
        assert_eq!(network_traces("no-network-has-this-id"), [""; 0]);
        assert!(network_traces("lo").contains(&"interface lo".to_owned()));
    }
}
