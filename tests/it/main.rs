#![allow(missing_docs)]

mod cutting_proxy;
mod docker_registry;
mod fake_registry;
mod push;
mod push_faults;
mod small_image;
