//! The smoke matrix of one image: which cells it is proven in, and which of them can run where.
//!
//! ```text
//! [smoke] of the recipe ─┐
//! --engine, --axis ──────┼─► Choice ─► cells ─► runnable here, or why not ─► a run, or a fan-out
//! --cell ────────────────┘
//! ```
//!
//! Nothing here runs anything: engines are asked by [`super::list`] and [`super::run`].

mod apply;
mod cell;
mod choice;
mod fanout;
mod runnable;

pub(super) use apply::{NO_CLUSTER, apply, start};
pub use cell::{Axis, Cell};
pub use choice::Choice;
pub use fanout::{Fanout, Form, facts};
pub use runnable::Needs;
#[cfg(test)]
pub(super) use runnable::namespaces;
pub(super) use runnable::{out_of_reach, unable, why_not};
