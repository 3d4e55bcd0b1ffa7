//! Links: how traffic managers and tools speak to the shim. One thread a listener, one a peer; none of them is ever
//! waited for by the packet thread. Frames are as in `frame.rs`; who may come in, `unix.rs` and `tls.rs` decide.

mod channel;
mod connection;
pub mod frame;
mod listen;
mod peers;
mod service;
mod socket;
mod staging;
mod tls;
mod unix;
mod word;

pub use listen::Listeners;
pub use peers::MEMBERS_MAX;
pub use service::Service;
pub use tls::{Credentials, server_config};
pub use unix::check as check_socket;
pub use word::LinkWord;
