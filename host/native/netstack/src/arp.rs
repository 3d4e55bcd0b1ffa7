//! ARP: how neighbours of IPv4 find each other.

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, ETHERNET_HEADER_LEN, EthernetAddress, EthernetProtocol, Ipv4Address,
};

use crate::link::{Notice, write_header};

const NOBODY: EthernetAddress = EthernetAddress([0; 6]);

/// `None`: it says nothing of a neighbour.
pub(crate) fn parse(packet: &[u8]) -> Option<Notice> {
    let packet = ArpPacket::new_checked(packet).ok()?;
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: mac,
        source_protocol_addr: address,
        target_protocol_addr: target,
        ..
    } = ArpRepr::parse(&packet).ok()?
    else {
        return None;
    };
    let asks = operation == ArpOperation::Request;
    Some(Notice { address: address.into(), mac, target: target.into(), asks })
}

/// A frame that asks everyone for `target`.
pub(crate) fn question(mac: EthernetAddress, from: Ipv4Address, target: Ipv4Address) -> Vec<u8> {
    frame(ArpOperation::Request, (mac, from), EthernetAddress::BROADCAST, (NOBODY, target))
}

/// A frame that tells `asker` where `own` is.
pub(crate) fn answer(mac: EthernetAddress, own: Ipv4Address, asker: (EthernetAddress, Ipv4Address)) -> Vec<u8> {
    frame(ArpOperation::Reply, (mac, own), asker.0, asker)
}

fn frame(
    operation: ArpOperation,
    source: (EthernetAddress, Ipv4Address),
    to: EthernetAddress,
    target: (EthernetAddress, Ipv4Address),
) -> Vec<u8> {
    let arp = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: source.0,
        source_protocol_addr: source.1,
        target_hardware_addr: target.0,
        target_protocol_addr: target.1,
    };
    let mut frame = vec![0; ETHERNET_HEADER_LEN + arp.buffer_len()];
    write_header(&mut frame, source.0, to, EthernetProtocol::Arp);
    arp.emit(&mut ArpPacket::new_unchecked(&mut frame[ETHERNET_HEADER_LEN..]));
    frame
}
