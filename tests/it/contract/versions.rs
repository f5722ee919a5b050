//! Clients and daemons of different age.

use super::{Guest, Network, Volume, docker, image};
use crate::smoke::beside_others;

#[test]
fn an_old_client_drives_a_new_daemon_and_the_other_way_round() {
    beside_others(|| {
        for (daemon, client) in [("testing", "bullseye"), ("bullseye", "testing")] {
            let network = Network::new(&[]);
            let certs = Volume::new("certs");
            let options = [
                "--privileged",
                &network.option(),
                "--network-alias=docker",
                &certs.at("/certs/client"),
            ]
            .map(str::to_owned);
            let server = Guest::of(daemon, &options.each_ref().map(String::as_str), &[]);
            let _server = server.ready().loaded();
            let mount = format!("{}:ro", certs.at("/certs/client"));
            let client = |words: &[&str]| {
                let image = image(client);
                docker(
                    &[
                        &["run", "--rm", &network.option(), &mount, &image, "docker"],
                        words,
                    ]
                    .concat(),
                )
            };
            let run = client(&["run", "--rm", "t", "sh", "-c", "echo met; exit 6"]);
            assert_eq!(
                (run.stdout.as_str(), run.code),
                ("met\n", Some(6)),
                "{}",
                run.stderr
            );
            assert_eq!(client(&["ps", "-aq"]).good().stdout, "");
        }
    });
}

#[test]
fn the_lowest_version_of_the_interface_can_be_raised() {
    beside_others(|| {
        let guest = Guest::of(
            "testing",
            &["--privileged", "--env=DOCKER_MIN_API_VERSION=1.44"],
            &[],
        )
        .ready();
        let lowest = guest.sh("docker version -f '{{.Server.MinAPIVersion}}'");
        assert_eq!(lowest, "1.44");
        assert_eq!(
            guest.try_sh("DOCKER_API_VERSION=1.41 docker ps").code,
            Some(1)
        );
    });
}
