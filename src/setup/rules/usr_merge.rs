//! The links of the merged `/usr`, made before any package is placed.

use crate::epoch::Epoch;
use crate::platform::Architecture;
use crate::tree::{Kind, Meta, Node, Tree, TreeError, TreePath};

/// Makes `bin`, `sbin`, `lib` and, where the ABI names it, `lib64` links into `/usr`, as
/// debootstrap's merged-usr set-up and the usrmerge package do.
///
/// trixie's base-files ships the same links, which then merge with these.
pub fn merge(tree: &mut Tree, architecture: Architecture, epoch: Epoch) -> Result<(), TreeError> {
    let mut names = vec!["bin", "lib", "sbin"];
    // x86-64's ELF interpreter is /lib64/ld-linux-x86-64.so.2; AArch64's lives in /lib.
    if architecture == Architecture::Amd64 {
        names.push("lib64");
    }
    for name in names {
        let node = |kind, mode| Node {
            kind,
            meta: Meta::root(mode, epoch.seconds()),
        };
        let target = format!("usr/{name}");
        tree.set(&TreePath::parse(&target)?, node(Kind::Directory, 0o755))?;
        tree.set(&TreePath::parse(name)?, node(Kind::Symlink(target), 0o777))?;
    }
    Ok(())
}
