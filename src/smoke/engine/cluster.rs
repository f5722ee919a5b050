//! What a cluster says of its nodes and of a pod. No process is run here.

use serde_json::Value;

use super::{EngineInfo, State, UNSAID};

/// Why a container waits when it will wait for ever: the kubelet's reasons, of which those of images
/// are tried again with the same end.
const HOPELESS: [&str; 8] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// How far a pod is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// On its way.
    Waiting,
    /// Its container runs, or has ended.
    Begun,
    /// It will never run: why.
    Stuck(String),
}

/// The nodes that are ready, of `kubectl get nodes`: the facts of the first, unsaid where there is
/// none, and what all together give to pods. Control groups and storage are no part of what a node
/// says of itself.
pub(super) fn nodes(list: &Value) -> EngineInfo {
    let nodes = list["items"].as_array().into_iter().flatten();
    let ready = |node: &&Value| {
        let conditions = node["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    let nodes: Vec<&Value> = nodes.filter(ready).collect();
    let fact = |key: &str| {
        let node = nodes.first();
        let value = node.and_then(|node| node["status"]["nodeInfo"][key].as_str());
        value.unwrap_or(UNSAID).to_owned()
    };
    let sum = |key: &str| -> Option<u64> {
        let given = nodes.iter().map(|node| &node["status"]["allocatable"][key]);
        given.map(|value| quantity(value.as_str()?)).sum()
    };
    EngineInfo {
        version: UNSAID.to_owned(),
        kernel: fact("kernelVersion"),
        cgroup: UNSAID.to_owned(),
        architecture: fact("architecture"),
        storage: UNSAID.to_owned(),
        cpus: sum("cpu").and_then(|cpus| u32::try_from(cpus).ok()),
        memory: sum("memory"),
    }
}

/// A quantity of Kubernetes, whole units rounded down (`apimachinery/pkg/api/resource`): of
/// processors and bytes only these forms are used.
fn quantity(text: &str) -> Option<u64> {
    const SUFFIXES: [(&str, u64); 8] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("", 1),
    ];
    if let Some(thousandths) = text.strip_suffix('m') {
        return Some(thousandths.parse::<u64>().ok()? / 1000);
    }
    let parsed = |(suffix, unit): (&str, u64)| {
        let number: u64 = text.strip_suffix(suffix)?.parse().ok()?;
        number.checked_mul(unit)
    };
    SUFFIXES.into_iter().find_map(parsed)
}

/// How far a pod is, of `kubectl get pod`.
pub(super) fn progress(pod: &Value) -> Progress {
    let status = &pod["status"];
    let state = &status["containerStatuses"][0]["state"];
    if state.get("running").is_some() || state.get("terminated").is_some() {
        return Progress::Begun;
    }
    let waiting = &state["waiting"];
    match waiting["reason"].as_str() {
        Some(reason) if HOPELESS.contains(&reason) => {
            let message = waiting["message"].as_str().unwrap_or_default();
            Progress::Stuck(format!("{reason}: {message}"))
        }
        // Refused by the kubelet before it had a container: evicted, or without a place.
        _ if status["phase"] == "Failed" => {
            let text = |key: &str| status[key].as_str().unwrap_or_default();
            Progress::Stuck(format!("{}: {}", text("reason"), text("message")))
        }
        _ => Progress::Waiting,
    }
}

/// The state of a pod's container, of `kubectl get pod`.
pub(super) fn state(pod: &Value) -> State {
    let status = &pod["status"];
    let state = &status["containerStatuses"][0]["state"];
    let ended = &state["terminated"];
    let code = ended["exitCode"].as_i64().unwrap_or_default();
    // `containerd://ID`
    let id = status["containerStatuses"][0]["containerID"].as_str();
    let id = id.and_then(|id| id.split_once("://"));
    State {
        id: id.map_or(UNSAID, |(_, id)| id).to_owned(),
        running: state.get("running").is_some(),
        exit_code: i32::try_from(code).unwrap_or(-1),
        oom_killed: ended["reason"] == "OOMKilled",
        address: status["podIP"].as_str().and_then(|ip| ip.parse().ok()),
    }
}

/// The messages of `kubectl get events`, the latest three.
pub(super) fn events(list: &Value) -> String {
    const SHOWN: usize = 3;
    let events = list["items"].as_array().into_iter().flatten();
    let messages: Vec<&str> = events
        .filter_map(|event| event["message"].as_str())
        .collect();
    match &messages[messages.len().saturating_sub(SHOWN)..] {
        [] => "the cluster has no event of it".to_owned(),
        last => last.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_ready_node_is_the_host() {
        let node = |ready: &str, kernel: &str| {
            json!({"status": {
                "conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": ready}],
                "allocatable": {"cpu": "7910m", "memory": "16000000Ki"},
                "nodeInfo": {"kernelVersion": kernel, "architecture": "arm64",
                             "containerRuntimeVersion": "containerd://1.7.24"}
            }})
        };
        let list = json!({"items": [node("Unknown", "5.10"), node("True", "6.1.0-9"), node("True", "6.12")]});
        let info = nodes(&list);
        assert_eq!(
            (info.cpus, info.memory),
            (Some(14), Some(2 * (16_000_000 << 10)))
        );
        assert_eq!(
            (info.kernel.as_str(), info.architecture.as_str()),
            ("6.1.0-9", "arm64")
        );
        assert_eq!(
            (info.cgroup.as_str(), info.storage.as_str()),
            (UNSAID, UNSAID)
        );
        assert_eq!(nodes(&Value::Null).kernel, UNSAID);
    }

    #[test]
    fn quantities_are_whole_units() {
        for (text, value) in [
            ("8", Some(8)),
            ("7910m", Some(7)),
            ("2Gi", Some(2 << 30)),
            ("3k", Some(3000)),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(quantity(text), value, "{text}");
        }
    }

    fn pod(phase: &str, state: Value) -> Value {
        json!({"status": {"phase": phase, "podIP": "10.244.1.7",
                          "containerStatuses": [{"name": "dind", "containerID": "containerd://ab", "state": state}]}})
    }

    #[test]
    fn a_pod_is_on_its_way_or_begun_or_will_never_be() {
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        assert_eq!(progress(&pod("Pending", creating)), Progress::Waiting);
        assert_eq!(
            progress(&json!({"status": {"phase": "Pending"}})),
            Progress::Waiting
        );
        let running = json!({"running": {"startedAt": "2026-11-21T00:00:00Z"}});
        assert_eq!(progress(&pod("Running", running)), Progress::Begun);
        let pull = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
        assert_eq!(
            progress(&pod("Pending", pull)),
            Progress::Stuck("ErrImagePull: not found".to_owned())
        );
        let evicted =
            json!({"status": {"phase": "Failed", "reason": "Evicted", "message": "no disk"}});
        assert_eq!(
            progress(&evicted),
            Progress::Stuck("Evicted: no disk".to_owned())
        );
    }

    #[test]
    fn a_state_is_that_of_the_container() {
        let running = state(&pod("Running", json!({"running": {}})));
        assert!(running.running && running.id == "ab");
        assert_eq!(
            running.address.map(|ip| ip.to_string()).as_deref(),
            Some("10.244.1.7")
        );
        let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let ended = state(&pod("Failed", ended));
        assert_eq!(
            (ended.running, ended.exit_code, ended.oom_killed),
            (false, 137, true)
        );
    }

    #[test]
    fn the_latest_events_are_told() {
        let list = json!({"items": [{"message": "a"}, {"message": "b"}, {"message": "c"}, {"message": "d"}]});
        assert_eq!(events(&list), "b; c; d");
        assert_eq!(
            events(&json!({"items": []})),
            "the cluster has no event of it"
        );
    }
}
