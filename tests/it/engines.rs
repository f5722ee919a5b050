//! Private container engines for tests: never the machine's own.
//!
//! Each engine lives in a room of its own: new network, mount and process namespaces below one
//! supervising shell. The shell ends when its standard input closes, which the kernel does however
//! the test process ends; with it go the daemon, every container, every mount and the directory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Linux's capabilities in the order of their bits (linux/capability.h).
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// An OCI runtime for hosts with a reduced capability set: what they cannot grant is taken out of
/// the request, because Docker and Podman ask for everything when told `--privileged`.
const BOUNDED: &str = r#"#!/bin/sh
set -eu
bundle=. process= previous= verb=
for word in "$@"; do
  case $previous in
    -b | --bundle) bundle=$word ;;
    -p | --process) process=$word ;;
  esac
  case $word in
    --bundle=*) bundle=${word#*=} ;;
    --process=*) process=${word#*=} ;;
    create | run | exec) [ -n "$verb" ] || verb=$word ;;
  esac
  previous=$word
done
trim() {
  jq --argjson have '@CAPABILITIES@' "$2" "$1" >"$1.bounded"
  cat "$1.bounded" >"$1"
  rm "$1.bounded"
}
reduce='if .capabilities then .capabilities |= map_values(map(select(. as $c | $have | index($c)))) else . end
  | del(.rlimits)'
case $verb in
  create | run) trim "$bundle/config.json" ".process |= ($reduce)" ;;
  exec) [ -z "$process" ] || trim "$process" "$reduce" ;;
esac
@EXEC@ "$@"
"#;

/// Becomes `crun`, which refuses a host that has controllers on both versions of the interface: it
/// sees the first alone.
const CRUN: &str = r#"exec unshare --mount sh -c '
! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified
exec crun "$@"' crun"#;

/// The supervising shell: $1 is the room's directory, the rest is the daemon, or nothing.
const SUPERVISE: &str = r#"
dir=$1
shift
ip link set lo up
# As udev leaves the device on a usual host: everybody's (rules of systemd, 50-udev-default.rules).
if [ -c /dev/net/tun ]; then
  mount -t tmpfs -o size=4k,mode=755 tmpfs /dev/net
  mknod -m 666 /dev/net/tun c 10 200
fi
daemon=
if [ $# -gt 0 ]; then
  "$@" >"$dir/log" 2>&1 &
  daemon=$!
fi
: >"$dir/up"
cat >/dev/null
if [ -n "$daemon" ]; then
  kill -TERM "$daemon"
  wait "$daemon"
fi
# What `--network host` pins is a mount, and so is Podman's storage; neither is taken away.
for pinned in exec/netns/default data/overlay; do
  if mountpoint -q "$dir/$pinned"; then umount "$dir/$pinned"; fi
done
rm -rf "$dir"
"#;

/// Where Debian puts daemons; `PATH` of an unprivileged shell may lack it.
const SBIN: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// How long an engine may take to answer for the first time.
const START: Duration = Duration::from_secs(60);

/// A private engine.
pub struct Engine {
    /// The word for `--engine`.
    pub name: &'static str,
    dir: PathBuf,
    supervisor: Child,
    host: Option<String>,
}

/// The private Docker of a test, of two that this binary has, started by its first user.
pub fn docker() -> &'static Engine {
    static DOCKERS: [OnceLock<Engine>; 2] = [const { OnceLock::new() }; 2];
    DOCKERS[SECOND.get() as usize].get_or_init(Engine::docker)
}

thread_local! {
    /// Whether this thread's test has the second of the two private Dockers.
    static SECOND: Cell<bool> = const { Cell::new(false) };
}

/// Has [`docker`] stand for the second one while a test runs.
pub fn on_second_docker(test: impl FnOnce()) {
    let before = SECOND.replace(true);
    test();
    SECOND.set(before);
}

/// A private Docker that shares the machine's network and changes nothing in it: for builds that
/// install packages. It has no bridge; everything in it runs with `--network host`.
pub fn docker_online() -> &'static Engine {
    static DOCKER: OnceLock<Engine> = OnceLock::new();
    DOCKER.get_or_init(|| Engine::dockerd("online", false))
}

/// A further private Docker, which keeps the images it is given: other tests count what is left on
/// theirs.
pub fn docker_of_guests() -> &'static Engine {
    static DOCKER: OnceLock<Engine> = OnceLock::new();
    DOCKER.get_or_init(Engine::docker)
}

