//! What only some recipes choose: other inits, FUSE for storage, a health check of the image.

use std::fs;

use super::{Guest, docker, engine, unique};
use crate::images::REPOSITORY;
use crate::product::{dindimg, kept};
use crate::smoke::beside_others;

const RECIPE: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[packages]
userland = "slim"
include = ["fuse-overlayfs"]
acknowledge-scripts = ["fuse3"]
[health]
interval = 1
start-period = 60
"#;

/// An image with another init, removed at the end.
struct Choice(String);

impl Choice {
    fn of(init: &str) -> Self {
        let recipe = kept("contract").join(format!("{init}.toml"));
        fs::write(&recipe, format!("{RECIPE}[init]\nkind = \"{init}\"\n")).expect("written");
        let archive = recipe.with_extension("tar");
        dindimg(&[
            "build".as_ref(),
            recipe.as_os_str(),
            "--allow-expired".as_ref(),
            "--repository".as_ref(),
            REPOSITORY.as_ref(),
            "--tag".as_ref(),
            init.as_ref(),
            "--output".as_ref(),
            format!("docker-archive:{}", archive.display()).as_ref(),
        ])
        .good();
        engine().run(&["load", "--input", archive.to_str().expect("UTF-8")]);
        Self(format!("{REPOSITORY}:{init}"))
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        docker(&["image", "rm", "--force", &self.0]);
    }
}

#[test]
fn every_init_reaps_hands_signals_on_and_ends_with_the_commands_code() {
    beside_others(|| {
        for init in ["catatonit", "dumb-init"] {
            let image = Choice::of(init);
            let guest = Guest::of_image(&image.0, &["--privileged"], &[]).ready();
            assert_eq!(guest.sh("cat /proc/1/comm"), init);
            let orphan = "sh -c '(sleep 0.1 & :) &'; sleep 1; \
                          cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ' || :";
            assert_eq!(guest.sh(orphan), "0", "{init}");
            assert_eq!(guest.stop(9), 0, "{init}: {}", guest.log());

            let code = |arguments: &[&str]| {
                let run = ["run", "--rm", "--privileged", &image.0];
                docker(&[&run, arguments].concat()).code
            };
            assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7), "{init}");
            assert_eq!(code(&["docker", "inspect", "nothing"]), Some(1), "{init}");
            let guest = Guest::of_image(&image.0, &["--privileged"], &["sleep", "600"]);
            assert_eq!(guest.stop(9), 143, "{init}: {}", guest.log());
        }
    });
}

#[test]
fn the_images_health_check_follows_the_daemon() {
    beside_others(|| {
        let image = Choice::of("tini");
        let guest = Guest::of_image(&image.0, &["--privileged"], &[]).ready();
        let health = |wanted: &str| {
            let script = format!(
                "for try in $(seq 150); do \
                 state=$(docker inspect -f '{{{{.State.Health.Status}}}}' {}); \
                 [ \"$state\" != {wanted} ] || break; sleep 0.2; done; echo \"$state\"",
                guest.name
            );
            let output = engine().beside("sh").args(["-c", &script]).output();
            let output = output.expect("sh runs");
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        assert_eq!(health("healthy"), "healthy");
        // Stopped where it stands, it answers nobody.
        guest.sh("kill -STOP $(pgrep -x dockerd)");
        assert_eq!(health("unhealthy"), "unhealthy");
        guest.sh("kill -CONT $(pgrep -x dockerd)");
        assert_eq!(health("healthy"), "healthy");
    });
}

#[test]
fn fuse_carries_the_images_where_the_kernels_overlay_is_refused() {
    beside_others(|| {
        let image = Choice::of("tini");
        let options = [
            "--privileged",
            "--env=DIND_STORAGE=overlay2 fuse-overlayfs",
            "--device=/dev/fuse",
        ];
        // The container's own root file system is an overlay, on which there is no second one.
        let guest = Guest::of_image(&image.0, &options, &["--data-root=/srv/docker"]);
        let guest = guest.ready().loaded();
        assert_eq!(guest.choice("storage"), "fuse-overlayfs");
        let info = guest.sh("docker info -f '{{.Driver}}'");
        assert_eq!(info, "fuse-overlayfs");
        let written = "docker run --name kept t sh -c 'echo nested >/file'; docker diff kept";
        assert_eq!(guest.sh(written), "A /file");
        let name = unique("none");
        let said = guest.try_sh(&format!("docker run --rm --name {name} t sh -c 'exit 7'"));
        assert_eq!(said.code, Some(7));
    });
}
