//! The emulator's TCP/IP stack: smoltcp behind frames in, frames out, and time as an argument. Nothing in it runs by
//! itself, and the same calls give the same frames. Never part of what runs in production.

mod arp;
mod connection;
mod datagram;
mod device;
mod fragments;
mod link;
mod ndisc;
mod segment;
mod stack;

pub use connection::{Event, EventKind, GIVE_UP};
pub use datagram::{DATAGRAM_MAX, Datagram};
pub use device::MTU;
pub use segment::Tuple;
pub use smoltcp::socket::tcp::State;
pub use smoltcp::time::Instant;
pub use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Address, Ipv6Address};
pub use stack::{ADDRESSES_MAX, Error, Netstack, Options, Row};
