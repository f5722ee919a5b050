//! A conversation over TCP with nothing but the image's own openssl: a server that says each line
//! backwards, and a client that hears whether it does (openssl-s_server(1), `-rev`). Both know one
//! key, so that no certificate is needed.

use super::nested::SPEAKER;

/// What both sides know; it keeps nobody out.
const KEY: &str = "64696e64";

const WORD: &str = "dindimg";
const ANSWER: &str = "gmidnid";

/// Seconds after which a client gives a try up, lost packets included.
const PATIENCE: u32 = 8;

/// Tries of a client: a server that was just started may not listen yet.
const TRIES: u32 = 5;

/// The arguments of a server on a port.
pub(super) fn server(port: u16) -> Vec<String> {
    let words = format!("s_server -accept {port} -nocert -psk {KEY} -quiet -rev");
    words.split(' ').map(str::to_owned).collect()
}

/// A line of shell that speaks to a server until it is answered, less than a minute.
pub(super) fn client(host: &str, port: u16) -> String {
    // The server ends the conversation at that word, and `-quiet` waits for it.
    let once = format!(
        "printf '{WORD}\\nCLOSE\\n' | timeout {PATIENCE} {SPEAKER} s_client -quiet -psk {KEY} -connect {host}:{port}"
    );
    format!(
        "i=0; while [ $i -lt {TRIES} ]; do i=$((i + 1)); said=$({once} 2>&1); \
         case $said in *{ANSWER}*) echo {ANSWER}; exit 0;; esac; sleep 1; done; echo \"$said\" >&2; exit 1"
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
        assert!(client("10.0.0.2", 8080).contains("-connect 10.0.0.2:8080 2>&1"));
        assert!(server(80).contains(&"80".to_owned()));
    }
}
