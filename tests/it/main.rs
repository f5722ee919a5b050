//! Tests of the real binary against real peers.
#![allow(missing_docs)]

mod base_image;
mod builds;
mod closure;
mod cutting_proxy;
mod deliver;
mod docker_registry;
mod engines;
mod fake_registry;
mod fetch;
mod guest;
mod images;
mod input;
mod keys;
mod peers;
mod product;
mod push;
mod push_faults;
mod readers;
mod small_image;
mod smoke;
mod standard;
mod support;
mod tampering;
mod trees;
mod trust;
