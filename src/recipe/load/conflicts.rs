//! What is said twice: keys of the recipe beside a variable or a key of `daemon.json` for the same
//! thing. At run time one of the two would win, and nothing would tell.

use super::super::raw::RawRecipe;
use super::super::words::ListenTcp;

/// A name outside of the settings, the key that is for it, and whether a recipe has that.
struct Pair {
    name: &'static str,
    key: (&'static str, &'static str),
    is_set: fn(&RawRecipe) -> bool,
}

/// `name => table.key` for each [`Pair`].
macro_rules! pairs {
    ($($name:literal => $table:ident . $key:ident),+ $(,)?) => {
        &[$(Pair {
            name: $name,
            key: (stringify!($table), stringify!($key)),
            is_set: |raw| raw.$table.$key.is_some(),
        }),+]
    };
}

/// Keys of `daemon.json`. Those that `[network]` is written to are found where it is written.
const DAEMON: &[Pair] = pairs! {
    "mtu" => network.mtu,
    "storage-driver" => storage.driver,
    "userland-proxy" => hardening.userland_proxy,
    "log-driver" => hardening.log_driver,
    "log-opts" => hardening.log_max_size,
    "log-opts" => hardening.log_max_file,
    "default-ulimits" => hardening.nofile,
    "no-new-privileges" => hardening.no_new_privileges,
    "icc" => hardening.icc,
    "userns-remap" => hardening.userns_remap,
};

/// Variables that the guest reads (images/README.md).
const VARIABLES: &[Pair] = pairs! {
    "DIND_STORAGE" => storage.driver,
    "DIND_STORAGE" => storage.fallback,
    "DIND_STORAGE_SIZE" => storage.size,
    "DIND_GC_DISK" => storage.gc_disk,
    "DIND_GC_INODES" => storage.gc_inodes,
    "DIND_COMPOSE" => compose.file,
    "DIND_COMPOSE_TIMEOUT" => compose.timeout,
    "DIND_KIND_WAIT" => kind.wait,
    "DIND_KIND_CONFIG" => kind.config,
    "KIND_NODE_IMAGE" => kind.node_image,
    "CERT_SANS" => kind.san,
    "DIND_WAIT" => run.wait,
    "DIND_STOP_GRACE" => run.stop_grace,
    "DIND_START_TIMEOUT" => run.start_timeout,
    "DIND_START_ATTEMPTS" => run.start_attempts,
    "DIND_LOCK_WAIT" => run.lock_wait,
    "DIND_LISTEN_ADDRESS" => listen.address,
    "DIND_TLS_KEY" => tls.key,
    "DIND_TLS_DAYS" => tls.days,
    "DIND_TLS_RENEW_DAYS" => tls.renew_days,
    "DIND_TLS_SAN" => tls.san,
    "DIND_MTU" => network.mtu,
    "DOCKERD_MTU" => network.mtu,
    "MTU" => network.mtu,
    "DIND_DNS" => network.dns,
    "DIND_ADDRESS_POOLS" => network.address_pools,
    "DIND_USERLAND_PROXY" => hardening.userland_proxy,
    "DIND_LOG_DRIVER" => hardening.log_driver,
    "DIND_LOG_MAX_SIZE" => hardening.log_max_size,
    "DIND_LOG_MAX_FILE" => hardening.log_max_file,
    "DIND_NOFILE" => hardening.nofile,
    "DIND_UMASK" => hardening.umask,
    "DIND_NO_NEW_PRIVILEGES" => hardening.no_new_privileges,
    "DIND_ICC" => hardening.icc,
    "DIND_USERNS_REMAP" => hardening.userns_remap,
};

/// Variables that take the daemon away from what the image exposes and its label says, and the keys
/// that decide both.
const DECLARED: [(&str, &str, &str); 7] = [
    ("DIND_LISTEN", "listen", "tcp"),
    ("DIND_TLS_PORT", "listen", "port"),
    ("DIND_PORT", "listen", "port"),
    ("DIND_TLS_CLIENT_MODE", "tls", "client-mode"),
    ("DIND_TLS_CLIENT_GID", "tls", "client-group"),
    ("DIND_IPTABLES", "iptables", "backend"),
    ("DIND_STOP_TIMEOUT", "run", "stop-timeout"),
];

/// Refuses a recipe that says one thing in two places.
pub(super) fn refuse(raw: &RawRecipe) -> Result<(), String> {
    let daemon = &raw.engine.daemon;
    let twice = |table: &str, pairs: &'static [Pair], has: &dyn Fn(&str) -> bool| {
        let pair = pairs
            .iter()
            .find(|pair| has(pair.name) && (pair.is_set)(raw))?;
        let (of, key) = pair.key;
        Some(format!(
            "[{table}] has `{}`, which [{of}] `{}` sets as well; remove one of the two",
            pair.name,
            key.replace('_', "-")
        ))
    };
    let said = twice("engine.daemon", DAEMON, &|name| daemon.contains_key(name))
        .or_else(|| twice("env", VARIABLES, &|name| raw.env.contains_key(name)));
    if let Some(message) = said {
        return Err(message);
    }
    if raw.profile.is_none() {
        return Ok(());
    }
    if let Some((name, of, key)) = DECLARED
        .iter()
        .find(|(name, ..)| raw.env.contains_key(*name))
    {
        return Err(format!(
            "[env] has `{name}`, but [{of}] `{key}` decides what the image declares; say it there"
        ));
    }
    if daemon.contains_key("hosts") && raw.listen.tcp != Some(ListenTcp::Off) {
        return Err(
            "[engine.daemon] has `hosts`, but [listen] `tcp` decides what is exposed; remove `hosts`, or set `tcp = \"off\"` to expose nothing"
                .to_owned(),
        );
    }
    Ok(())
}
