//! The shim from outside: the program, on real ports in a network namespace of the test's own.

#[path = "../link/bundles.rs"]
#[allow(dead_code)]
mod bundles;
#[path = "../link/client.rs"]
#[allow(dead_code)]
mod client;
#[path = "../../../engine/tests/common/mod.rs"]
mod common;

mod captures;
mod cli;
mod echo;
mod fabric;
mod faults;
mod flashing;
mod packets;
mod program;
mod recording;
mod taps;
