//! What an ELF file asks of its loader: interpreter, needed libraries, run path.

use goblin::elf::Elf;
use goblin::elf::header::{EM_AARCH64, EM_X86_64};

use crate::platform::Architecture;

/// The dynamic needs of one program or library.
pub(super) struct Binary {
    pub architecture: Architecture,
    /// `PT_INTERP`; absent in libraries and static programs.
    pub interpreter: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// Directories of `DT_RUNPATH` or `DT_RPATH`; those relative to `$ORIGIN` are left out, no
    /// system library uses them.
    pub run_path: Vec<String>,
}

/// Why a file is not a usable ELF file.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// Not ELF at all, for example a script.
    #[error("it is not an ELF file")]
    NotElf,
    /// ELF, but damaged.
    #[error("its ELF structure is damaged")]
    Damaged(#[source] goblin::error::Error),
    /// For a processor this crate does not build for.
    #[error("it is for machine type {0}, neither x86-64 nor 64-bit ARM")]
    Machine(u16),
}

impl Binary {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ElfError> {
        if !bytes.starts_with(b"\x7fELF") {
            return Err(ElfError::NotElf);
        }
        let elf = Elf::parse(bytes).map_err(ElfError::Damaged)?;
        let architecture = match elf.header.e_machine {
            EM_X86_64 => Architecture::Amd64,
            EM_AARCH64 => Architecture::Arm64,
            other => return Err(ElfError::Machine(other)),
        };
        let paths = if elf.runpaths.is_empty() {
            &elf.rpaths
        } else {
            &elf.runpaths
        };
        Ok(Self {
            architecture,
            interpreter: elf.interpreter.map(str::to_owned),
            needed: elf
                .libraries
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            run_path: paths
                .iter()
                .flat_map(|list| list.split(':'))
                .filter(|dir| dir.starts_with('/'))
                .map(str::to_owned)
                .collect(),
        })
    }
}
