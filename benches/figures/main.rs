//! The figures of README: one command measures them and prints the table.
//!
//! `cargo bench` takes every figure several times, with the peers that are installed beside them.
//! `cargo bench -- --quick` takes our own once, which is what CI can afford.
//! `--json FILE` writes the samples, and any other word chooses the figures whose id
//! contains it.
//!
//! "Package files cached" means a cache that holds the verified `.deb` files and nothing else.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod builds;
mod changes;
mod delivery;
#[path = "../../tests/it/docker_registry.rs"]
#[allow(dead_code)]
mod docker_registry;
#[path = "../../tests/it/engines.rs"]
#[allow(dead_code)]
mod engines;
mod locks;
mod options;
mod peers;
mod probe;
#[path = "../../tests/it/product.rs"]
#[allow(dead_code)]
mod product;
mod run;
mod sizes;
mod start;
mod table;
mod workshop;

use options::Options;
use table::Table;
use workshop::Workshop;

/// A group of figures taken together.
struct Group {
    /// The beginning of the ids of its figures.
    id: &'static str,
    /// Whether the figures are those of other programs.
    peer: bool,
    take: fn(&Workshop, &mut Table),
}

/// Every group, in the order of the table.
const GROUPS: &[Group] = &[
    Group {
        id: "cold",
        peer: false,
        take: builds::cold,
    },
    Group {
        id: "unchanged",
        peer: false,
        take: builds::unchanged,
    },
    Group {
        id: "guest",
        peer: false,
        take: changes::guest,
    },
    Group {
        id: "package",
        peer: false,
        take: changes::package,
    },
    Group {
        id: "six",
        peer: false,
        take: builds::six,
    },
    Group {
        id: "lock",
        peer: false,
        take: locks::lock,
    },
    Group {
        id: "push",
        peer: false,
        take: delivery::push,
    },
    Group {
        id: "size",
        peer: false,
        take: sizes::size,
    },
    Group {
        id: "start",
        peer: false,
        take: start::start,
    },
    Group {
        id: "mmdebstrap",
        peer: true,
        take: peers::mmdebstrap,
    },
    Group {
        id: "docker-build",
        peer: true,
        take: peers::docker_build,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(probe) = probe::asked(&arguments) {
        return probe::answer(&probe);
    }
    let Some(options) = Options::parse(&arguments) else {
        return;
    };
    let workshop = Workshop::open();
    let mut table = Table::new(&options);
    for group in GROUPS {
        if (options.quick && group.peer) || !options.wants(group.id) {
            continue;
        }
        eprintln!("{}: measuring", group.id);
        (group.take)(&workshop, &mut table);
    }
    print!("{}", table.markdown());
    if let Some(path) = &options.json {
        std::fs::write(path, table.json()).expect("the samples can be written");
    }
}
