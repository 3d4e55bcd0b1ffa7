//! Neighbour discovery (RFC 4861): how neighbours of IPv6 find each other. No routers, no duplicate address detection.

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetAddress, EthernetProtocol, IPV6_HEADER_LEN, Icmpv6Message, Icmpv6Packet, Icmpv6Repr,
    IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};

use crate::link::{Notice, write_header};

/// Of a packet that no router has passed on; others are not believed.
const HOP_LIMIT: u8 = 255;

/// The group that is asked for `address`: ff02::1:ff00:0/104 and its last three bytes (RFC 4291, 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Address) -> Ipv6Address {
    let [.., a, b, c] = address.octets();
    Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, u16::from_be_bytes([0xff, a]), u16::from_be_bytes([b, c]))
}

/// Where frames for a multicast address go: 33:33 and its last four bytes (RFC 2464, 7).
pub(crate) fn group_mac(group: Ipv6Address) -> EthernetAddress {
    let [.., a, b, c, d] = group.octets();
    EthernetAddress([0x33, 0x33, a, b, c, d])
}

/// Whether this is a neighbour's question or answer, well made or not.
pub(crate) fn speaks(packet: &[u8]) -> bool {
    let Ok(ip) = Ipv6Packet::new_checked(packet) else { return false };
    ip.next_header() == IpProtocol::Icmpv6
        && Icmpv6Packet::new_checked(ip.payload())
            .is_ok_and(|icmp| matches!(icmp.msg_type(), Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert))
}

/// `None`: it is not to be believed, or does not say where the neighbour is.
pub(crate) fn parse(packet: &[u8]) -> Option<Notice> {
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    let repr = Icmpv6Repr::parse(&source, &destination, &icmp, &ChecksumCapabilities::default()).ok()?;
    if ip.hop_limit() != HOP_LIMIT || icmp.msg_code() != 0 {
        return None;
    }
    match repr {
        Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr: Some(mac) }) => {
            Some(Notice { address: source.into(), mac: ethernet(mac)?, target: target_addr.into(), asks: true })
        }
        Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { target_addr, lladdr: Some(mac), .. }) => {
            Some(Notice { address: target_addr.into(), mac: ethernet(mac)?, target: destination.into(), asks: false })
        }
        _ => None,
    }
}

/// A frame that asks for `target`.
pub(crate) fn question(mac: EthernetAddress, from: Ipv6Address, target: Ipv6Address) -> Vec<u8> {
    let group = solicited_node(target);
    let solicit = NdiscRepr::NeighborSolicit { target_addr: target, lladdr: Some(mac.into()) };
    frame(mac, from, (group_mac(group), group), solicit)
}

/// A frame that tells `asker` where `own` is.
pub(crate) fn answer(mac: EthernetAddress, own: Ipv6Address, asker: (EthernetAddress, Ipv6Address)) -> Vec<u8> {
    let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
    frame(mac, own, asker, NdiscRepr::NeighborAdvert { flags, target_addr: own, lladdr: Some(mac.into()) })
}

fn frame(mac: EthernetAddress, from: Ipv6Address, to: (EthernetAddress, Ipv6Address), ndisc: NdiscRepr) -> Vec<u8> {
    let icmp = Icmpv6Repr::Ndisc(ndisc);
    let ip = Ipv6Repr {
        src_addr: from,
        dst_addr: to.1,
        next_header: IpProtocol::Icmpv6,
        payload_len: icmp.buffer_len(),
        hop_limit: HOP_LIMIT,
    };
    let mut frame = vec![0; ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + icmp.buffer_len()];
    write_header(&mut frame, mac, to.0, EthernetProtocol::Ipv6);
    let (head, body) = frame[ETHERNET_HEADER_LEN..].split_at_mut(IPV6_HEADER_LEN);
    ip.emit(&mut Ipv6Packet::new_unchecked(head));
    icmp.emit(&from, &to.1, &mut Icmpv6Packet::new_unchecked(body), &ChecksumCapabilities::default());
    frame
}

fn ethernet(address: RawHardwareAddress) -> Option<EthernetAddress> {
    let bytes: [u8; 6] = address.as_bytes().try_into().ok()?;
    Some(EthernetAddress(bytes))
}
