#![allow(missing_docs)]

mod cutting_proxy;
mod docker_registry;
mod fake_registry;
mod fetch;
mod keys;
mod peers;
mod push;
mod push_faults;
mod readers;
mod small_image;
mod support;
mod trust;
