//! The inner daemon uses the storage driver that was decided for, and no silent copy of layers.

use super::super::bench::Bench;
use super::super::guest::Decision;
use super::{Check, Ruling, has_daemon, held, rule, violated};
use crate::recipe::SmokeStorage;

pub(super) const CHECK: Check = Check {
    id: "storage",
    rule: "the storage driver is the one decided for, on what the cell gives, never vfs unless asked for by name",
    hint: "another driver than meant was asked for by DOCKER_DRIVER, DIND_STORAGE, `--storage-driver` or daemon.json, or the data directory lies on another file system than the cell gives it",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

/// What the guest says of a rung that holds.
const WORKS: &str = "works";

fn run(bench: &Bench<'_>) -> Ruling {
    let info = bench.inside(&["docker", "info", "--format", "{{.Driver}}"])?;
    let report = rule!(bench.report()?);
    let decision = rule!(report.decision("storage"));
    let (driver, choice) = (info.text(), &decision.choice);
    // The guest decides for vfs or native only when they are asked for by name, so equality with
    // its decision is also the proof that dockerd did not fall back to them in silence.
    if driver != *choice {
        return violated(format!(
            "docker info says `{driver}`, report.json decided for `{choice}` ({})",
            decision.reason
        ));
    }
    let promised = &bench.contract.storage;
    if !promised.is_empty() && !promised.iter().any(|rung| gives(rung, driver.as_str())) {
        return violated(format!(
            "the image promises {}, report.json decided for {choice} because: {}",
            promised.join(" or "),
            decision.reason
        ));
    }
    if let Err(expected) = fits(bench.cell.storage, decision) {
        return violated(format!(
            "expected {expected}, report.json decided for {choice} because: {}",
            decision.reason
        ));
    }
    held(format!("{driver} ({})", decision.reason))
}

/// Whether a rung of the ladder ends in that storage driver (`images/README.md`, "Storage").
fn gives(rung: &str, driver: &str) -> bool {
    match rung {
        "loop" | "tmpfs" => driver == "overlay2",
        "native" => true,
        _ => driver == rung,
    }
}

/// The end of the guest's reason where an overlay works on a share of the host.
const VIRTIOFS: &str = " on virtiofs";

/// Whether the decision is one for a data directory on what the cell gives it, or what that would
/// be.
fn fits(storage: SmokeStorage, decision: &Decision) -> Result<(), &'static str> {
    let works = |rung: &str| {
        let mut tried = decision.tried.iter();
        tried.any(|tried| tried.choice == rung && tried.result == WORKS)
    };
    // Without extended attributes an overlay is refused there.
    let on_plain_virtiofs = {
        let mut tried = decision.tried.iter();
        tried.any(|tried| {
            tried.choice == "overlay2"
                && tried.result != WORKS
                && tried.result.contains("(virtiofs)")
        })
    };
    match storage {
        // A volume of an engine whose own data lies on an overlay needs a loop file as well.
        SmokeStorage::Volume => Ok(()),
        SmokeStorage::Tmpfs if decision.reason.ends_with(" on tmpfs") => Ok(()),
        SmokeStorage::Tmpfs => Err("a data directory in memory"),
        SmokeStorage::Loop if works("loop") => Ok(()),
        SmokeStorage::Loop => Err("a loop file, since the container's root is an overlay"),
        SmokeStorage::Virtiofs if decision.reason.ends_with(VIRTIOFS) => Ok(()),
        SmokeStorage::Virtiofs => Err("an overlay on virtiofs"),
        SmokeStorage::VirtiofsMemory if on_plain_virtiofs && works("tmpfs") => Ok(()),
        SmokeStorage::VirtiofsMemory => Err("no overlay on virtiofs, and memory over it"),
        SmokeStorage::VirtiofsLoop if on_plain_virtiofs && works("loop") => Ok(()),
        SmokeStorage::VirtiofsLoop => Err("no overlay on virtiofs, and a loop file on it"),
        SmokeStorage::VirtiofsRefused => Err("no start at all"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::guest::Tried;
    use super::*;

    #[test]
    fn a_rung_is_known_by_its_driver() {
        for (rung, driver, given) in [
            ("overlay2", "overlay2", true),
            ("loop", "overlay2", true),
            ("tmpfs", "vfs", false),
            ("native", "btrfs", true),
            ("fuse-overlayfs", "fuse-overlayfs", true),
            ("overlay2", "vfs", false),
        ] {
            assert_eq!(gives(rung, driver), given, "{rung} {driver}");
        }
    }

    #[test]
    fn the_data_directory_lies_on_what_the_cell_gives() {
        let decision = |reason: &str, rung: &str, result: &str| Decision {
            id: "storage".to_owned(),
            choice: "overlay2".to_owned(),
            tried: vec![Tried {
                choice: rung.to_owned(),
                result: result.to_owned(),
            }],
            reason: reason.to_owned(),
        };
        let tmpfs = decision("overlay works on tmpfs", "overlay2", WORKS);
        let named = decision("named by DOCKER_DRIVER, on tmpfs", "vfs", WORKS);
        let disk = decision("overlay works on ext2/ext3", "overlay2", WORKS);
        let loops = decision("ext4 in /srv/docker/x, on overlayfs", "loop", WORKS);
        let refused = decision("overlay works on ext2/ext3", "loop", "no device");
        let shared = decision("overlay works on virtiofs", "overlay2", WORKS);
        let plain = |rung: &str| {
            let mut decision = decision("as it says", rung, WORKS);
            decision.tried.push(Tried {
                choice: "overlay2".to_owned(),
                result: "an overlay with its upper layer here is refused (virtiofs)".to_owned(),
            });
            decision
        };
        let (memory, file) = (plain("tmpfs"), plain("loop"));
        for (storage, decision, fit) in [
            (SmokeStorage::Volume, &disk, true),
            (SmokeStorage::Tmpfs, &tmpfs, true),
            (SmokeStorage::Tmpfs, &named, true),
            (SmokeStorage::Tmpfs, &disk, false),
            (SmokeStorage::Loop, &loops, true),
            (SmokeStorage::Loop, &disk, false),
            (SmokeStorage::Loop, &refused, false),
            (SmokeStorage::Virtiofs, &shared, true),
            (SmokeStorage::Virtiofs, &disk, false),
            (SmokeStorage::VirtiofsMemory, &memory, true),
            (SmokeStorage::VirtiofsMemory, &tmpfs, false),
            (SmokeStorage::VirtiofsMemory, &file, false),
            (SmokeStorage::VirtiofsLoop, &file, true),
            (SmokeStorage::VirtiofsLoop, &loops, false),
            (SmokeStorage::VirtiofsRefused, &file, false),
        ] {
            assert_eq!(
                fits(storage, decision).is_ok(),
                fit,
                "{storage} {decision:?}"
            );
        }
    }
}
