//! Tests of the real binary against real peers.
#![allow(missing_docs)]

mod archive;
mod base_image;
mod builds;
mod buster;
mod closure;
mod content;
mod contract;
mod cutting_proxy;
mod deb_builder;
mod deliver;
mod docker_ce;
mod docker_registry;
mod engines;
mod fake_registry;
mod fetch;
mod guest;
mod hostile;
mod images;
mod input;
mod keys;
mod peers;
mod product;
mod push;
mod push_faults;
mod readers;
mod repositories;
mod signed;
mod small_image;
mod smoke;
mod standard;
mod support;
mod tampering;
mod trees;
mod trust;
mod variants;
