//! `[hardening]`: what an image is closed against, one key a setting. The description of each key
//! is its reason; `x-strict` in the schema is its default at the strict level and `x-breaks` what
//! that costs, from which the reference has its table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::content::ImagePath;
use super::super::merge::{Merge, merge_fields};
use super::super::words::{HardeningLevel, LogDriver};
use super::values::{OpenFiles, SearchPath, SizeText, Umask};

/// Largest log file of a nested container before it is rotated.
const LOG_MAX_SIZE: &str = "20m";
/// Log files kept of each nested container.
const LOG_MAX_FILE: u32 = 5;
/// Open files of nested containers: enough for any build, few enough that programs which close
/// every descriptor in a loop start at once.
const OPEN_FILES: OpenFiles = OpenFiles::Limits {
    soft: 65_536,
    hard: 524_288,
};
/// Where programs are looked for (Debian's own order).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Files of everybody readable, writable by their owner alone.
const UMASK: &str = "0022";

/// `[hardening]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawHardening {
    /// Which defaults the keys below have. `standard` changes nothing that images for `docker:dind`
    /// rely on; `strict` closes more, see the table below.
    #[schemars(extend("default" = "standard", "x-strict" = "strict"))]
    pub level: Option<HardeningLevel>,
    /// Whether a process of its own carries the traffic to each published port: one more program
    /// that runs as root and reads what strangers send, for what the kernel does by itself.
    /// Variable `DIND_USERLAND_PROXY`.
    #[schemars(extend("default" = false))]
    pub userland_proxy: Option<bool>,
    /// How the output of nested containers is kept. Unbounded logs fill the data directory, and
    /// Docker's own default has no bound. `local` rotates compressed files, `json-file` is for
    /// programs that read the files themselves. Variable `DIND_LOG_DRIVER`.
    #[schemars(extend("default" = "local"))]
    pub log_driver: Option<LogDriver>,
    /// Size at which such a file is rotated. Variable `DIND_LOG_MAX_SIZE`.
    #[schemars(extend("default" = "20m", "examples" = ["100m"]))]
    pub log_max_size: Option<SizeText>,
    /// How many of them are kept of each container, the one in use included. Variable
    /// `DIND_LOG_MAX_FILE`.
    #[schemars(extend("default" = 5, "examples" = [3]))]
    pub log_max_file: Option<u32>,
    /// Files a process of a nested container may have open, `SOFT:HARD`, or `inherit`: without a
    /// limit one container can use up the descriptors of all, and programs that close every
    /// possible descriptor take minutes to start. Lowered to the daemon's own limit where that is
    /// less and cannot be raised. Variable `DIND_NOFILE`.
    #[schemars(extend("default" = "65536:524288", "examples" = ["inherit"]))]
    pub nofile: Option<OpenFiles>,
    /// The programs of packages that keep their set-user-id and set-group-id bits; all others lose
    /// them, because each is a way from any user to root. The recipe's own files may have the bits
    /// if they are named here. Links are followed, and a program keeps its bits under every name.
    /// A name that the image does not have is told when it is built. What lost its bits is in the
    /// label `io.dindimg.build` and in dpkg's list of overrides (dpkg-statoverride(1)), so that
    /// upgrades keep to it.
    #[schemars(extend(
        "default" = [
            "/usr/bin/fusermount3", "/usr/bin/newgidmap", "/usr/bin/newuidmap",
            "/usr/bin/ssh-agent", "/usr/bin/sudo", "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"
        ],
        "examples" = [["/usr/bin/su"]]
    ))]
    pub setuid: Option<Vec<ImagePath>>,
    /// Whether files that everybody may write are left as they are, and directories without the
    /// sticky bit: any user could put a program or link in the place of another's. Those of
    /// packages are mended, those of the recipe refused.
    #[schemars(extend("default" = false))]
    pub world_writable: Option<bool>,
    /// Whether every account, root first, is without a password: a known one opens each container
    /// of the image. A password hash in an account database fails the build.
    #[schemars(extend("default" = true))]
    pub lock_accounts: Option<bool>,
    /// The files that may hold a private key or a credential. Whoever pulls an image has them, so
    /// any other fails the build, and so does one in `[env]` or `[labels]`. Packages of the
    /// distribution may have any, such as the examples that come with tests: everybody can download
    /// those. Packages of `[[debian.local]]` and `[[debian.repository]]` are judged, since they can
    /// be a team's own. Those of a package that are named here lose the permissions of everybody,
    /// as dpkg's list of overrides says too; the recipe's own must not have them.
    #[schemars(extend("default" = [], "examples" = [["/etc/ssl/private/test.key"]]))]
    pub secrets: Option<Vec<ImagePath>>,
    /// Where programs are looked for, `PATH` of the image unless `[env]` has one: fixed, absolute,
    /// and never the working directory, which may be a stranger's checkout.
    #[schemars(extend("default" = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))]
    pub path: Option<SearchPath>,
    /// Permissions that files made by the daemon and by commands do not get, whatever the outer
    /// engine's. Variable `DIND_UMASK`.
    #[schemars(extend("default" = "0022", "examples" = ["0077"]))]
    pub umask: Option<Umask>,
    /// Whether processes of nested containers are kept from gaining privileges by running
    /// set-user-id programs. Variable `DIND_NO_NEW_PRIVILEGES`.
    #[schemars(extend(
        "default" = false,
        "x-strict" = true,
        "x-breaks" = "`sudo`, `su`, `ping` with file capabilities in nested containers; `--security-opt no-new-privileges=false` gives one container its way"
    ))]
    pub no_new_privileges: Option<bool>,
    /// Whether nested containers of the default bridge reach each other without `--link`. Networks
    /// made by `docker network create` and Compose are not concerned. Variable `DIND_ICC`.
    #[schemars(extend(
        "default" = true,
        "x-strict" = false,
        "x-breaks" = "containers that talk over the default bridge; needs `br_netfilter` on the host, without which the start stops"
    ))]
    pub icc: Option<bool>,
    /// Whether root in nested containers is an ordinary user outside of them: the `dockremap` of
    /// the image, ids 165536 to 231071. The user is in every image, so that `--userns-remap=default`
    /// works at any level. Variable `DIND_USERNS_REMAP`.
    #[schemars(extend(
        "default" = false,
        "x-strict" = true,
        "x-breaks" = "nested `--privileged`, `--pid=host`, `--network=host` without `--userns=host`; files of bind mounts that belong to ids outside the range; images stored before (the data directory has one store a mapping)"
    ))]
    pub userns_remap: Option<bool>,
    /// Whether the image is made to run with `--read-only`: the label then declares the paths that
    /// are written, `/certs`, `/run`, `/tmp`, `/var/log` and the data directories, and nothing else
    /// is. The engine decides, so run it with `--read-only` and a `--tmpfs` for each path.
    #[schemars(extend(
        "default" = false,
        "x-strict" = true,
        "x-breaks" = "installing packages, `docker login` and `buildx` without a volume on `/root/.docker`, writing anywhere else; certificates end with the container unless `/certs` is a volume"
    ))]
    pub read_only: Option<bool>,
    /// Whether the extras of shells are there: completions, the vendor functions of zsh and fish,
    /// and the initial files of new home directories. They are code that runs in interactive
    /// shells and nowhere else. The slim userland is without most of them anyway.
    #[schemars(extend(
        "default" = true,
        "x-strict" = false,
        "x-breaks" = "completion in interactive shells"
    ))]
    pub shell_extras: Option<bool>,
}

