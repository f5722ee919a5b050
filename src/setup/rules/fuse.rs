//! The program by which users mount file systems in user space.

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "fuse",
    replaces: "fuse3.postinst (set-user-id bit of fusermount3; the kernel module and the initramfs are not the image's)",
    covers: &["fuse3"],
    apply,
};

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    if setup.has("fuse3") {
        let path = setup.path("usr/bin/fusermount3")?;
        setup.tree.amend(&path, |meta| meta.mode = 0o4755);
    }
    Ok(())
}
