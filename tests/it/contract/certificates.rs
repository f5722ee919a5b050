//! The TLS listener: whom it answers, what it serves, and for how long.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use super::{Guest, Volume, docker, image, unique};
use crate::product::{Run, kept};
use crate::smoke::in_turn;

/// Runs docker's client over TCP with the certificate in `$1`.
const CLIENT: &str = "client() { DOCKER_HOST=tcp://localhost:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$1 docker version; };";

/// Serial number of the certificate that is served.
const SERVED: &str =
    "echo | openssl s_client -connect localhost:2376 2>/dev/null | openssl x509 -noout -serial";

#[test]
fn rsa_and_further_names_can_be_asked_for_and_the_client_key_is_for_its_group() {
    in_turn(|| {
        let certs = Volume::new("certs");
        let options = [
            "--env=DIND_TLS_KEY=rsa",
            "--env=DOCKER_TLS_SAN=DNS:ci.example",
            "--env=DIND_TLS_CLIENT_GID=2000",
            "--add-host=ci.example:127.0.0.1",
            &certs.at("/certs/client"),
        ];
        let guest = Guest::start(&options, &[]).ready();
        let modes = guest
            .sh("stat -c '%a %u:%g' /certs/ca/key.pem /certs/server/key.pem /certs/client/key.pem");
        assert_eq!(modes, "600 0:0\n600 0:0\n640 0:2000");
        let key = guest.sh("openssl pkey -in /certs/server/key.pem -noout -text | head -n 1");
        assert!(key.contains("3072 bit"), "{key}");
        for name in ["ci.example", "docker", "localhost"] {
            let check = format!(
                "echo | openssl s_client -connect localhost:2376 -CAfile /certs/client/ca.pem \
                 -verify_hostname {name} -verify_return_error 2>&1 | grep -c 'Verification: OK'"
            );
            assert_eq!(guest.sh(&check), "1", "{name}");
        }
        let host = format!("--network=container:{}", guest.name);
        let image = image(super::SUITE);
        let as_user = |user: &str| -> Run {
            let user = format!("--user={user}");
            let mount = format!("{}:ro", certs.at("/certs/client"));
            let options = [
                "run",
                "--rm",
                &host,
                &user,
                &mount,
                "--env=DOCKER_HOST=tcp://localhost:2376",
            ];
            docker(&[&options[..], &[&image, "docker", "version"]].concat())
        };
        assert_eq!(as_user("1000:2000").code, Some(0));
        let refused = as_user("1000:1000");
        assert_eq!(refused.code, Some(1));
        assert!(
            refused.stderr.contains("permission denied"),
            "{}",
            refused.stderr
        );
    });
}

/// Certificates as a user brings them.
struct Brought(PathBuf);

impl Brought {
    /// A server's that is valid up to `year`, a client's, and one by an authority that the server
    /// does not know.
    fn until(year: i32) -> Self {
        let dir = kept("contract").join(unique("brought"));
        let ours = authority();
        let purpose = ExtendedKeyUsagePurpose::ServerAuth;
        place(&dir.join("server"), &ours, certificate(purpose, year));
        let purpose = ExtendedKeyUsagePurpose::ClientAuth;
        place(
            &dir.join("client"),
            &ours,
            certificate(purpose.clone(), 2100),
        );
        place(
            &dir.join("stranger"),
            &authority(),
            certificate(purpose, 2100),
        );
        // It checks the server as the others do.
        let ca = dir.join("client/ca.pem");
        fs::copy(ca, dir.join("stranger/ca.pem")).expect("copied");
        Self(dir)
    }

