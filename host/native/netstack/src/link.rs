//! Ethernet and ARP under smoltcp's IP. smoltcp has both, but asks for one neighbour a second at most, whoever it is,
//! and keeps no packet meanwhile; a server that answers a hundred new clients cannot live with that.
//!
//! There is no router: every address is on the link. An address with the prefix length 32 behind the first one is what
//! Linux has on its loopback interface with `arp_ignore=1` and `arp_announce=2`, the VIP of a host behind an appliance:
//! packets to it are taken, and no ARP speaks of it.

use std::collections::{BTreeMap, VecDeque};

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, ETHERNET_HEADER_LEN, EthernetAddress, EthernetFrame, EthernetProtocol,
    Ipv4Address, Ipv4Cidr, Ipv4Packet,
};

/// A neighbour is asked for so often, then what waits for it is dropped.
const ASKS: u32 = 3;
const ASK_EVERY: Duration = Duration::from_secs(1);
/// After this long an answer is asked for anew, while the old one is used.
const FRESH: Duration = Duration::from_secs(60);
/// Frames that wait for one neighbour; more, and the oldest is dropped.
const WAITING_MAX: usize = 256;

#[derive(Default)]
struct Neighbour {
    /// Where it is, and when it last said so.
    place: Option<(EthernetAddress, Instant)>,
    asked: u32,
    /// Set while an answer is awaited.
    ask_again: Option<Instant>,
    waiting: VecDeque<Vec<u8>>,
}

pub(crate) struct Link {
    mac: EthernetAddress,
    addresses: Vec<Ipv4Cidr>,
    neighbours: BTreeMap<Ipv4Address, Neighbour>,
    /// Frames to send.
    pub out: Vec<Vec<u8>>,
}

impl Link {
    pub fn new(mac: EthernetAddress, addresses: Vec<Ipv4Cidr>) -> Self {
        Self { mac, addresses, neighbours: BTreeMap::new(), out: Vec::new() }
    }

    /// Takes a frame from the wire; returns the IPv4 packet in it, if it is for us.
    pub fn receive<'a>(&mut self, now: Instant, frame: &'a [u8]) -> Option<&'a [u8]> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        let destination = ethernet.dst_addr();
        if destination != self.mac && !destination.is_broadcast() {
            return None;
        }
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => Some(&frame[ETHERNET_HEADER_LEN..]),
            EthernetProtocol::Arp => {
                self.receive_arp(now, &frame[ETHERNET_HEADER_LEN..]);
                None
            }
            _ => None,
        }
    }

    /// Sends a frame whose Ethernet header is still to be written.
    pub fn send(&mut self, now: Instant, mut frame: Vec<u8>) {
        let packet = Ipv4Packet::new_unchecked(&frame[ETHERNET_HEADER_LEN..]);
        let destination = packet.dst_addr();
        if destination.is_broadcast() {
            self.write_header(&mut frame, EthernetAddress::BROADCAST, EthernetProtocol::Ipv4);
            self.out.push(frame);
            return;
        }
        let neighbour = self.neighbours.entry(destination).or_default();
        let asking = neighbour.ask_again.is_some();
        let fresh = neighbour.place.is_some_and(|(_, confirmed)| now < confirmed + FRESH);
        if let Some((mac, _)) = neighbour.place {
            self.write_header(&mut frame, mac, EthernetProtocol::Ipv4);
            self.out.push(frame);
        } else {
            if neighbour.waiting.len() == WAITING_MAX {
                neighbour.waiting.pop_front();
            }
            neighbour.waiting.push_back(frame);
        }
        if !fresh && !asking {
            self.ask(now, destination);
        }
    }

    /// Asks again where an answer is overdue, and gives up where too many are.
    pub fn tick(&mut self, now: Instant) {
        let overdue = |neighbour: &Neighbour| neighbour.ask_again.is_some_and(|at| now >= at);
        self.neighbours.retain(|_, neighbour| !(overdue(neighbour) && neighbour.asked == ASKS));
        let again: Vec<_> =
            self.neighbours.iter().filter(|(_, neighbour)| overdue(neighbour)).map(|(address, _)| *address).collect();
        for address in again {
            self.ask(now, address);
        }
    }

    /// When `tick` has something to do.
    pub fn next(&self) -> Option<Instant> {
        self.neighbours.values().filter_map(|neighbour| neighbour.ask_again).min()
    }

    fn ask(&mut self, now: Instant, target: Ipv4Address) {
        let neighbour = self.neighbours.entry(target).or_default();
        neighbour.asked += 1;
        neighbour.ask_again = Some(now + ASK_EVERY);
        self.send_arp(
            EthernetAddress::BROADCAST,
            ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: self.mac,
                source_protocol_addr: self.asker(target),
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr: target,
            },
        );
    }

    /// The announced address in the target's network, else the first one.
    fn asker(&self, target: Ipv4Address) -> Ipv4Address {
        let near = self.announced().find(|own| own.contains_addr(&target));
        near.unwrap_or(&self.addresses[0]).address()
    }

    fn announced(&self) -> impl Iterator<Item = &Ipv4Cidr> {
        self.addresses
            .iter()
            .enumerate()
            .filter(|(index, own)| *index == 0 || own.prefix_len() < 32)
            .map(|(_, own)| own)
    }

    fn receive_arp(&mut self, now: Instant, packet: &[u8]) {
        let Ok(packet) = ArpPacket::new_checked(packet) else { return };
        let Ok(ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: mac,
            source_protocol_addr: address,
            target_protocol_addr: target,
            ..
        }) = ArpRepr::parse(&packet)
        else {
            return;
        };
        let for_us = self.announced().any(|own| own.address() == target);
        let ours = self.addresses.iter().any(|own| own.address() == address);
        if !mac.is_unicast() || address.is_unspecified() || ours {
            return;
        }
        if for_us || self.neighbours.contains_key(&address) {
            self.learn(now, address, mac);
        }
        if for_us && operation == ArpOperation::Request {
            self.send_arp(
                mac,
                ArpRepr::EthernetIpv4 {
                    operation: ArpOperation::Reply,
                    source_hardware_addr: self.mac,
                    source_protocol_addr: target,
                    target_hardware_addr: mac,
                    target_protocol_addr: address,
                },
            );
        }
    }

    fn learn(&mut self, now: Instant, address: Ipv4Address, mac: EthernetAddress) {
        let neighbour = self.neighbours.entry(address).or_default();
        neighbour.place = Some((mac, now));
        neighbour.asked = 0;
        neighbour.ask_again = None;
        for mut frame in std::mem::take(&mut neighbour.waiting) {
            self.write_header(&mut frame, mac, EthernetProtocol::Ipv4);
            self.out.push(frame);
        }
    }

    fn send_arp(&mut self, to: EthernetAddress, arp: ArpRepr) {
        let mut frame = vec![0; ETHERNET_HEADER_LEN + arp.buffer_len()];
        self.write_header(&mut frame, to, EthernetProtocol::Arp);
        arp.emit(&mut ArpPacket::new_unchecked(&mut frame[ETHERNET_HEADER_LEN..]));
        self.out.push(frame);
    }

    fn write_header(&self, frame: &mut [u8], to: EthernetAddress, ethertype: EthernetProtocol) {
        let mut frame = EthernetFrame::new_unchecked(frame);
        frame.set_dst_addr(to);
        frame.set_src_addr(self.mac);
        frame.set_ethertype(ethertype);
    }
}
