#![allow(missing_docs)]

mod closure;
mod cutting_proxy;
mod docker_registry;
mod engines;
mod fake_registry;
mod fetch;
mod images;
mod keys;
mod peers;
mod push;
mod push_faults;
mod readers;
mod small_image;
mod smoke;
mod support;
mod trust;
