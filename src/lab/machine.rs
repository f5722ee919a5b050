//! A machine: its directory, its QEMU and the servers of its shares; started, waited for, ended.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::accelerator::Accelerator;
use super::error::LabError;
use super::image::Image;
use super::initramfs::{Newc, Owner};
use super::shares::{self, Share};
use super::store;
use super::words::{Told, forwarded};
use super::{Kernel, Layout, Supply};
use crate::process::{Background, Command, Interrupt, ProcessError};
use crate::progress::Stage;

/// The emulator.
pub const QEMU: &str = "qemu-system-x86_64";

/// Mebibytes of a machine's memory: two daemons, the image's tree, and what checks take.
pub const MEMORY: u32 = 3072;

/// Bytes of the disk with the daemon's data; sparse.
const DISK: u64 = 16 << 30;

/// Port of the daemon in the machine.
const DAEMON: u16 = 2376;

/// What Docker's client wants to have in `DOCKER_CERT_PATH`.
const CERTIFICATES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];

/// How long a machine may take until its daemon has the image. Emulated, on an idle host, it takes
/// less than a minute.
const BOOT_TIMEOUT: Duration = Duration::from_secs(600);

/// How long QEMU may take to answer its monitor.
const MONITOR_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a starting machine is looked at.
const POLL: Duration = Duration::from_millis(100);

/// Lines of the console that an error shows.
const CONSOLE_LINES: usize = 25;

/// The stage in which it is the image's own daemon that fails.
const OF_IMAGE: &str = "dockerd";

/// What the names of the machines' directories begin with.
const PREFIX: &str = "vm-";

/// The file in each that is locked as long as its machine is used.
const HELD: &str = "held";

/// Where a machine has what the lab gives it.
const LAB: &str = "lab";

/// A machine to be started.
pub struct Plan {
    /// What messages call it.
    pub name: String,
    /// The Debian suite of its kernel.
    pub suite: &'static str,
    /// Its control groups.
    pub layout: Layout,
}

/// A running machine whose daemon has the image. It ends when it is dropped.
pub struct Machine {
    // Dropped in this order: programs still write below the directory until they have ended.
    _qemu: Background,
    _shares: Vec<Background>,
    scratch: TempDir,
    _held: File,
    port: u16,
    names: Vec<String>,
}

impl Machine {
    /// Starts a machine and waits until its daemon has the image of the docker-archive `image`.
    ///
    /// # Errors
    /// When its packages or the image cannot be had, a program of the host is missing, or it does
    /// not come up in time; nothing is left of it then.
    pub fn start(
        plan: &Plan,
        image: File,
        supply: &Supply,
        interrupt: &Interrupt,
    ) -> Result<Self, LabError> {
        let kernel = Kernel::of(plan.suite, supply)?;
        let task = supply
            .reporter
            .begin(Stage::Smoke, &format!("machine {}", plan.name), None);
        let home = supply.fetcher.cache().home().join("tmp");
        let (scratch, held) = scratch(&home)?;
        let at = |name: &str| scratch.path().join(name);
        let image = Image::unfold(&image, &at("layers"), interrupt)?;
        let path = at("kernel");
        fs::write(&path, &kernel.image).map_err(LabError::file("write", &path))?;
        let path = at("disk");
        let disk = File::create_new(&path).and_then(|disk| disk.set_len(DISK));
        disk.map_err(LabError::file("write", &path))?;
        let accelerator = Accelerator::probe(scratch.path(), interrupt);
        let serving = shares::serve(scratch.path(), interrupt)?;
        let (shares, servers): (Vec<Share>, Vec<Background>) = serving.into_iter().unzip();
        let initramfs = at("initramfs");
        pack(&initramfs, plan, &kernel, &image, &shares)
            .map_err(LabError::file("write", &initramfs))?;
        let mut starting = Starting {
            plan,
            qemu: Command::new(QEMU)
                .args(arguments(plan, scratch.path(), &shares, accelerator))
                .install("QEMU (Debian: apt-get install qemu-system-x86)")
                .interrupt(interrupt)
                .start()?,
            scratch: scratch.path(),
            interrupt,
            told: Told::default(),
        };
        let port = starting.port()?;
        starting.ready(|stage| supply.reporter.note(Stage::Smoke, stage))?;
        let Starting { qemu, told, .. } = starting;
        for name in CERTIFICATES {
            let path = at(name);
            let content = told.files.get(name).map_or(&[][..], Vec::as_slice);
            fs::write(&path, content).map_err(LabError::file("write", &path))?;
        }
        let seconds = told.ready.unwrap_or_default();
        supply.reporter.finish(
            task,
            &format!("ready after {seconds} s, {}", accelerator.word()),
        );
        Ok(Self {
            _qemu: qemu,
            _shares: servers,
            scratch,
            _held: held,
            port,
            names: store::names(&image),
        })
    }

    /// Where the daemon is reached, with [`Machine::certificates`].
    pub fn address(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }

    /// The directory with `ca.pem`, `cert.pem` and `key.pem` of the daemon's client.
    pub fn certificates(&self) -> &Path {
        self.scratch.path()
    }