/// A private Docker with nothing in it, which ends with the value.
pub fn docker_fresh() -> Engine {
    Engine::docker()
}

/// The private Podman of this test binary, made by its first user.
pub fn podman() -> &'static Engine {
    static PODMAN: OnceLock<Engine> = OnceLock::new();
    PODMAN.get_or_init(Engine::podman)
}

impl Engine {
    fn docker() -> Self {
        Self::dockerd("docker", true)
    }

    /// A Docker daemon, in a network namespace of its own where `isolated`.
    fn dockerd(prefix: &str, isolated: bool) -> Self {
        let dir = directory(prefix);
        let client = first_file(&["/usr/bin/docker", "/usr/local/bin/docker"]);
        symlink(client, dir.join("bin/docker")).expect("docker linked");
        let host = format!("unix://{}", dir.join("docker.sock").display());
        let mut daemon = vec!["dockerd".to_owned(), format!("--host={host}")];
        for (flag, place) in [
            ("data-root", "data"),
            ("exec-root", "exec"),
            ("pidfile", "pid"),
        ] {
            daemon.push(format!("--{flag}={}", dir.join(place).display()));
        }
        if let Some(runtime) = bounded(&dir) {
            daemon.push(format!("--add-runtime=bounded={}", runtime.display()));
            daemon.push("--default-runtime=bounded".to_owned());
        }
        let crun = wrapper(&dir, "crun", CRUN);
        daemon.push(format!("--add-runtime=crun={}", crun.display()));
        if !isolated {
            for flag in [
                "bridge=none",
                "iptables=false",
                "ip-forward=false",
                "ip-masq=false",
            ] {
                daemon.push(format!("--{flag}"));
            }
        }
        let engine = Self::start("docker", dir, &daemon, Some(host), isolated);
        engine.wait(&["version"]);
        engine
    }

