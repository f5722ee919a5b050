//! Which cells run at once: no more on one host than its processors and memory carry.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of memory that a cell takes at its height: two daemons, and a nested container that grows
/// until it is ended.
const CELL_MEMORY: u64 = 3 << 29;

/// How many cells a host carries at once; one at least, and one where it does not say.
pub(super) fn room(cpus: Option<u32>, memory: Option<u64>) -> usize {
    let cpus = cpus.map_or(1, |cpus| cpus as usize);
    let memory = memory.map_or(1, |memory| {
        usize::try_from(memory / CELL_MEMORY).unwrap_or(usize::MAX)
    });
    cpus.min(memory).max(1)
}

/// Cells that wait for room, handed out in their order to whoever asks.
pub(super) struct Schedule {
    state: Mutex<State>,
    freed: Condvar,
}

struct State {
    /// Cells by number, and the host of each.
    waiting: Vec<(usize, String)>,
    /// Free places of each host.
    free: BTreeMap<String, usize>,
    stopped: bool,
}

impl Schedule {
    /// Cells by their hosts, and the places each host has.
    pub(super) fn new(hosts: Vec<String>, places: BTreeMap<String, usize>) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: hosts.into_iter().enumerate().collect(),
                free: places,
                stopped: false,
            }),
            freed: Condvar::new(),
        }
    }

    /// The next cell, and its host, for [`Schedule::done`]; waits until there is room for one.
    /// Nothing when none is left, or after [`Schedule::stop`].
    pub(super) fn next(&self) -> Option<(usize, String)> {
        let mut state = self.state();
        loop {
            if state.stopped || state.waiting.is_empty() {
                return None;
            }
            let State { waiting, free, .. } = &mut *state;
            let room = |(_, host): &(usize, String)| free.get(host).is_none_or(|free| *free > 0);
            if let Some(at) = waiting.iter().position(room) {
                let (cell, host) = waiting.remove(at);
                if let Some(free) = free.get_mut(&host) {
                    *free -= 1;
                }
                return Some((cell, host));
            }
            let freed = self.freed.wait(state);
            state = freed.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A cell has ended: its host has room again.
    pub(super) fn done(&self, host: &str) {
        if let Some(free) = self.state().free.get_mut(host) {
            *free += 1;
        }
        self.freed.notify_all();
    }

    /// No cell is handed out any more.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.freed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_carries_what_its_processors_and_its_memory_do() {
        for (cpus, memory, cells) in [
            (Some(8), Some(16 << 30), 8),
            (Some(8), Some(4 << 30), 2),
            (Some(2), Some(1 << 30), 1),
            (None, Some(64 << 30), 1),
            (Some(4), None, 1),
        ] {
            assert_eq!(room(cpus, memory), cells, "{cpus:?} {memory:?}");
        }
    }

    #[test]
    fn cells_of_a_full_host_wait_and_others_pass_them() {
        let hosts = ["a", "a", "b", "a"].map(str::to_owned).to_vec();
        let places = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 1)]);
        let schedule = Schedule::new(hosts, places);
        let taken = |expected: usize| {
            let (cell, host) = schedule.next().expect("a cell");
            assert_eq!(cell, expected);
            host
        };
        let a = taken(0);
        taken(2);
        schedule.done(&a);
        let a = taken(1);
        schedule.done(&a);
        schedule.stop();
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn a_cell_that_waits_for_room_gets_it_when_another_ends() {
        let hosts = vec!["a".to_owned(); 2];
        let schedule = Schedule::new(hosts, BTreeMap::from([("a".to_owned(), 1)]));
        let (_, host) = schedule.next().expect("the first");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| schedule.next());
            schedule.done(&host);
            assert_eq!(
                second.join().expect("it ends").map(|(cell, _)| cell),
                Some(1)
            );
        });
        assert_eq!(schedule.next(), None);
    }
}