    /// What its daemon knows the image by.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// A directory for a machine, and the file that is locked as long as it is used. Those of machines
/// whose process was killed go.
fn scratch(home: &Path) -> Result<(TempDir, File), LabError> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
    }) {
        // Without the file it is one that begins or ends just now.
        if File::open(entry.path().join(HELD)).is_ok_and(|held| held.try_lock().is_ok()) {
            fs::remove_dir_all(entry.path()).map_err(LabError::file("remove", &entry.path()))?;
        }
    }
    let scratch = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(home);
    let scratch = scratch.map_err(LabError::file("write", home))?;
    shares::fits(scratch.path())?;
    // Locked under another name, so that nobody takes it for one that is left.
    let path = scratch.path().join("new");
    let held = File::create_new(&path).map_err(LabError::file("write", &path))?;
    held.lock().map_err(LabError::file("write", &path))?;
    let named = fs::rename(&path, scratch.path().join(HELD));
    named.map_err(LabError::file("write", &path))?;
    Ok((scratch, held))
}

/// A machine that is not ready yet.
struct Starting<'a> {
    plan: &'a Plan,
    qemu: Background,
    scratch: &'a Path,
    interrupt: &'a Interrupt,
    told: Told,
}

impl Starting<'_> {
    /// The port that leads to the daemon, which the kernel of the host has chosen.
    fn port(&mut self) -> Result<u16, LabError> {
        self.qemu.say("info usernet");
        let deadline = Instant::now() + MONITOR_TIMEOUT;
        loop {
            if let Some(port) = forwarded(&self.qemu.heard(), DAEMON) {
                return Ok(port);
            }
            self.still("its monitor does not answer", deadline)?;
        }
    }

    /// Waits until the daemon has the image; tells every stage.
    fn ready(&mut self, tell: impl Fn(&str)) -> Result<(), LabError> {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        let results = self.scratch.join("results");
        loop {
            let known = self.told.stages.len();
            let text = fs::read(&results).unwrap_or_default();
            self.told = Told::read(&String::from_utf8_lossy(&text));
            for (seconds, stage) in &self.told.stages[known..] {
                tell(&format!("{}: {stage} ({seconds} s)", self.plan.name));
            }
            if self.told.ready.is_some() {
                return Ok(());
            }
            if let Some(reason) = self.told.failed.take() {
                return Err(match self.told.stage() {
                    OF_IMAGE => LabError::Daemon {
                        machine: self.plan.name.clone(),
                        reason,
                        console: self.console(),
                    },
                    _ => self.failed(reason),
                });
            }
            self.still("it takes too long", deadline)?;
        }
    }

    /// Waits a moment, unless there is nothing to wait for.
    fn still(&mut self, late: &str, deadline: Instant) -> Result<(), LabError> {
        if self.interrupt.is_set() {
            let command = self.qemu.command().to_owned();
            return Err(ProcessError::Interrupted { command }.into());
        }
        if !self.qemu.runs() {
            let complaint = self.qemu.complaint();
            return Err(self.failed(format!("QEMU ended: {complaint}")));
        }
        if Instant::now() > deadline {
            return Err(self.failed(late.to_owned()));
        }
        thread::sleep(POLL);
        Ok(())
    }

    fn failed(&self, reason: String) -> LabError {
        LabError::Boot {
            machine: self.plan.name.clone(),
            stage: format!("at the stage `{}`", self.told.stage()),
            reason,
            console: self.console(),
        }
    }

    /// The last lines it printed.
    fn console(&self) -> String {
        let console = fs::read(self.scratch.join("console")).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let lines: Vec<&str> = console.lines().collect();
        lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n")
    }
}

