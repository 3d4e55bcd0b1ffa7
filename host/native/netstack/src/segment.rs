//! What the stack must know of a TCP segment before smoltcp sees it: whose it is, and whether it opens or resets.

use smoltcp::wire::{IpAddress, IpProtocol, IpVersion, Ipv4Packet, Ipv6ExtHeader, Ipv6Packet, TcpPacket};

/// A connection's four numbers, as seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    pub local: (IpAddress, u16),
    pub remote: (IpAddress, u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub tuple: Tuple,
    /// SYN without ACK.
    pub opens: bool,
    pub resets: bool,
}

impl Segment {
    /// `None` when it is no TCP that could be parsed. Checksums are smoltcp's.
    pub fn peek(packet: &[u8]) -> Option<Self> {
        // smoltcp asks an empty packet for its version, and panics.
        packet.first()?;
        let (source, destination, protocol, payload) = match IpVersion::of_packet(packet).ok()? {
            IpVersion::Ipv4 => {
                let ip = Ipv4Packet::new_checked(packet).ok()?;
                (ip.src_addr().into(), ip.dst_addr().into(), ip.next_header(), ip.payload())
            }
            IpVersion::Ipv6 => {
                let ip = Ipv6Packet::new_checked(packet).ok()?;
                let (protocol, payload) = behind_options(ip.next_header(), ip.payload())?;
                (IpAddress::from(ip.src_addr()), IpAddress::from(ip.dst_addr()), protocol, payload)
            }
        };
        if protocol != IpProtocol::Tcp {
            return None;
        }
        let tcp = TcpPacket::new_checked(payload).ok()?;
        Some(Self {
            tuple: Tuple { local: (destination, tcp.dst_port()), remote: (source, tcp.src_port()) },
            opens: tcp.syn() && !tcp.ack() && !tcp.rst(),
            resets: tcp.rst(),
        })
    }
}

/// smoltcp looks behind one hop-by-hop header, and behind no other.
fn behind_options(next: IpProtocol, payload: &[u8]) -> Option<(IpProtocol, &[u8])> {
    if next != IpProtocol::HopByHop {
        return Some((next, payload));
    }
    let header = Ipv6ExtHeader::new_checked(payload).ok()?;
    let length = (usize::from(header.header_len()) + 1) * 8;
    Some((header.next_header(), payload.get(length..)?))
}
