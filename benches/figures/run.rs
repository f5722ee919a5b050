//! A program run to its end, with its time and memory.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the memory of a running program is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What one run took.
#[derive(Clone, Copy)]
pub struct Sample {
    /// From the start of the process to its end.
    pub wall: Duration,
    /// Processor time of the program and what it waited for, of user and kernel together. Other
    /// work on the machine changes it little.
    pub processor: Duration,
    /// The highest resident set the kernel had noted (VmHWM, proc(5)) at the last look.
    pub memory: u64,
}

/// Runs `command`; a failure ends the measurement with what the program said.
pub fn timed(command: &mut Command) -> Sample {
    let said = tempfile::tempfile().expect("temporary file");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone().expect("descriptor"));
    let before = processor_of_children();
    let started = Instant::now();
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (ended, highest) = (AtomicBool::new(false), AtomicU64::new(0));
    let pid = child.id();
    let (status, wall) = thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                highest.fetch_max(high_water(pid).unwrap_or(0), Ordering::Relaxed);
                thread::sleep(LOOK);
            }
        });
        let status = child.wait().expect("the program can be waited for");
        let wall = started.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, wall)
    });
    assert!(status.success(), "{command:?}: {}", text(said));
    Sample {
        wall,
        processor: processor_of_children() - before,
        memory: highest.into_inner(),
    }
}

/// The same for a program whose output is wanted and whose time is not.
pub fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// What children that ended have used: fields 16 and 17 of proc(5)'s stat, in hundredths of a
/// second on every architecture Debian has.
fn processor_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("own status");
    let (_, after_name) = stat.rsplit_once(") ").expect("a name in parentheses");
    let fields = after_name.split(' ').skip(13).take(2);
    let ticks: u64 = fields
        .map(|field| field.parse::<u64>().expect("ticks"))
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Bytes of VmHWM; none once the process has given its memory back.
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn text(mut file: fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    read.map_or_else(|error| error.to_string(), |_| text)
}
