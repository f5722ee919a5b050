//! Removes from a layout what only replaced images needed, so that building into the same layout
//! again and again does not fill the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::digest::Digest;

use super::error::OciError;
use super::read::Layout;
use super::spec::Descriptor;

/// Removes the blobs that the `replaced` entries reached and no entry of `index` reaches.
///
/// Blobs that no replaced entry reached are not ours to judge, and where an entry cannot be
/// followed (an artifact of an unknown type, say) nothing is removed at all.
pub(super) fn remove_unreachable(
    directory: &Path,
    replaced: &[Value],
    index: &Value,
) -> Result<(), OciError> {
    if replaced.is_empty() {
        return Ok(());
    }
    let kept = index["manifests"].as_array().map_or(&[][..], Vec::as_slice);
    let Ok(layout) = Layout::open(directory) else {
        return Ok(());
    };
    let (Some(before), Some(now)) = (reached(&layout, replaced), reached(&layout, kept)) else {
        return Ok(());
    };
    for digest in before.difference(&now) {
        let path = directory.join("blobs/sha256").join(digest.hex());
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(OciError::io("remove", &path)(error)),
        }
    }
    Ok(())
}

/// Every blob that the entries reach; `None` where one cannot be followed.
fn reached(layout: &Layout, entries: &[Value]) -> Option<BTreeSet<Digest>> {
    let mut reached = BTreeSet::new();
    for entry in entries {
        let entry: Descriptor = serde_json::from_value(entry.clone()).ok()?;
        reached.extend(layout.closure(&entry).ok()?);
    }
    Some(reached)
}
