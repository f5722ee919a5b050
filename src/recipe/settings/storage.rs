//! `[storage]`: where the inner engine keeps its data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::merge::{Merge, merge_fields};
use super::super::words::{StorageDriver, StorageFallback};
use super::values::{DataSize, Percent};

/// Size of a loop file or tmpfs when the recipe names none.
const SIZE: &str = "20G";

/// `[storage]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawStorage {
    /// What is tried, in order, when the data directory cannot hold an overlay; in the profile
    /// `rootless`, which has no loop devices, `["fuse-overlayfs"]` by default. Variable `DIND_STORAGE`
    /// names the whole ladder.
    #[schemars(extend("default" = ["loop"], "examples" = [["loop", "fuse-overlayfs"]]))]
    pub fallback: Option<Vec<StorageFallback>>,
    /// Size of the loop file or tmpfs: a number and `K`, `M`, `G` or `T`. Variable `DIND_STORAGE_SIZE`.
    #[schemars(extend("default" = "20G", "examples" = ["40G"]))]
    pub size: Option<DataSize>,
    /// The storage driver, and no other: nothing else is tried. `vfs` and `native` copy every
    /// layer and are used only where they are named. Variable `DIND_STORAGE`.
    #[schemars(extend("examples" = ["overlay2"]))]
    pub driver: Option<StorageDriver>,
    /// Percent of the data directory's space in use from which on stopped containers, unused images
    /// and build cache are removed, oldest first. Without it nothing is ever removed. Variable
    /// `DIND_GC_DISK` (0 for never).
    #[schemars(extend("examples" = [85]))]
    pub gc_disk: Option<Percent>,
    /// The same for percent of its inodes. Variable `DIND_GC_INODES` (0 for never).
    #[schemars(extend("examples" = [85]))]
    pub gc_inodes: Option<Percent>,
}

merge_fields!(RawStorage {
    fallback,
    size,
    driver,
    gc_disk,
    gc_inodes
});

/// Where the inner engine keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storage {
    /// What is tried when the data directory cannot hold an overlay.
    pub fallback: Vec<StorageFallback>,
    /// Size of a loop file or tmpfs.
    pub size: DataSize,
    /// The one driver, where the recipe names it.
    pub driver: Option<StorageDriver>,
    /// Percent of space from which on unused data is removed.
    pub gc_disk: Option<Percent>,
    /// Percent of inodes from which on unused data is removed.
    pub gc_inodes: Option<Percent>,
}

impl RawStorage {
    /// `rootless` is whether the engine is one of a user who is not root, who has no loop devices.
    pub(in crate::recipe) fn finish(self, rootless: bool) -> Result<Storage, String> {
        let usual = match rootless {
            true => StorageFallback::FuseOverlayfs,
            false => StorageFallback::Loop,
        };
        let fallback = self.fallback.unwrap_or_else(|| vec![usual]);
        if rootless && fallback.contains(&StorageFallback::Loop) {
            return Err(
                "[storage] `fallback` has `loop`, which takes root to mount, and the profile `rootless` has none; use fuse-overlayfs or tmpfs"
                    .to_owned(),
            );
        }
        Ok(Storage {
            fallback,
            size: self.size.map_or_else(|| SIZE.parse(), Ok)?,
            driver: self.driver,
            gc_disk: self.gc_disk,
            gc_inodes: self.gc_inodes,
        })
    }
}
