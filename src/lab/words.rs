//! What a machine says on its second serial port, and what QEMU says of its ports.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a machine has told so far.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// The stages it came to: seconds of its own clock, and what it is at.
    pub stages: Vec<(String, String)>,
    /// Files by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Why it cannot serve.
    pub failed: Option<String>,
    /// Whether its daemon answers and has the image: seconds of its own clock.
    pub ready: Option<String>,
}

impl Told {
    /// Reads lines `SECONDS WORD TEXT`; one that is not whole yet is left for the next time.
    pub fn read(text: &str) -> Self {
        let mut told = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let mut parts = line.trim_end_matches('\r').splitn(3, ' ');
            let (Some(seconds), Some(word)) = (parts.next(), parts.next()) else {
                continue;
            };
            let rest = parts.next().unwrap_or_default();
            match word {
                "stage" => told.stages.push((seconds.to_owned(), rest.to_owned())),
                "file" => {
                    let file = rest.split_once(' ');
                    let file =
                        file.and_then(|(name, text)| Some((name, STANDARD.decode(text).ok()?)));
                    told.files
                        .extend(file.map(|(name, bytes)| (name.to_owned(), bytes)));
                }
                "failed" => told.failed = Some(rest.to_owned()),
                "ready" => told.ready = Some(seconds.to_owned()),
                _ => {}
            }
        }
        told
    }

    /// What the machine is at.
    pub fn stage(&self) -> &str {
        self.stages
            .last()
            .map_or("the kernel", |(_, stage)| stage.as_str())
    }
}

/// The port of the host in the answer of `info usernet` that leads to `guest`:
/// `TCP[HOST_FORWARD]  10  127.0.0.1 40001  10.0.2.15  2376  0  0`.
pub(super) fn forwarded(text: &str, guest: u16) -> Option<u16> {
    let guest = guest.to_string();
    text.lines().find_map(|line| {
        let (_, rest) = line.split_once("TCP[HOST_FORWARD]")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let [_, _, port, _, to, ..] = fields[..] else {
            return None;
        };
        (to == guest).then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let text = "3.10 stage control groups\r\n4.00 file ca.pem QUI=\n9.6 rea";
        let told = Told::read(text);
        assert_eq!(told.stage(), "control groups");
        assert_eq!(told.files["ca.pem"], b"AB");
        assert_eq!(told.ready, None);
        let told = Told::read(&format!("{text}dy\n9.7 failed because of this\n"));
        assert_eq!(told.ready.as_deref(), Some("9.6"));
        assert_eq!(told.failed.as_deref(), Some("because of this"));
        assert_eq!(Told::read("").stage(), "the kernel");
    }

    #[test]
    fn the_port_is_the_one_that_leads_to_the_daemon() {
        let text = "(qemu) info usernet\r\nHub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  TCP[HOST_FORWARD]  14       127.0.0.1 40001       10.0.2.15  2376     0     0\r\n";
        assert_eq!(forwarded(text, 2376), Some(40001));
        assert_eq!(forwarded(text, 2375), None);
        assert_eq!(forwarded("(qemu) info", 2376), None);
    }
}
