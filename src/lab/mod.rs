//! The lab: virtual machines whose kernel and control groups are chosen, with the image under test
//! as their root file system and as an image of their Docker daemon.
//!
//! ```text
//! Debian's packages ─► kernel, modules, busybox ─┐
//! image archive ─► layers, and the daemon's store ┼─► initramfs ─► machine ─► a daemon, by TLS
//! directories of the host ─► virtiofs ───────────┘
//! ```
//!
//! QEMU emulates the processor where KVM does not work, so nothing of the host is needed but
//! `qemu-system-x86_64`; root only for virtiofs. Everything a machine needs goes in through its
//! initramfs and its disks, what it has to tell comes out of a serial port, and its daemon is
//! reached on a port of the loopback interface. All that belongs to a machine lies in one
//! directory, which goes with it.

mod accelerator;
mod archive;
mod error;
mod image;
mod initramfs;
mod kernel;
mod machine;
mod shares;
mod store;
mod words;

use std::fmt;
use std::sync::Arc;

use crate::epoch::Epoch;
use crate::family::Mirrors;
use crate::fetch::Fetcher;
use crate::progress::Reporter;

pub use error::LabError;
pub use initramfs::{Newc, Owner};
pub use kernel::Kernel;
pub use machine::{MEMORY, Machine, Plan, QEMU};
pub use shares::{Share, no_virtiofs};

/// Where kernels come from, and who is told how far a machine is.
#[derive(Clone)]
pub struct Supply {
    /// The network and the cache.
    pub fetcher: Arc<Fetcher>,
    /// Mirrors from the environment or the user's configuration.
    pub mirrors: Mirrors,
    /// The present.
    pub now: Epoch,
    /// Who is told of progress.
    pub reporter: Arc<dyn Reporter>,
}

impl fmt::Debug for Supply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supply")
            .field("mirrors", &self.mirrors)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Which control groups a machine has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Layout {
    /// Version 2 and nothing else.
    V2,
    /// Version 1 and nothing else.
    V1,
    /// Version 1, and version 2 without controllers beside it, as systemd calls hybrid.
    Hybrid,
}

impl Layout {
    /// The word for it, as the machine's scripts know it.
    pub fn word(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
        }
    }

    /// What the kernel has to be told.
    fn argument(self) -> &'static str {
        match self {
            Self::V2 => "cgroup_no_v1=all",
            Self::V1 | Self::Hybrid => "cgroup_enable=memory",
        }
    }
}