    fn podman() -> Self {
        let dir = directory("podman");
        let runtime = bounded(&dir).map_or_else(String::new, |path| {
            format!(
                "runtime = \"bounded\"\n[engine.runtimes]\nbounded = [\"{}\"]\n",
                path.display()
            )
        });
        let at = |place: &str| dir.join(place).display().to_string();
        let containers = format!(
            "[network]\nnetwork_config_dir = \"{}\"\n[engine]\ncgroup_manager = \"cgroupfs\"\n\
             events_logger = \"file\"\nlock_type = \"file\"\ntmp_dir = \"{}\"\n{runtime}",
            at("networks"),
            at("tmp"),
        );
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            at("data"),
            at("run"),
        );
        // No search of registries, no signature policy of the machine's administrator.
        let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
        for (name, text) in [
            ("containers.conf", containers.as_str()),
            ("storage.conf", &storage),
            ("policy.json", policy),
        ] {
            fs::write(dir.join(name), text).expect("podman configured");
        }
        fs::create_dir(dir.join("networks")).expect("network directory");
        let engine = Self::start("podman", dir, &[], None, true);
        // Podman has no daemon: each call enters the room.
        let program = first_file(&["/usr/bin/podman", "/usr/local/bin/podman"]);
        let script = format!(
            "#!/bin/sh\nexport CONTAINERS_CONF='{dir}/containers.conf' CONTAINERS_STORAGE_CONF='{dir}/storage.conf'\n\
             exec nsenter --target {pid} --net --mount --pid=/proc/{pid}/ns/pid_for_children -- '{}' \"$@\"\n",
            program.display(),
            dir = engine.dir.display(),
            pid = engine.supervisor.id(),
        );
        executable(&engine.dir.join("bin/podman"), &script);
        engine.wait(&["info"]);
        engine
    }

    fn start(
        name: &'static str,
        dir: PathBuf,
        daemon: &[String],
        host: Option<String>,
        isolated: bool,
    ) -> Self {
        let supervisor = Command::new("unshare")
            .args(isolated.then_some("--net"))
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", SUPERVISE, "sh"])
            .arg(&dir)
            .args(daemon)
            .env("PATH", format!("{}:{SBIN}", env("PATH")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare starts (util-linux; the engine tests need root)");
        let engine = Self {
            name,
            dir,
            supervisor,
            host,
        };
        engine.until("its room is up", || engine.dir.join("up").exists());
        engine
    }

    fn wait(&self, args: &[&str]) {
        self.until("its client is answered", || {
            let mut client = self.command(self.name);
            let client = client
                .args(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            client.status().is_ok_and(|status| status.success())
        });
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            if started.elapsed() > START {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                let name = self.name;
                panic!("private {name}: not after {START:?}: {what}; its log:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Environment that makes `docker` or `podman`, run by name, the private one.
    pub fn env(&self) -> BTreeMap<String, String> {
        let path = format!("{}:{}", self.dir.join("bin").display(), env("PATH"));
        let host = self
            .host
            .iter()
            .map(|host| ("DOCKER_HOST".to_owned(), host.clone()));
        BTreeMap::from_iter(host.chain([("PATH".to_owned(), path)]))
    }

    /// The data directory of a private Docker.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A command on the host that sees the private engine.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env()).stdin(Stdio::null());
        command
    }

    /// A command in the engine's network namespace, where a registry on `localhost` is the one the
    /// engine sees. It has a loopback interface and the engine's bridges, and no way out.
    pub fn inside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.supervisor.id()));
        command.arg("--").arg(program);
        command
    }

    /// A command that sees the mounts and processes of the engine, as one on its host would.
    pub fn beside(&self, program: impl AsRef<OsStr>) -> Command {
        let room = format!("/proc/{}/ns", self.supervisor.id());
        let mut command = self.command("nsenter");
        command.arg(format!("--net={room}/net"));
        command.arg(format!("--mount={room}/mnt"));
        command.arg(format!("--pid={room}/pid_for_children"));
        command.arg("--").arg(program);
        command
    }

    /// Loads the one image of an archive and returns its name.
    pub fn load(&self, archive: &Path) -> String {
        let said = self.run(&["load", "--input", archive.to_str().expect("UTF-8")]);
        let name = said.lines().last().and_then(|line| line.split_once(": "));
        let (_, name) = name.unwrap_or_else(|| panic!("no `Loaded image: NAME` in {said}"));
        name.trim().to_owned()
    }

    /// Runs the engine's client and returns its standard output; any failure is the test's.
    pub fn run(&self, args: &[&str]) -> String {
        let output = self
            .command(self.name)
            .args(args)
            .output()
            .expect("the client runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {args:?}: {stderr}", self.name);
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn first_file(candidates: &[&str]) -> PathBuf {
    let found = candidates.iter().map(Path::new).find(|path| path.exists());
    found
        .unwrap_or_else(|| panic!("none of {candidates:?} exists: install docker.io and podman"))
        .to_owned()
}

/// A new directory for one engine; the supervising shell removes it. Short, because a socket's
/// path holds 108 bytes, and on a file system that can be the upper layer of an overlay.
fn directory(name: &str) -> PathBuf {
    let parent = Path::new("/var/tmp");
    let dir = tempfile::Builder::new()
        .prefix(&format!("dindimg-{name}-"))
        .tempdir_in(parent)
        .expect("a directory below /var/tmp")
        .keep();
    fs::create_dir(dir.join("bin")).expect("a directory for programs");
    dir
}

fn executable(path: &Path, script: &str) {
    fs::write(path, script).expect("script written");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("script executable");
}

/// The wrapper of `runc`, where this process's bounding set lacks a capability of this kernel.
fn bounded(dir: &Path) -> Option<PathBuf> {
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").expect("last capability");
    let last: usize = last.trim().parse().expect("a number");
    let whole = bounding().len() > last;
    (!whole).then(|| wrapper(dir, "bounded", "exec runc"))
}

/// A runtime of that name that asks for no more than this process has, and then does `exec`.
fn wrapper(dir: &Path, name: &str, exec: &str) -> PathBuf {
    let names = bounding().into_iter().map(|name| format!("\"CAP_{name}\""));
    let names: Vec<_> = names.collect();
    let path = dir.join("bin").join(name);
    let script = BOUNDED.replace("@CAPABILITIES@", &format!("[{}]", names.join(",")));
    executable(&path, &script.replace("@EXEC@", exec));
    path
}

/// The capabilities of this process's bounding set.
fn bounding() -> Vec<&'static str> {
    let status = fs::read_to_string("/proc/self/status").expect("own status");
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = u64::from_str_radix(bounding.expect("CapBnd").trim(), 16).expect("hexadecimal");
    let names = CAPABILITIES.into_iter().enumerate();
    names
        .filter(|(bit, _)| bounding >> bit & 1 == 1)
        .map(|(_, name)| name)
        .collect()
}
