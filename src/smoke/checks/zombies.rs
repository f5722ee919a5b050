//! Processes that lost their parent are collected when they end.

use super::super::bench::Bench;
use super::{Check, Ruling, has_daemon, held, violated};

pub(super) const CHECK: Check = Check {
    id: "zombies",
    rule: "the first process collects processes whose parent is gone",
    hint: "the first process is no init: an entry point that replaces the image's without `--init`, or a shell that never waits",
    limit: 60,
    needs: &[],
    applies: has_daemon,
    run,
};

/// Leaves three children to the first process, and prints those of all processes that are dead and
/// uncollected two seconds later.
const ORPHANS: &str = r#"i=0
while [ $i -lt 3 ]; do
  i=$((i + 1))
  sh -c 'sleep 0.2 & exit 0'
done
sleep 2
for status in /proc/[0-9]*/status; do
  state='' parent='' name=''
  while read -r key value _; do
    case $key in
      Name:) name=$value ;;
      State:) state=$value ;;
      PPid:) parent=$value ;;
    esac
  done 2>/dev/null <"$status"
  [ "$state" = Z ] && [ "$parent" = 1 ] && echo "$name"
done
echo looked"#;

fn run(bench: &Bench<'_>) -> Ruling {
    let output = bench.inside(&["sh", "-c", ORPHANS])?;
    let said = output.text();
    let mut left: Vec<&str> = said.lines().collect();
    if left.pop() != Some("looked") {
        return violated(format!(
            "nobody could look for them: `{said}` {}",
            output.complaint()
        ));
    }
    if !left.is_empty() {
        return violated(format!(
            "{} dead processes wait for the first process: {}",
            left.len(),
            left.join(", ")
        ));
    }
    held("three orphans were collected")
}
