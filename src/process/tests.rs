use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::*;

fn sh(script: &str) -> Command {
    Command::new("sh").arg("-c").arg(script)
}

#[test]
fn both_streams_and_the_code_come_back() {
    let output = sh("echo out; echo err >&2; exit 7")
        .output()
        .expect("sh runs");
    assert_eq!((output.text().as_str(), output.code()), ("out", 7));
    assert_eq!(output.complaint(), "err");
}

#[test]
fn a_failure_names_command_status_and_the_end_of_stderr() {
    let error = sh("echo one >&2; echo 'it broke' >&2; exit 3")
        .run()
        .expect_err("exit 3");
    insta::assert_snapshot!(error, @r"
    `sh -c 'echo one >&2; echo '\''it broke'\'' >&2; exit 3'` ended with exit status: 3: one
    it broke
    ");
}

#[test]
fn a_missing_program_says_what_to_install() {
    let error = Command::new("dindimg-no-such-program")
        .install("Podman (Debian: apt-get install podman)")
        .run()
        .expect_err("does not exist");
    assert_eq!(
        error.to_string(),
        "`dindimg-no-such-program` is not on PATH; install Podman (Debian: apt-get install podman)"
    );
}

#[test]
fn a_large_input_flows_while_output_is_read() {
    let size = 8 << 20;
    let output = Command::new("cat")
        .input(Input::Reader(Box::new(io::repeat(b'x').take(size))))
        .run()
        .expect("cat copies");
    assert_eq!(output.stdout.len() as u64, size);
}

#[test]
fn a_program_may_leave_its_input_unread() {
    let output = sh("exit 0").input(Input::Bytes(vec![0; 1 << 20])).run();
    assert!(output.is_ok());
}

#[test]
fn a_broken_input_is_not_taken_for_its_end() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let error = sh("cat >/dev/null; echo whole")
        .input(Input::Reader(Box::new(Broken)))
        .output()
        .expect_err("input broke");
    assert!(matches!(error, ProcessError::Input { .. }), "{error:?}");
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let started = Instant::now();
    let error = sh("sleep 61 & sleep 60")
        .timeout(Duration::from_millis(200))
        .output()
        .expect_err("too slow");
    assert!(matches!(error, ProcessError::TimedOut { .. }), "{error:?}");
    // The background sleep holds the pipes: only its death lets the call return this early.
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_interrupt_ends_a_running_command_and_refuses_the_next() {
    let interrupt = Interrupt::new();
    let remote = interrupt.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        remote.set();
    });
    for script in ["sleep 60", "exit 0"] {
        let error = sh(script).interrupt(&interrupt).output().expect_err(script);
        assert!(matches!(error, ProcessError::Interrupted { .. }));
    }
}

#[test]
fn a_descendant_holding_the_pipes_does_not_hold_the_caller() {
    let started = Instant::now();
    let output = sh("setsid sleep 20 & echo here").run().expect("sh ends");
    assert_eq!(output.text(), "here");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_background_program_is_spoken_with_and_goes_with_its_handle() {
    let mut program = sh("sleep 60 & echo $!; read line; echo heard $line; sleep 60")
        .start()
        .expect("setpriv starts");
    program.say("this");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !program.heard().contains("heard this") && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let heard = program.heard();
    let (descendant, rest) = heard.split_once('\n').expect("a line");
    assert_eq!(rest, "heard this\n");
    assert!(program.runs());
    drop(program);
    // Init reaps it soon after.
    let status = format!("/proc/{descendant}/status");
    let ended = || {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    };
    while !ended() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(ended());
}

#[test]
fn a_background_program_that_does_not_exist_ends_with_a_complaint() {
    let mut program = Command::new("/dindimg-none").start().expect("setpriv");
    let deadline = Instant::now() + Duration::from_secs(10);
    while program.runs() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(!program.runs());
    while program.complaint().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(program.complaint().contains("dindimg-none"));
}

#[test]
fn limits_on_output_hold() {
    let error = sh("head -c 4096 /dev/zero")
        .stdout_limit(4095)
        .output()
        .expect_err("one byte too many");
    assert!(matches!(
        error,
        ProcessError::TooMuchOutput { limit: 4095, .. }
    ));
    let output = sh("seq 1 100000 >&2")
        .stderr_tail(16)
        .run()
        .expect("seq runs");
    assert_eq!(output.stderr, b"98\n99999\n100000\n"[..].to_vec());
}
