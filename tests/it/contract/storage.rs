//! The data directory: what it may lie on, and what is left of it.

use std::fs;

use super::{Guest, Volume, docker, engine, run, unique};
use crate::peers::require;
use crate::product::{Run, kept};
use crate::smoke::beside_others;
use crate::support::skipped;

const DRIVER: &str = "docker info -f '{{.Driver}}'";

/// The container's own root file system is an overlay, and this is on it.
const ON_OVERLAY: &str = "--data-root=/srv/docker";

#[test]
fn without_a_volume_the_start_stops_and_names_the_remedy() {
    beside_others(|| {
        for arguments in [
            &[ON_OVERLAY][..],
            &[ON_OVERLAY, "--storage-driver=overlay2"],
        ] {
            let guest = Guest::start(&["--env=DIND_STORAGE=overlay2"], arguments);
            assert_eq!(guest.wait(), 1, "{}", guest.log());
            let log = guest.log();
            assert!(log.contains("put a volume on /srv/docker"), "{log}");
            assert!(log.contains("DIND_STORAGE"), "{log}");
        }
    });
}

#[test]
fn without_a_volume_the_ladder_ends_in_overlay2_on_a_loop_file_that_outlives_a_kill() {
    beside_others(|| {
        let options = [
            "--env=DIND_STORAGE=overlay2 loop",
            "--env=DIND_STORAGE_SIZE=300M",
        ];
        let guest = Guest::start(&options, &[ON_OVERLAY]).ready().loaded();
        assert_eq!(guest.sh(DRIVER), "overlay2");
        let backing = guest.sh("docker info -f '{{index .DriverStatus 0}}'");
        assert_eq!(backing, "[Backing Filesystem extfs]");
        let decision = guest.decision("storage");
        assert_eq!(decision["choice"], "overlay2");
        assert_eq!(decision["tried"][1]["choice"], "overlay2", "{decision}");
        assert_eq!(guest.sh("docker run --rm t echo nested"), "nested");
        engine().run(&["kill", &guest.name]);
        guest.wait();
        guest.restart();
        assert_eq!(guest.sh("docker run --rm t echo again"), "again");
    });
}

/// A loop device of the host, which stands for a disk.
struct Disk {
    device: String,
    file: std::path::PathBuf,
}

