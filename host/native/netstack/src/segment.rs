//! What the stack must know of a TCP segment before smoltcp sees it: whose it is, and whether it opens or resets.

use smoltcp::wire::{IpProtocol, Ipv4Address, Ipv4Packet, TcpPacket};

/// A connection's four numbers, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    pub local: (Ipv4Address, u16),
    pub remote: (Ipv4Address, u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub tuple: Tuple,
    /// SYN without ACK.
    pub opens: bool,
    pub resets: bool,
}

impl Segment {
    /// `None` when it is no TCP over IPv4 that could be parsed. Checksums are smoltcp's.
    pub fn peek(packet: &[u8]) -> Option<Self> {
        let ip = Ipv4Packet::new_checked(packet).ok()?;
        if ip.next_header() != IpProtocol::Tcp {
            return None;
        }
        let tcp = TcpPacket::new_checked(ip.payload()).ok()?;
        Some(Self {
            tuple: Tuple { local: (ip.dst_addr(), tcp.dst_port()), remote: (ip.src_addr(), tcp.src_port()) },
            opens: tcp.syn() && !tcp.ack() && !tcp.rst(),
            resets: tcp.rst(),
        })
    }
}
