//! Capabilities of a program's file in place of its set-user-id bit (capabilities(7)).

use crate::setup::Setup;

use super::HardenError;
use super::mend::{RULE, SET_ID};

/// The attribute of capabilities (xattr(7)).
const CAPABILITY: &str = "security.capability";

/// Gives a program a capability, by its number, in place of its set-id bits.
///
/// # Errors
/// When there is no such program.
pub fn confer(setup: &mut Setup<'_>, program: &str, capability: u32) -> Result<(), HardenError> {
    setup.rule = RULE;
    let path = setup.path(program)?;
    if setup.tree.file(&path).is_none() {
        let message = "the profile needs it, and no package brings it".to_owned();
        return Err(setup.input(program, message).into());
    }
    setup.tree.amend(&path, |meta| {
        meta.mode &= !SET_ID;
        let attribute = attribute(capability);
        meta.xattrs.insert(CAPABILITY.to_owned(), attribute);
    });
    Ok(())
}

/// The attribute of one capability: `struct vfs_cap_data` of linux/capability.h, version 2, effective
/// from the start.
fn attribute(number: u32) -> Vec<u8> {
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    let permitted = 1_u64 << number;
    let words = [
        REVISION_2_EFFECTIVE,
        permitted as u32,
        0,
        (permitted >> 32) as u32,
        0,
    ];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_written_as_setcap_writes_it() {
        // `setcap cap_setuid+ep` and getfattr(1).
        let hex = "0100000280000000000000000000000000000000";
        assert_eq!(hex::encode(attribute(7)), hex);
    }
}
