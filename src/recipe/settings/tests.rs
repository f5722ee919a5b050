use serde_json::{Value, json};

use super::*;

/// What `finish` says of a table that is wrong.
fn refused<T, E: std::fmt::Display>(finished: Result<T, E>) -> String {
    match finished {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

fn raw<T: serde::de::DeserializeOwned>(table: Value) -> T {
    serde_json::from_value(table).expect("values of their types")
}

#[test]
fn one_port_is_exposed_and_it_is_the_one_that_listens() {
    let exposed = |table: Value| raw::<RawListen>(table).finish().exposed();
    assert_eq!(exposed(json!({})), Some(2376));
    assert_eq!(exposed(json!({ "tcp": "plain" })), Some(2375));
    assert_eq!(exposed(json!({ "tcp": "plain", "port": 4000 })), Some(4000));
    assert_eq!(exposed(json!({ "tcp": "off", "port": 4000 })), None);
    let listen = raw::<RawListen>(json!({ "port": 4000 })).finish();
    assert_eq!((listen.tls_port, listen.port), (4000, 2375));
    // Kept for a listener that a variable opens.
    let listen = raw::<RawListen>(json!({ "tcp": "off", "port": 4000 })).finish();
    assert_eq!((listen.tls_port, listen.port), (4000, 2375));
}

#[test]
fn certificates_are_not_renewed_at_every_start() {
    let said = refused(raw::<RawTls>(json!({ "days": 30, "renew-days": 30 })).finish());
    assert!(
        said.contains("make `renew-days` less than `days`"),
        "{said}"
    );
    // The guest's own default gives way to a short life.
    assert!(raw::<RawTls>(json!({ "days": 7 })).finish().is_ok());
    assert!(refused(raw::<RawTls>(json!({ "days": 0 })).finish()).contains("1 to 36500"));
}

#[test]
fn a_grace_ends_before_the_daemon_is_killed() {
    let said = refused(raw::<RawRun>(json!({ "stop-timeout": 2 })).finish());
    assert!(said.contains("make `stop-grace` less"), "{said}");
    assert!(
        raw::<RawRun>(json!({ "stop-timeout": 2, "stop-grace": 1 }))
            .finish()
            .is_ok()
    );
}

#[test]
fn networks_become_keys_of_the_daemons_file() {
    let network: RawNetwork = raw(json!({
        "dns": ["10.0.0.53"], "address-pools": [{ "base": "10.200.0.0/16", "size": 24 }]
    }));
    let keys = network.finish().expect("valid").daemon_keys();
    assert_eq!(
        json!(keys),
        json!({
            "dns": ["10.0.0.53"],
            "default-address-pools": [{ "base": "10.200.0.0/16", "size": 24 }]
        })
    );
    let pool = json!({ "address-pools": [{ "base": "10.200.0.0/16", "size": 8 }] });
    assert!(refused(raw::<RawNetwork>(pool).finish()).contains("cannot be divided"));
    assert!(refused(raw::<RawNetwork>(json!({ "mtu": 10 })).finish()).contains("`mtu` is 10"));
}

#[test]
fn a_health_check_can_be_left_out() {
    assert_eq!(raw::<RawHealth>(json!({ "check": false })).finish(), None);
    let health = raw::<RawHealth>(json!({ "interval": 5 })).finish();
    assert_eq!(
        health.map(|health| (health.interval, health.retries)),
        Some((5, 3))
    );
}

#[test]
fn a_level_sets_defaults_that_a_key_overrides() {
    let finish = |table: Value| raw::<RawHardening>(table).finish().expect("valid");
    let strict = finish(json!({ "level": "strict", "icc": true }));
    assert!(strict.icc && strict.no_new_privileges && strict.read_only && !strict.shell_extras);
    let standard = finish(json!({ "userns-remap": true }));
    assert!(standard.userns_remap && !standard.read_only && !standard.userland_proxy);
}

#[test]
fn an_axis_has_each_value_once_and_one_at_least() {
    let finish = |table: Value| raw::<RawSmoke>(table).finish();
    let smoke = finish(json!({ "storage": ["loop", "loop", "volume"] })).expect("valid");
    let words: Vec<&str> = smoke
        .storage
        .iter()
        .flatten()
        .map(|value| value.word())
        .collect();
    assert_eq!(words, ["loop", "volume"]);
    assert_eq!((smoke.engines.len(), smoke.iptables), (2, None));
    let said = refused(finish(json!({ "cgroup": [] })));
    assert!(said.contains("`cgroup` is empty"), "{said}");
    let said = refused(finish(json!({ "exclude": [{}] })));
    assert!(said.contains("every cell"), "{said}");
}