impl Disk {
    fn new() -> Self {
        let file = kept("contract").join(unique("disk"));
        let disk = fs::File::create(&file).expect("a file");
        disk.set_len(300 << 20).expect("sparse");
        let path = file.to_str().expect("UTF-8");
        let output = std::process::Command::new("losetup")
            .args(["--find", "--show", path])
            .output();
        let run = Run::of(output.expect("losetup runs")).good();
        Self {
            device: run.stdout.trim().to_owned(),
            file,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup")
            .args(["--detach", &self.device])
            .status();
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn a_block_device_gets_a_file_system_once_and_is_one_daemons_at_a_time() {
    beside_others(|| {
        let disk = Disk::new();
        let device = format!("--env=DIND_STORAGE_DEVICE={}", disk.device);
        let options = [device.as_str(), "--env=DIND_LOCK_WAIT=1"];
        let guest = Guest::start(&options, &[]).ready().loaded();
        assert_eq!(guest.sh(DRIVER), "overlay2");
        let backing = guest.sh("docker info -f '{{index .DriverStatus 0}}'");
        assert_eq!(backing, "[Backing Filesystem extfs]");
        let second = Guest::start(&options, &[]);
        assert_eq!(second.wait(), 1, "{}", second.log());
        assert!(second.log().contains("in use by"), "{}", second.log());
        drop((guest, second));
        let next = Guest::start(&options, &[]).ready();
        assert_eq!(next.sh("docker run --rm t echo still"), "still");
        drop(next);

        // What is neither ours nor blank is left as it is.
        let foreign = b"LABELONE and what a volume manager has".repeat(100);
        let mut start = fs::OpenOptions::new()
            .write(true)
            .open(&disk.device)
            .expect("the device");
        std::io::Write::write_all(&mut start, &[0; 1 << 20]).expect("cleared");
        std::io::Seek::rewind(&mut start).expect("at its start");
        std::io::Write::write_all(&mut start, &foreign).expect("written");
        start.sync_all().expect("on it");
        let refused = Guest::start(&options, &[]);
        assert_eq!(refused.wait(), 1, "{}", refused.log());
        let log = refused.log();
        assert!(log.contains("what is on it is left as it is"), "{log}");
        let now = fs::read(&disk.device).expect("read");
        assert!(now.starts_with(&foreign));
    });
}

#[test]
fn nothing_of_the_data_directory_is_held_after_the_end() {
    beside_others(|| {
        let data = kept("contract").join(unique("data"));
        fs::create_dir(&data).expect("directory");
        let mount = format!("--volume={}:/var/lib/docker", data.display());
        for storage in ["overlay2", "loop"] {
            let storage = format!("--env=DIND_STORAGE={storage}");
            let guest = Guest::start(&[&mount, &storage, "--env=DIND_STORAGE_SIZE=300M"], &[]);
            let guest = guest.ready().loaded();
            guest.sh("docker run -d t busybox sleep 600");
            assert!([0, 143].contains(&guest.stop(9)), "{}", guest.log());
            let devices = std::process::Command::new("losetup").arg("--all").output();
            let devices = String::from_utf8(devices.expect("losetup runs").stdout).expect("text");
            assert!(
                !devices.contains(data.to_str().expect("UTF-8")),
                "{devices}"
            );
            for entry in fs::read_dir(&data).expect("readable") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    fs::remove_dir_all(&path).expect("removable");
                } else {
                    fs::remove_file(&path).expect("removable");
                }
            }
        }
        fs::remove_dir(&data).expect("removable");
    });
}

#[test]
fn memory_holds_a_data_directory_as_a_volume_and_as_a_rung() {
    beside_others(|| {
        for (options, arguments) in [
            (
                &["--mount=type=tmpfs,destination=/var/lib/docker"][..],
                &[][..],
            ),
            (
                &[
                    "--env=DIND_STORAGE=overlay2,tmpfs",
                    "--env=DIND_STORAGE_SIZE=200M",
                ],
                &[ON_OVERLAY],
            ),
        ] {
            let guest = Guest::start(options, arguments).ready().loaded();
            assert_eq!(guest.sh(DRIVER), "overlay2");
            let reason = guest.decision("storage")["reason"].to_string();
            assert!(reason.contains("tmpfs"), "{reason}");
            assert_eq!(guest.sh("docker run --rm t echo nested"), "nested");
        }
    });
}

#[test]
fn a_read_only_data_directory_is_refused_before_anything_starts() {
    beside_others(|| {
        let volume = Volume::new("read-only");
        let refused = run(&[&format!("{}:ro", volume.at("/var/lib/docker"))], &[]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let said = "the data directory /var/lib/docker cannot be written";
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    });
}

#[test]
fn vfs_is_used_only_when_it_is_asked_for_by_name() {
    beside_others(|| {
        for (options, arguments) in [
            (&[][..], &[ON_OVERLAY, "--storage-driver=vfs"][..]),
            (&["--env=DOCKER_DRIVER=vfs"], &[ON_OVERLAY]),
            (&["--env=DIND_STORAGE=vfs"], &[ON_OVERLAY]),
        ] {
            let guest = Guest::start(options, arguments).ready();
            assert_eq!(guest.sh(DRIVER), "vfs", "{options:?} {arguments:?}");
            assert!(
                guest.log().contains("warning: vfs copies every layer"),
                "{}",
                guest.log()
            );
        }
    });
}

#[test]
fn what_nothing_uses_goes_when_the_disk_is_fuller_than_asked() {
    beside_others(|| {
        let options = [
            "--mount=type=tmpfs,destination=/var/lib/docker,tmpfs-size=100m",
            "--env=DIND_GC_DISK=60",
            "--env=DIND_GC_INTERVAL=1",
            "--env=DIND_GC_AGE=2",
        ];
        let guest = Guest::start(&options, &[]).ready().loaded();
        let fill = "busybox dd if=/dev/zero of=/fill bs=1M count=20 2>/dev/null";
        guest.sh(&format!(
            "docker run -d --name used t sh -c '{fill}; exec sleep 600'"
        ));
        guest.sh("docker volume create kept");
        guest.sh(&format!(
            "docker run --name first t sh -c '{fill}' && sleep 1.1"
        ));
        guest.sh(&format!("docker run --name second t sh -c '{fill}'"));
        guest.sh("docker tag t other && docker build -qt unused - <<END\nFROM t\nRUN busybox touch /x\nEND");
        guest.sh("until ! docker inspect first >/dev/null 2>&1; do sleep 0.2; done; sleep 3");
        // Below the threshold with the one, so the other stays, and so does everything in use.
        assert_eq!(
            guest.sh("docker ps -a --format '{{.Names}}' | sort | tr '\\n' ' '"),
            "second used"
        );
        assert_eq!(guest.sh("docker run --rm other echo there"), "there");
        assert_eq!(guest.sh("docker volume ls -q"), "kept");
        let log = guest.log();
        assert!(log.contains("removed container first"), "{log}");
        guest.sh(&format!(
            "docker exec used sh -c '{}'",
            fill.replace("/fill", "/more")
                .replace("count=20", "count=50")
        ));
        guest.sh("until ! docker image inspect unused >/dev/null 2>&1; do sleep 0.2; done");
        assert_eq!(guest.sh("docker ps -a --format '{{.Names}}'"), "used");
        assert_eq!(guest.sh("docker run --rm t echo in-use"), "in-use");
        let inspect = ["inspect", "-f", "{{.State.Status}}", &guest.name];
        assert_eq!(docker(&inspect).stdout.trim(), "running");
    });
}

#[test]
fn the_data_directory_of_another_containerd_is_looked_at_too() {
    beside_others(|| {
        let guest = Guest::start(&[], &[]).ready();
        let decision = guest.decision("storage").to_string();
        assert!(decision.contains("/var/lib/containerd"), "{decision}");
        let mounts = guest.sh(
            "findmnt -n -o FSTYPE -T /var/lib/docker; findmnt -n -o FSTYPE -T /var/lib/containerd",
        );
        assert!(!mounts.contains("overlay"), "{mounts}");
    });
}

#[test]
fn a_data_directory_on_btrfs_gets_an_overlay_and_can_be_deleted_afterwards() {
    if !fs::read_to_string("/proc/filesystems").is_ok_and(|known| known.contains("btrfs")) {
        skipped("a data directory on btrfs", "this kernel has no btrfs");
        return;
    }
    require(&["mkfs.btrfs"], "btrfs-progs").expect("mkfs.btrfs");
    beside_others(|| {
        let place = kept("contract").join(unique("btrfs"));
        fs::create_dir(&place).expect("directory");
        let beside = |script: &str| {
            let mut shell = engine().beside("sh");
            let script = format!("cd {}; {script}", place.display());
            let run = shell.args(["-ec", &script]).output();
            let run = Run::of(run.expect("sh runs"));
            assert_eq!(run.code, Some(0), "{script}: {}", run.stderr);
        };
        beside(
            "truncate -s 300M disk; mkfs.btrfs -q disk; mkdir tree; mount -o loop disk tree; mkdir tree/data",
        );
        let mount = format!("--volume={}/tree/data:/var/lib/docker", place.display());
        let guest = Guest::start(&[&mount], &[]).ready().loaded();
        assert_eq!(guest.sh(DRIVER), "overlay2");
        let reason = guest.decision("storage")["reason"].to_string();
        assert!(reason.contains("btrfs"), "{reason}");
        assert_eq!(guest.sh("docker run --rm t echo nested"), "nested");
        drop(guest);
        beside("rm -rf tree/data; umount tree; rm disk; rmdir tree");
        fs::remove_dir(&place).expect("nothing is left");
    });
}
