//! The shim: runs a firmware bundle on real ports. One thread moves packets, and waits for nothing else; links to
//! traffic managers have threads of their own, and ask it by jobs. It knows no message and no table: these are bytes,
//! and the image says what to keep.

pub mod bundle;
pub mod cli;
pub mod failure;
pub mod flash;
pub mod frames;
pub mod job;
pub mod link;
pub mod log;
pub mod ports;
pub mod record;
mod requests;
pub mod shim;
pub mod start;
mod sys;
mod upkeep;
pub mod wake;
