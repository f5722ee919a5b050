//! apt reads the archives that are written here, and agrees on which are to be refused.

use std::path::Path;
use std::process::{Command, Output};

use super::{DAY, Deb, Package, Signer, Suite, address, from_now, sound_key, tamper};
use crate::peers::require;

/// `apt-get update` in an isolated root that trusts `key` alone.
fn update(scratch: &Path, archive: &Path, suite: &str, key: &Signer) -> Output {
    let root = scratch.join("apt");
    let _ = std::fs::remove_dir_all(&root);
    for directory in ["lists/partial", "cache", "etc"] {
        std::fs::create_dir_all(root.join(directory)).expect("a directory for apt");
    }
    std::fs::write(root.join("status"), "").expect("dpkg's status");
    key.pin(&root);
    let at = root.display();
    let source = format!(
        "deb [signed-by={at}/{}.asc] {} {suite} main\n",
        key.fingerprint(),
        address(archive)
    );
    std::fs::write(root.join("sources.list"), source).expect("apt's sources");
    std::fs::write(
        root.join("apt.conf"),
        format!(
            "Dir::State \"{at}\";\nDir::State::status \"{at}/status\";\nDir::Cache \"{at}/cache\";\n\
             Dir::Etc \"{at}\";\nDir::Etc::parts \"{at}/etc\";\nDir::Etc::sourceparts \"{at}/etc\";\n\
             Dir::Etc::trustedparts \"{at}/etc\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{ \"amd64\"; }};\nAPT::Sandbox::User \"\";\n\
             Acquire::Languages \"none\";\n"
        ),
    )
    .expect("apt's configuration");
    Command::new("apt-get")
        .env("APT_CONFIG", root.join("apt.conf"))
        .env("LC_ALL", "C")
        .args(["-q", "--error-on=any", "update"])
        .output()
        .expect("apt-get starts")
}

#[test]
fn apt_takes_the_archives_that_tests_are_made_of_and_refuses_what_must_be_refused() {
    if require(&["apt-get"], "apt").is_none() {
        return;
    }
    let scratch = tempfile::tempdir().expect("temporary directory");
    let archive = scratch.path().join("archive");
    let (key, stranger) = (sound_key(), sound_key());
    let package = Package::built(&Deb::new("one", "1.0"));
    let suite = |name: &str| Suite::named(name).packages([package.clone()]);
    let update = |name: &str, key: &Signer| {
        let output = update(scratch.path(), &archive, name, key);
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };

    for name in ["test", "test-updates", "test/updates"] {
        suite(name).publish(&archive, &[&key]);
        let (good, said) = update(name, &key);
        assert!(good, "{name}: {said}");
    }
    suite("test").by_hash().publish(&archive, &[&key]);
    let (good, said) = update("test", &key);
    assert!(good, "by hash: {said}");

    suite("test").publish(&archive, &[&stranger]);
    let (good, said) = update("test", &key);
    assert!(
        !good && said.contains(&stranger.fingerprint()[24..]),
        "{said}"
    );

    suite("test")
        .date(from_now(-9 * DAY))
        .valid_until(from_now(-2 * DAY))
        .publish(&archive, &[&key]);
    let (good, said) = update("test", &key);
    assert!(!good && said.contains("expired"), "{said}");

    suite("test").publish(&archive, &[&key]);
    tamper(&archive, "dists/test/InRelease", |bytes| {
        let at = bytes
            .windows(6)
            .position(|w| w == b"Origin")
            .expect("a field");
        bytes[at + 8] ^= 1;
    });
    assert!(!update("test", &key).0, "one byte changed");
}
