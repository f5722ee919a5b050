//! `docker info` of the inner engine says what the guest decided for, and warns of nothing.

use serde_json::Value;

use super::super::bench::Bench;
use super::super::error::CheckError;
use super::{Check, Ruling, has_daemon, held, rule, violated};

pub(super) const CHECK: Check = Check {
    id: "engine-info",
    rule: "docker info agrees with the guest's report, has an init for containers, and warns of no network that is filtered past it",
    hint: "another dockerd or daemon.json than the image's was started, docker-init is missing, or the host's kernel has no br_netfilter module",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

/// What br_netfilter adds to a network namespace.
const BRIDGE: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// Whether docker warns that packets of bridges pass no rules.
fn filtered_past(info: &Value) -> bool {
    let warnings = info["Warnings"].as_array();
    let mut warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    warnings.any(|warning| warning.contains("bridge-nf-call"))
}

fn run(bench: &Bench<'_>) -> Ruling {
    let output = bench.inside(&["docker", "info", "--format", "{{json .}}"])?;
    let report = rule!(bench.report()?);
    let cgroup = rule!(report.decision("cgroup"));
    let info: Value = match serde_json::from_slice(&output.stdout) {
        Ok(info) => info,
        Err(error) => return violated(format!("docker info cannot be read: {error}")),
    };
    if filtered_past(&info) && !bench.inside(&["test", "-e", BRIDGE])?.status.success() {
        return Err(CheckError::Unproven(
            "the host's kernel has no br_netfilter loaded, so nobody filters bridges".to_owned(),
        ));
    }
    let init = info["InitBinary"].as_str().unwrap_or_default().to_owned();
    if let Err(sentence) = fits(&info, &cgroup.choice) {
        return violated(sentence);
    }
    let found = bench.inside(&["sh", "-c", "command -v \"$1\"", "sh", &init])?;
    if !found.status.success() {
        return violated(format!(
            "containers with --init would get `{init}`, which the image does not have"
        ));
    }
    let word = |key: &str| info[key].as_str().unwrap_or("unknown").to_owned();
    held(format!(
        "{} {}, control groups of version {} by {}, init {init}",
        word("Driver"),
        status(&info, "Native Overlay Diff").map_or("", |native| match native {
            "true" => "with native diff",
            _ => "without native diff",
        }),
        info["CgroupVersion"].as_str().unwrap_or("1"),
        word("CgroupDriver"),
    ))
}

/// Whether the answer is that of the engine the guest decided for, or what is not.
fn fits(info: &Value, cgroup: &str) -> Result<(), String> {
    if let Some(error) = info["ServerErrors"][0].as_str() {
        return Err(format!("docker info: {error}"));
    }
    // Engines before 20.10 know one version and do not say it.
    let version = info["CgroupVersion"].as_str().unwrap_or("1");
    let decided = if cgroup.starts_with("v2") { "2" } else { "1" };
    if version != decided {
        return Err(format!(
            "docker info says control groups of version {version}, report.json decided for `{cgroup}`"
        ));
    }
    if status(info, "Supports d_type") == Some("false") {
        return Err("the data directory's file system has no d_type, so layers lose files".into());
    }
    if filtered_past(info) {
        return Err("packets of bridges pass no rules: bridge-nf-call-iptables is 0".to_owned());
    }
    Ok(())
}

/// A value of the storage driver's own list.
fn status<'a>(info: &'a Value, key: &str) -> Option<&'a str> {
    let pairs = info["DriverStatus"].as_array()?;
    let pair = pairs.iter().find(|pair| pair[0] == key)?;
    pair[1].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_docker_says_is_held_against_what_the_guest_decided() {
        let good = json!({
            "CgroupVersion": "2", "DriverStatus": [["Supports d_type", "true"]], "Warnings": null
        });
        assert_eq!(fits(&good, "v2-private"), Ok(()));
        let old = json!({ "Warnings": ["WARNING: No swap limit support"] });
        assert_eq!(fits(&old, "hybrid-private"), Ok(()));
        for (info, cgroup, part) in [
            (
                &good,
                "v1-scoped",
                "version 2, report.json decided for `v1-scoped`",
            ),
            (
                &json!({ "DriverStatus": [["Supports d_type", "false"]] }),
                "v1-private",
                "no d_type",
            ),
            (
                &json!({ "Warnings": ["WARNING: bridge-nf-call-iptables is disabled"] }),
                "v1-private",
                "bridge-nf-call-iptables",
            ),
            (
                &json!({ "ServerErrors": ["no daemon"] }),
                "v1-private",
                "no daemon",
            ),
        ] {
            let error = fits(info, cgroup).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }
}
