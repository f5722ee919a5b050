//! A conversation over TCP with nothing but the image's own openssl: a server that says each line
//! backwards, and a client that hears whether it does (openssl-s_server(1), `-rev`). Both know one
//! key, so that no certificate is needed.

use super::nested::SPEAKER;

/// What both sides know; it keeps nobody out.
const KEY: &str = "64696e64";

const WORD: &str = "dindimg";
const ANSWER: &str = "gmidnid";

/// Seconds after which a client gives up, lost packets included.
const PATIENCE: u32 = 15;

/// The arguments of a server on a port.
pub(super) fn server(port: u16) -> Vec<String> {
    let words = format!("s_server -accept {port} -nocert -psk {KEY} -quiet -rev");
    words.split(' ').map(str::to_owned).collect()
}

/// A line of shell that speaks to a server.
pub(super) fn client(host: &str, port: u16) -> String {
    // The server ends the conversation at that word, and `-quiet` waits for it.
    format!(
        "printf '{WORD}\\nCLOSE\\n' | timeout {PATIENCE} {SPEAKER} s_client -quiet -psk {KEY} -connect {host}:{port}"
    )
}

/// Whether a client was answered.
pub(super) fn heard(output: &str) -> bool {
    output.lines().any(|line| line == ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_word_backwards_on_a_line_of_its_own() {
        let backwards: String = WORD.chars().rev().collect();
        assert_eq!(backwards, ANSWER);
        assert!(heard("gmidnid\n") && !heard("dindimg\n") && !heard("connect:errno=111 gmidnid"));
        assert!(client("10.0.0.2", 8080).ends_with("-connect 10.0.0.2:8080"));
        assert!(server(80).contains(&"80".to_owned()));
    }
}