merge_fields!(RawHardening {
    level,
    userland_proxy,
    log_driver,
    log_max_size,
    log_max_file,
    nofile,
    setuid,
    world_writable,
    lock_accounts,
    secrets,
    path,
    umask,
    no_new_privileges,
    icc,
    userns_remap,
    read_only,
    shell_extras
});

/// What an image is closed against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hardening {
    /// Where the defaults come from.
    pub level: HardeningLevel,
    /// Whether published ports have a process of their own.
    pub userland_proxy: bool,
    /// How the output of nested containers is kept.
    pub log_driver: LogDriver,
    /// Size at which a log file is rotated.
    pub log_max_size: SizeText,
    /// Log files kept of each container.
    pub log_max_file: u32,
    /// Open files of nested containers.
    pub nofile: OpenFiles,
    /// Programs that keep their set-id bits.
    pub setuid: Vec<ImagePath>,
    /// Whether everybody may write what packages let them.
    pub world_writable: bool,
    /// Whether no account has a password.
    pub lock_accounts: bool,
    /// Files that may hold keys and credentials.
    pub secrets: Vec<ImagePath>,
    /// Where programs are looked for.
    pub path: SearchPath,
    /// Permissions that new files do not get.
    pub umask: Umask,
    /// Whether nested containers gain no privileges.
    pub no_new_privileges: bool,
    /// Whether containers of the default bridge reach each other.
    pub icc: bool,
    /// Whether root in nested containers is an ordinary user outside.
    pub userns_remap: bool,
    /// Whether the image runs on a read-only root file system.
    pub read_only: bool,
    /// Whether the extras of shells are there.
    pub shell_extras: bool,
}

impl Hardening {
    /// The default of `setuid`: programs that are of no use without the bit, and that no image has
    /// unless it asks for them.
    pub const SETUID: [&str; 6] = [
        "/usr/bin/fusermount3",
        "/usr/bin/newgidmap",
        "/usr/bin/newuidmap",
        "/usr/bin/ssh-agent",
        "/usr/bin/sudo",
        "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    ];
}

impl RawHardening {
    pub(in crate::recipe) fn finish(self) -> Result<Hardening, String> {
        let level = self.level.unwrap_or(HardeningLevel::Standard);
        let strict = level == HardeningLevel::Strict;
        let log_max_file = self.log_max_file.unwrap_or(LOG_MAX_FILE);
        if log_max_file == 0 {
            return Err("[hardening] `log-max-file` is 0; the file in use is one".to_owned());
        }
        let paths = |list: &[&str]| list.iter().map(|path| path.parse()).collect();
        Ok(Hardening {
            level,
            userland_proxy: self.userland_proxy.unwrap_or(false),
            log_driver: self.log_driver.unwrap_or(LogDriver::Local),
            log_max_size: self.log_max_size.map_or_else(|| LOG_MAX_SIZE.parse(), Ok)?,
            log_max_file,
            nofile: self.nofile.unwrap_or(OPEN_FILES),
            setuid: self.setuid.map_or_else(|| paths(&Hardening::SETUID), Ok)?,
            world_writable: self.world_writable.unwrap_or(false),
            lock_accounts: self.lock_accounts.unwrap_or(true),
            secrets: self.secrets.unwrap_or_default(),
            path: self.path.map_or_else(|| PATH.parse(), Ok)?,
            umask: self.umask.map_or_else(|| UMASK.parse(), Ok)?,
            no_new_privileges: self.no_new_privileges.unwrap_or(strict),
            icc: self.icc.unwrap_or(!strict),
            userns_remap: self.userns_remap.unwrap_or(strict),
            read_only: self.read_only.unwrap_or(strict),
            shell_extras: self.shell_extras.unwrap_or(!strict),
        })
    }
}
