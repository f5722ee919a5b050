//! Rules about packages and what is beside them.

use super::super::Finding;
use super::super::subject::Subject;

/// Programs that install packages.
const MANAGERS: [&str; 10] = [
    "usr/bin/apt",
    "usr/bin/apt-get",
    "usr/bin/dpkg",
    "sbin/apk",
    "usr/sbin/apk",
    "usr/bin/dnf",
    "usr/bin/microdnf",
    "usr/bin/yum",
    "usr/bin/rpm",
    "usr/bin/zypper",
];
/// Where programs are that no package brings (Filesystem Hierarchy Standard 3.0, 3.13 and 4.9), those
/// of this program's images, and the administrator's own of invoke-rc.d(8).
const LOCAL: [&str; 6] = [
    "usr/local/",
    "opt/",
    "home/",
    "usr/lib/dind/",
    "usr/lib/dindimg/",
    "usr/sbin/policy-rc.d",
];
/// Where packages' programs and libraries are.
const SYSTEM: [&str; 7] = ["usr/", "bin/", "sbin/", "lib/", "lib64/", "etc/", "var/"];
/// Permissions to execute.
const EXECUTE: u32 = 0o111;

pub(super) fn manager(subject: &Subject<'_>) -> Vec<Finding> {
    MANAGERS
        .iter()
        .filter(|path| {
            subject
                .view
                .files
                .get(**path)
                .is_some_and(|file| file.is_regular())
        })
        .map(|path| Finding::new(format!("/{path}"), format!("/{path} installs packages")))
        .collect()
}

pub(super) fn unreadable(subject: &Subject<'_>) -> Vec<Finding> {
    let databases = subject.view.packages.unreadable.iter();
    databases
        .map(|(path, reason)| Finding::new(format!("/{path}"), format!("/{path} {reason}")))
        .collect()
}

pub(super) fn unpackaged(subject: &Subject<'_>) -> Vec<Finding> {
    let packages = &subject.view.packages;
    if packages.owners.is_empty() {
        return Vec::new();
    }
    subject
        .files()
        .filter(|(path, file)| {
            file.is_regular()
                && file.mode & EXECUTE != 0
                && SYSTEM.iter().any(|top| path.starts_with(top))
                && !LOCAL.iter().any(|top| path.starts_with(top))
                && !subject.accepted.own.contains(*path)
                && packages.owner(path).is_none()
                // dpkg's own copies of packages' scripts.
                && !path.starts_with("var/lib/dpkg/info/")
        })
        .map(|(path, _)| Finding::new(format!("/{path}"), format!("/{path} is of no package")))
        .collect()
}

pub(super) fn altered(subject: &Subject<'_>) -> Vec<Finding> {
    let packages = &subject.view.packages;
    packages
        .checksums
        .iter()
        .filter_map(|(path, sum)| {
            let file = subject.view.files.get(path)?;
            let owner = packages.owner(path).unwrap_or("its package");
            let message = format!("/{path} is not what {owner} has");
            (file.is_regular() && !sum.is_of(file))
                .then(|| Finding::new(format!("/{path}"), message))
        })
        .collect()
}