    /// The option that mounts a part of them read-only.
    fn at(&self, part: &str, target: &str) -> String {
        format!("--volume={}/{part}:{target}:ro", self.0.display())
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Authority = (String, Issuer<'static, KeyPair>);

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("signed");
    (certificate.pem(), Issuer::new(params, key))
}

fn certificate(purpose: ExtendedKeyUsagePurpose, year: i32) -> CertificateParams {
    let names = vec!["docker".to_owned(), "localhost".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params.extended_key_usages = vec![purpose];
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    params
}

fn place(dir: &Path, (ca, issuer): &Authority, params: CertificateParams) {
    fs::create_dir_all(dir).expect("directory");
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, issuer).expect("signed");
    for (name, text) in [
        ("ca.pem", ca),
        ("cert.pem", &certificate.pem()),
        ("key.pem", &key.serialize_pem()),
    ] {
        fs::write(dir.join(name), text).expect("written");
    }
}

#[test]
fn brought_certificates_are_served_as_they_are_and_strangers_refused() {
    in_turn(|| {
        let brought = Brought::until(2100);
        let options = [
            brought.at("server", "/certs/server"),
            brought.at("client", "/certs/client"),
            brought.at("stranger", "/stranger"),
        ];
        let options = options.each_ref().map(String::as_str);
        let guest = Guest::start(&options, &[]).ready();
        assert_eq!(guest.choice("tls"), "given");
        assert_eq!(
            guest.try_sh(&format!("{CLIENT} client /certs/client")).code,
            Some(0)
        );
        let stranger = guest.try_sh(&format!("{CLIENT} client /stranger"));
        assert_eq!(stranger.code, Some(1));
        assert!(stranger.stderr.contains("tls: "), "{}", stranger.stderr);
        let nobody = "mkdir /none && cp /certs/client/ca.pem /none && \
            DOCKER_HOST=tcp://localhost:2376 docker --tlsverify --tlscacert /none/ca.pem version";
        assert_eq!(guest.try_sh(nobody).code, Some(1));
        assert_eq!(guest.sh("ls /certs/ca 2>/dev/null || echo none"), "none");
    });
}

#[test]
fn brought_certificates_that_cannot_be_used_are_refused_by_reason() {
    in_turn(|| {
        let expired = Brought::until(2020);
        let mixed = Brought::until(2100);
        let key = mixed.0.join("server/key.pem");
        fs::copy(mixed.0.join("client/key.pem"), key).expect("copied");
        let partial = Brought::until(2100);
        fs::remove_file(partial.0.join("server/key.pem")).expect("removed");
        for (brought, reason) in [
            (&expired, "certificate has expired"),
            (
                &mixed,
                "/certs/server/key.pem is not the key of /certs/server/cert.pem",
            ),
            (&partial, "bring your own server files complete, or none"),
        ] {
            let guest = Guest::start(&[&brought.at("server", "/certs/server")], &[]);
            assert_eq!(guest.wait(), 1, "{}", guest.log());
            assert!(guest.log().contains(reason), "{}", guest.log());
        }
    });
}

/// Puts a certificate that ends in a day where the server's is.
const SHORT: &str = "printf '[server]\\nsubjectAltName = DNS:docker,DNS:localhost\\n' >/tmp/config &&
openssl req -new -key /certs/server/key.pem -subj /CN=short |
openssl x509 -req -CA /certs/ca/cert.pem -CAkey /certs/ca/key.pem -set_serial 77 -days 1 \
  -extfile /tmp/config -extensions server -out /tmp/cert.pem && cp /tmp/cert.pem /certs/server/cert.pem";

#[test]
fn a_certificate_about_to_end_is_renewed_while_running_and_interrupts_nobody() {
    in_turn(|| {
        let guest = Guest::start(&["--env=DIND_TLS_INTERVAL=1"], &[])
            .ready()
            .loaded();
        let first = guest.sh(SERVED);
        guest.sh("docker run -d --name busy t busybox sleep 600");
        guest.sh(SHORT);
        guest.sh("until [ $(openssl x509 -noout -serial -in /certs/server/cert.pem) != serial=4D ]; do sleep 0.2; done");
        // No signal makes dockerd read it, and a container runs.
        guest.sh("kill -HUP $(cat /run/docker.pid); sleep 2");
        assert_eq!(guest.sh(SERVED), first);
        assert_eq!(
            guest.sh("docker inspect -f '{{.State.Running}}' busy"),
            "true"
        );
        assert!(
            guest.log().contains("as soon as no container runs"),
            "{}",
            guest.log()
        );
        guest.sh("docker rm -f busy");
        let renewed = format!(
            "until now=$({SERVED}) && [ -n \"$now\" ] && [ \"$now\" != {first} ]; do sleep 0.2; done"
        );
        guest.sh(&renewed);
        guest.wait_ready();
        assert_eq!(
            guest.try_sh(&format!("{CLIENT} client /certs/client")).code,
            Some(0)
        );
        assert_eq!(guest.sh("docker run --rm t echo alive"), "alive");
        assert!([0, 143].contains(&guest.stop(9)), "{}", guest.log());
    });
}

#[test]
fn health_fails_on_the_last_day_of_the_served_certificate() {
    in_turn(|| {
        let guest = Guest::start(
            &["--env=DIND_TLS_DAYS=1", "--env=DIND_TLS_RENEW_DAYS=0"],
            &[],
        );
        let ready = docker(&["exec", &guest.name, "dindctl", "ready", "--wait", "20"]);
        assert_eq!(ready.code, Some(1), "{}", guest.log());
        assert!(
            ready
                .stderr
                .contains("expires within a day; restart the container"),
            "{}",
            ready.stderr
        );
        assert_eq!(guest.try_sh("dindctl health").code, Some(1));
    });
}
