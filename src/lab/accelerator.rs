//! What runs a machine's processors: KVM where it works, else emulation.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{QEMU, quoted};
use crate::process::{Command, Interrupt};

/// How long a machine may take to say its first word. With KVM it takes a tenth of a second; hosts
/// are known whose `/dev/kvm` can be opened and whose processors then never run.
const PROBE: Duration = Duration::from_secs(5);

/// How often the probe is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The port at which QEMU's firmware says what it does (SeaBIOS, "Debugging").
const DEBUG_PORT: &str = "0x402";

/// What runs the processors of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Accelerator {
    /// The host's processors.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

impl Accelerator {
    /// KVM if a machine without a disk gets so far with it that its firmware speaks. The probe's
    /// files are in `scratch`; whatever goes wrong with it is a reason to emulate.
    pub(super) fn probe(scratch: &Path, interrupt: &Interrupt) -> Self {
        let device = fs::File::options().read(true).write(true).open("/dev/kvm");
        if device.is_err() {
            return Self::Tcg;
        }
        drop(device);
        let said = scratch.join("firmware");
        let probe = Command::new(QEMU)
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-machine", "q35", "-m", "64"])
            .args(Self::Kvm.arguments())
            .arg("-chardev")
            .arg(format!("file,id=said,path={}", quoted(&said)))
            .arg("-device")
            .arg(format!("isa-debugcon,iobase={DEBUG_PORT},chardev=said"))
            .interrupt(interrupt)
            .start();
        let Ok(mut probe) = probe else {
            return Self::Tcg;
        };
        let deadline = Instant::now() + PROBE;
        while probe.runs() && Instant::now() < deadline && !interrupt.is_set() {
            if fs::metadata(&said).is_ok_and(|said| said.len() > 0) {
                return Self::Kvm;
            }
            thread::sleep(POLL);
        }
        Self::Tcg
    }

    /// The options of QEMU. Emulated processors run beside each other.
    pub(super) fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max"],
        }
    }

    /// The word for messages.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "emulated",
        }
    }
}
