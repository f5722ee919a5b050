//! For each rule sound manifests in which a few things are changed, and what its message says.

mod data;
mod doors;
mod life;

/// Rule, a sound manifest, what is put in the place of what, a part of the message.
pub type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// Every case.
pub fn broken() -> impl Iterator<Item = &'static Case> {
    data::BROKEN.iter().chain(doors::BROKEN).chain(life::BROKEN)
}