/// A path as a value of QEMU's options, in which a comma ends a value.
pub(super) fn quoted(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// The command line of QEMU for a machine whose files are in `scratch`.
fn arguments(
    plan: &Plan,
    scratch: &Path,
    shares: &[Share],
    accelerator: Accelerator,
) -> Vec<String> {
    let at = |name: &str| scratch.join(name).display().to_string();
    let drive = format!(
        "file={},format=raw,if=virtio,cache=unsafe",
        quoted(&scratch.join("disk"))
    );
    let serial = |name: &str| format!("file:{}", quoted(&scratch.join(name)));
    let network = format!("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:{DAEMON}");
    let words = format!(
        "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on {}",
        plan.layout.argument()
    );
    let shares = shares.iter().flat_map(|share| {
        let tag = share.tag;
        let socket = quoted(&shares::socket(scratch, *share));
        [
            "-chardev".to_owned(),
            format!("socket,id={tag},path={}", socket),
            "-device".to_owned(),
            format!("vhost-user-fs-pci,chardev={tag},tag={tag}"),
        ]
    });
    [
        &["-nodefaults", "-no-user-config", "-no-reboot"][..],
        &["-display", "none", "-monitor", "stdio"],
        &["-machine", "q35,memory-backend=memory", "-m"],
        &[&MEMORY.to_string()],
        &["-object"],
        &[&format!(
            "memory-backend-memfd,id=memory,size={MEMORY}M,share=on"
        )],
        &["-smp", "2"],
        &accelerator.arguments(),
        &["-kernel", &at("kernel"), "-initrd", &at("initramfs")],
        &["-append", &words],
        &["-drive", &drive],
        &["-netdev", &network, "-device", "virtio-net-pci,netdev=net"],
        &["-serial", &serial("console")],
        &["-serial", &serial("results")],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .chain(shares)
    .collect()
}

/// A path that debugfs(8) reads as one word.
fn word(path: &[u8]) -> io::Result<&str> {
    let text = std::str::from_utf8(path).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+/".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text),
        false => Err(io::Error::other(format!(
            "{} has capabilities and a name that debugfs cannot be told",
            String::from_utf8_lossy(path)
        ))),
    }
}

/// Writes the initramfs: first stage, modules, the image's layers, and what the second stage needs.
fn pack(
    path: &Path,
    plan: &Plan,
    kernel: &Kernel,
    image: &Image,
    shares: &[Share],
) -> io::Result<()> {
    let out = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    let mut archive = Newc::new(out);
    let owner = Owner::PROGRAM;
    let store = store::store(image);
    let mut directories: BTreeSet<String> = ["bin", "modules"].map(str::to_owned).into();
    for path in store.keys() {
        let path = format!("{LAB}/docker/{path}");
        let slashes = path.match_indices('/');
        directories.extend(slashes.map(|(at, _)| path[..at].to_owned()));
    }
    directories.insert(format!("{LAB}/docker/overlay2/l"));
    for (number, layer) in image.layers.iter().enumerate() {
        let name = store::directory(number);
        for of in ["diff", "work"] {
            directories.insert(format!("{LAB}/docker/overlay2/{name}/{of}"));
        }
        let root = format!("layers/{number}");
        if number == 0 {
            archive.directory(b"layers", owner)?;
        }
        image.pack(layer, root.as_bytes(), &mut archive)?;
    }
    for directory in &directories {
        archive.directory(directory.as_bytes(), owner)?;
    }
    for number in 0..image.layers.len() {
        let name = format!("{LAB}/docker/overlay2/l/{}", store::link(number));
        let target = format!("../{}/diff", store::directory(number));
        archive.link(name.as_bytes(), owner, target.as_bytes())?;
    }
    let mut file = |name: &str, content: &[u8]| {
        let length = content.len() as u64;
        archive.file(name.as_bytes(), owner, content, length)
    };
    file("init", include_bytes!("guest/init.sh"))?;
    file("bin/busybox", &kernel.shell)?;
    let order = kernel.modules.iter().map(|(name, _)| format!("{name}\n"));
    file("modules/order", order.collect::<String>().as_bytes())?;
    for (name, content) in &kernel.modules {
        file(&format!("modules/{name}.ko"), content)?;
    }
    let below = |name: &str| format!("{LAB}/{name}");
    for (path, content) in &store {
        file(&below(&format!("docker/{path}")), content)?;
    }
    let (mut layers, mut commands, mut count) = (String::new(), String::new(), 0);
    for (number, layer) in image.layers.iter().enumerate() {
        let name = store::directory(number);
        let place = if layer.capabilities.is_empty() {
            "memory"
        } else {
            "disk"
        };
        layers.push_str(&format!("{number} {name} {place}\n"));
        for (path, capability) in &layer.capabilities {
            let value = below(&format!("capability.{count}"));
            file(&value, capability)?;
            let path = word(path)?;
            commands.push_str(&format!(
                "ea_set -f /{value} /overlay2/{name}/diff/{path} security.capability\n"
            ));
            count += 1;
        }
    }
    file(&below("layers"), layers.as_bytes())?;
    file(&below("capabilities"), commands.as_bytes())?;
    file(&below("busybox"), &kernel.shell)?;
    file(&below("boot.sh"), include_bytes!("guest/boot.sh"))?;
    file(&below("openssl.cnf"), include_bytes!("guest/openssl.cnf"))?;
    let layout = format!("{}\n", plan.layout.word());
    file(&below("layout"), layout.as_bytes())?;
    let tags = shares.iter().map(|share| format!("{}\n", share.tag));
    file(&below("shares"), tags.collect::<String>().as_bytes())?;
    archive.finish().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_of_a_machine_that_was_killed_goes_and_that_of_a_running_one_stays() {
        let home = tempfile::tempdir().expect("a directory");
        let (running, held) = scratch(home.path()).expect("a directory");
        let killed = home.path().join("vm-killed");
        fs::create_dir(&killed).expect("a directory");
        fs::write(killed.join(HELD), "").expect("written");
        let other = home.path().join("else");
        fs::create_dir(&other).expect("a directory");
        let (next, _) = scratch(home.path()).expect("a directory");
        assert!(!killed.exists() && other.exists());
        assert!(running.path().exists() && next.path().exists());
        drop(held);
        scratch(home.path()).expect("a directory");
        assert!(!running.path().exists());
    }
}
