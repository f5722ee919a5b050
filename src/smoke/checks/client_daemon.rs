//! A client with nothing but a daemon's certificate volume uses that daemon.

use super::super::bench::{Bench, CERTS_VOLUME, CLIENT_CERTS, NETWORK};
use super::super::engine::{Feature, RunSpec};
use super::super::error::CheckError;
use super::super::nested::IMAGE;
use super::{Check, Ruling, held, is_client, rule, violated};
use crate::process::Input;

pub(super) const CHECK: Check = Check {
    id: "client-daemon",
    rule: "beside a daemon the image runs containers, over TLS with the daemon's client certificates and not without",
    hint: "another path of the certificates (DOCKER_TLS_CERTDIR of both images), a client key that the client may not read, or a client too new or too old for the daemon's API",
    limit: 180,
    needs: &[Feature::Networks, Feature::Volumes, Feature::Foreground],
    applies: is_client,
    run,
};

/// The name docker:dind's clients use for their daemon.
const HOST: &str = "docker";
const WORD: &str = "dindimg-smoke-word";

fn run(bench: &Bench<'_>) -> Ruling {
    let Some((image, contract)) = &bench.site.daemon else {
        return Err(CheckError::Unproven(
            "no daemon's image is named".to_owned(),
        ));
    };
    let label = bench.session.label();
    let network = bench.session.name(NETWORK);
    bench.engine.create_network(&network, &label)?;
    let certificates = |read_only| bench.session.mount(CERTS_VOLUME, CLIENT_CERTS, read_only);
    bench
        .engine
        .create_volume(&certificates(false).volume, &label)?;
    let mut daemon = RunSpec {
        stop_timeout: Some(contract.stop_timeout),
        network: Some(network.clone()),
        volumes: vec![certificates(false)],
        anonymous_volumes: vec![contract.data().to_owned()],
        ..bench.session.container(image, "daemon", &[])
    };
    daemon.grant(&contract.privileges);
    rule!(
        bench
            .main
            .begin(&daemon)?
            .map_err(|sentence| format!("the daemon: {sentence}"))
    );
    bench.main.ensure_nested()?;
    // Not every engine's networks know names.
    let address = bench.daemon()?.address;
    let client = |role: &str, volumes, args: &[&str]| RunSpec {
        network: Some(network.clone()),
        hosts: vec![(HOST.to_owned(), address)],
        volumes,
        ..bench.container(role, args)
    };
    // The code of a failing `docker run` is the one by which engines tell that they failed themselves.
    let script = format!("docker run --rm {IMAGE} sh -c 'echo {WORD}' || exit 1");
    let args = ["sh", "-c", &script];
    let spec = client("client", vec![certificates(true)], &args);
    let said = bench.engine.run(&spec, Input::Null)?;
    if said.text() != WORD {
        return violated(format!(
            "`{script}` beside the daemon printed `{}`: {}",
            said.text(),
            said.complaint()
        ));
    }
    let version = ["version", "--format", "{{.Server.Version}}"];
    let spec = client("asker", vec![certificates(true)], &version);
    let server = bench.engine.run(&spec, Input::Null)?.text();
    let spec = client("stranger", Vec::new(), &version);
    if bench.engine.run(&spec, Input::Null)?.status.success() {
        return violated("a client without certificates was answered");
    }
    held(format!("ran a container of daemon {server}"))
}
