//! Directories of the host that a machine has by virtiofs, each served by a program of its own.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::LabError;
use crate::process::{Background, Command, Interrupt, ProcessError};

/// How long a server may take until its socket is there.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a starting server is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What a machine shares with its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The name of the mount.
    pub tag: &'static str,
    /// Whether extended attributes reach the host. Without them an overlay cannot have its upper
    /// layer there, which is how Kata Containers share by default.
    pub xattr: bool,
}

impl Share {
    /// The share with extended attributes.
    pub const XATTR: Self = Self {
        tag: "xattr",
        xattr: true,
    };
    /// The share without.
    pub const PLAIN: Self = Self {
        tag: "plain",
        xattr: false,
    };
    /// What every machine has where the host can serve it.
    pub(super) const ALL: [Self; 2] = [Self::XATTR, Self::PLAIN];

    /// Where it is in the machine.
    pub fn path(self) -> String {
        format!("/lab/share/{}", self.tag)
    }
}

/// A program that serves a directory, of one of two families.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Server {
    /// The one in Rust, a package of its own since trixie.
    Rust(&'static str),
    /// The one of QEMU before 8.
    Qemu(&'static str),
}

/// Where Debian and Fedora have it, the newer first.
const SERVERS: [Server; 3] = [
    Server::Rust("/usr/libexec/virtiofsd"),
    Server::Rust("/usr/bin/virtiofsd"),
    Server::Qemu("/usr/lib/qemu/virtiofsd"),
];

impl Server {
    fn path(self) -> &'static str {
        match self {
            Self::Rust(path) | Self::Qemu(path) => path,
        }
    }

    fn installed() -> Option<Self> {
        let mut servers = SERVERS.into_iter();
        servers.find(|server| Path::new(server.path()).exists())
    }

    /// The command line for `directory`. Whiteouts are devices and opaque directories trusted
    /// attributes, for which the server needs `CAP_SYS_ADMIN`; limits stay the caller's, whose
    /// hard limit it may not be allowed to raise.
    fn arguments(self, share: Share, directory: &str, socket: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Rust(_) => &[
                "--sandbox",
                "chroot",
                "--rlimit-nofile",
                "0",
                "--modcaps",
                "+sys_admin",
            ],
            Self::Qemu(_) => &[
                "-o",
                "sandbox=chroot,modcaps=+sys_admin",
                "--rlimit-nofile=0",
            ],
        };
        let mut arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        arguments.push(format!("--socket-path={socket}"));
        match self {
            Self::Rust(_) => {
                arguments.push(format!("--shared-dir={directory}"));
                arguments.extend(share.xattr.then(|| "--xattr".to_owned()));
            }
            Self::Qemu(_) => {
                let xattr = if share.xattr { "xattr" } else { "no_xattr" };
                arguments.extend(["-o".to_owned(), format!("source={directory},{xattr}")]);
            }
        }
        arguments
    }
}

/// Most bytes of a socket's path (unix(7), `sun_path`).
const SOCKET_LIMIT: usize = 107;

/// Whether the sockets and directories of shares can lie in `scratch`.
///
/// # Errors
/// [`LabError::Path`] when they cannot.
pub(super) fn fits(scratch: &Path) -> Result<(), LabError> {
    let longest = Share::ALL.map(|share| socket(scratch, share).as_os_str().len());
    let reason = if longest.into_iter().any(|length| length > SOCKET_LIMIT) {
        "is too long for the sockets of a machine"
    } else if scratch.as_os_str().as_encoded_bytes().contains(&b',') {
        "has a comma, at which virtiofsd ends a path"
    } else {
        return Ok(());
    };
    let path = scratch.to_owned();
    Err(LabError::Path { path, reason })
}

/// Why machines share nothing here; `None` when they can.
pub fn no_virtiofs() -> Option<String> {
    if Server::installed().is_none() {
        return Some(
            "there is no virtiofsd; install it (Debian 12: apt-get install qemu-system-common, \
             later: apt-get install virtiofsd)"
                .to_owned(),
        );
    }
    (!rustix::process::geteuid().is_root())
        .then(|| "virtiofsd keeps the owners of files, which only root can; run as root".to_owned())
}

/// Starts the servers of every share, whose directories are made in `scratch`; none where
/// [`no_virtiofs`] has a reason.
pub(super) fn serve(
    scratch: &Path,
    interrupt: &Interrupt,
) -> Result<Vec<(Share, Background)>, LabError> {
    let Some(server) = Server::installed().filter(|_| no_virtiofs().is_none()) else {
        return Ok(Vec::new());
    };
    let mut serving = Vec::new();
    for share in Share::ALL {
        let directory = scratch.join(format!("share-{}", share.tag));
        fs::create_dir(&directory).map_err(LabError::file("write", &directory))?;
        let socket = socket(scratch, share);
        let arguments = server.arguments(
            share,
            &directory.display().to_string(),
            &socket.display().to_string(),
        );
        let mut program = Command::new(server.path())
            .args(arguments)
            .interrupt(interrupt)
            .start()?;
        wait(&mut program, &socket, interrupt)?;
        serving.push((share, program));
    }
    Ok(serving)
}

/// Where a share is served.
pub(super) fn socket(scratch: &Path, share: Share) -> std::path::PathBuf {
    scratch.join(format!("{}.sock", share.tag))
}

fn wait(program: &mut Background, socket: &Path, interrupt: &Interrupt) -> Result<(), LabError> {
    let deadline = Instant::now() + START_TIMEOUT;
    while !socket.exists() {
        let command = program.command().to_owned();
        if interrupt.is_set() {
            return Err(ProcessError::Interrupted { command }.into());
        }
        if !program.runs() || Instant::now() > deadline {
            return Err(LabError::Share {
                command,
                complaint: program.complaint(),
            });
        }
        thread::sleep(POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_sockets_or_servers_cannot_have_is_refused_with_a_way_out() {
        let error = |path: &str| fits(Path::new(path)).err().map(|error| error.to_string());
        assert_eq!(error("/cache/tmp/vm-1"), None);
        let long = error(&format!("/{}", "x".repeat(100))).expect("too long");
        assert!(
            long.ends_with("choose another cache directory (--cache-dir)"),
            "{long}"
        );
        assert!(error("/a,b").expect("a comma").contains("has a comma"));
    }

    #[test]
    fn both_servers_are_told_of_attributes_in_their_own_words() {
        let words = |server: Server, share| server.arguments(share, "/d", "/s").join(" ");
        let rust = Server::Rust("/r");
        assert!(words(rust, Share::XATTR).ends_with("--shared-dir=/d --xattr"));
        assert!(words(rust, Share::PLAIN).ends_with("--shared-dir=/d"));
        let qemu = Server::Qemu("/q");
        assert!(words(qemu, Share::XATTR).ends_with("-o source=/d,xattr"));
        assert!(words(qemu, Share::PLAIN).ends_with("-o source=/d,no_xattr"));
    }
}
