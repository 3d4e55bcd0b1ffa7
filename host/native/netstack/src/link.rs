//! Ethernet and neighbours under smoltcp's IP. smoltcp has both, but asks for one neighbour a second at most, whoever it
//! is, and keeps no packet meanwhile; a server that answers a hundred new clients cannot live with that.
//!
//! There is no router: every address is on the link. An address that stands alone in its network (prefix length 32 or
//! 128), behind the first one of its family, is what Linux has on its loopback interface with `arp_ignore=1` and
//! `arp_announce=2`, the VIP of a host behind an appliance: packets to it are taken, and no ARP or neighbour discovery
//! speaks of it.

use std::collections::{BTreeMap, VecDeque};

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpCidr, IpVersion, Ipv4Packet,
    Ipv6Packet,
};

use crate::{arp, ndisc};

/// A neighbour is asked for so often, then what waits for it is dropped.
const ASKS: u32 = 3;
const ASK_EVERY: Duration = Duration::from_secs(1);
/// After this long an answer is asked for anew, while the old one is used.
const FRESH: Duration = Duration::from_secs(60);
/// Frames that wait for one neighbour; more, and the oldest is dropped.
const WAITING_MAX: usize = 256;

/// What a neighbour says of itself, and to whom.
pub(crate) struct Notice {
    pub address: IpAddress,
    pub mac: EthernetAddress,
    /// Whom it asks for, or whom it answers.
    pub target: IpAddress,
    pub asks: bool,
}

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
    addresses: Vec<IpCidr>,
    neighbours: BTreeMap<IpAddress, Neighbour>,
    /// Frames to send.
    pub out: Vec<Vec<u8>>,
}

impl Link {
    pub fn new(mac: EthernetAddress, addresses: Vec<IpCidr>) -> Self {
        Self { mac, addresses, neighbours: BTreeMap::new(), out: Vec::new() }
    }

    /// Takes a frame from the wire; returns the IP packet in it, if it is for us.
    pub fn receive<'a>(&mut self, now: Instant, frame: &'a [u8]) -> Option<&'a [u8]> {
        let ethernet = EthernetFrame::new_checked(frame).ok()?;
        let destination = ethernet.dst_addr();
        if destination != self.mac && !destination.is_broadcast() && !self.hears(destination) {
            return None;
        }
        let packet = &frame[ETHERNET_HEADER_LEN..];
        match ethernet.ethertype() {
            EthernetProtocol::Ipv4 => Some(packet),
            EthernetProtocol::Ipv6 if ndisc::speaks(packet) => {
                self.heard(now, ndisc::parse(packet));
                None
            }
            EthernetProtocol::Ipv6 => Some(packet),
            EthernetProtocol::Arp => {
                self.heard(now, arp::parse(packet));
                None
            }
            _ => None,
        }
    }

    /// Sends a frame whose Ethernet header is still to be written.
    pub fn send(&mut self, now: Instant, mut frame: Vec<u8>) {
        let Some(destination) = destination_of(&frame[ETHERNET_HEADER_LEN..]) else { return };
        if let Some(group) = group_of(destination) {
            write_header(&mut frame, self.mac, group, ethertype_of(destination));
            self.out.push(frame);
            return;
        }
        let neighbour = self.neighbours.entry(destination).or_default();
        let asking = neighbour.ask_again.is_some();
        let fresh = neighbour.place.is_some_and(|(_, confirmed)| now < confirmed + FRESH);
        if let Some((mac, _)) = neighbour.place {
            write_header(&mut frame, self.mac, mac, ethertype_of(destination));
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

    fn ask(&mut self, now: Instant, target: IpAddress) {
        let neighbour = self.neighbours.entry(target).or_default();
        neighbour.asked += 1;
        neighbour.ask_again = Some(now + ASK_EVERY);
        let frame = match (self.asker(target), target) {
            (Some(IpAddress::Ipv4(from)), IpAddress::Ipv4(target)) => arp::question(self.mac, from, target),
            (Some(IpAddress::Ipv6(from)), IpAddress::Ipv6(target)) => ndisc::question(self.mac, from, target),
            // smoltcp sends nothing to a family that we have no address of.
            _ => return,
        };
        self.out.push(frame);
    }

    /// The announced address in the target's network, else the first one of its family.
    fn asker(&self, target: IpAddress) -> Option<IpAddress> {
        let near = self.announced().find(|own| own.contains_addr(&target));
        let first = || self.announced().find(|own| own.address().version() == target.version());
        near.or_else(first).map(|own| own.address())
    }

    fn announced(&self) -> impl Iterator<Item = &IpCidr> {
        let first = |version| self.addresses.iter().position(|own| own.address().version() == version);
        let firsts = [first(IpVersion::Ipv4), first(IpVersion::Ipv6)];
        let own = self.addresses.iter().enumerate();
        own.filter(move |(index, own)| firsts.contains(&Some(*index)) || !is_alone(own)).map(|(_, own)| own)
    }

    /// Whether questions for an announced IPv6 address come to this group.
    fn hears(&self, group: EthernetAddress) -> bool {
        self.announced().any(|own| match own.address() {
            IpAddress::Ipv4(_) => false,
            IpAddress::Ipv6(address) => ndisc::group_mac(ndisc::solicited_node(address)) == group,
        })
    }

    fn heard(&mut self, now: Instant, notice: Option<Notice>) {
        let Some(Notice { address, mac, target, asks }) = notice else { return };
        let for_us = self.announced().any(|own| own.address() == target);
        let ours = self.addresses.iter().any(|own| own.address() == address);
        if !mac.is_unicast() || address.is_unspecified() || ours {
            return;
        }
        if for_us || self.neighbours.contains_key(&address) {
            self.learn(now, address, mac);
        }
        if for_us && asks {
            self.out.push(match (target, address) {
                (IpAddress::Ipv4(target), IpAddress::Ipv4(address)) => arp::answer(self.mac, target, (mac, address)),
                (IpAddress::Ipv6(target), IpAddress::Ipv6(address)) => ndisc::answer(self.mac, target, (mac, address)),
                _ => unreachable!("a notice is of one family"),
            });
        }
    }

    fn learn(&mut self, now: Instant, address: IpAddress, mac: EthernetAddress) {
        let neighbour = self.neighbours.entry(address).or_default();
        neighbour.place = Some((mac, now));
        neighbour.asked = 0;
        neighbour.ask_again = None;
        for mut frame in std::mem::take(&mut neighbour.waiting) {
            write_header(&mut frame, self.mac, mac, ethertype_of(address));
            self.out.push(frame);
        }
    }
}

pub(crate) fn write_header(frame: &mut [u8], from: EthernetAddress, to: EthernetAddress, ethertype: EthernetProtocol) {
    let mut frame = EthernetFrame::new_unchecked(frame);
    frame.set_dst_addr(to);
    frame.set_src_addr(from);
    frame.set_ethertype(ethertype);
}

fn is_alone(own: &IpCidr) -> bool {
    match own {
        IpCidr::Ipv4(own) => own.prefix_len() == 32,
        IpCidr::Ipv6(own) => own.prefix_len() == 128,
    }
}

/// Of a packet that smoltcp has made.
fn destination_of(packet: &[u8]) -> Option<IpAddress> {
    match IpVersion::of_packet(packet).ok()? {
        IpVersion::Ipv4 => Some(Ipv4Packet::new_unchecked(packet).dst_addr().into()),
        IpVersion::Ipv6 => Some(Ipv6Packet::new_unchecked(packet).dst_addr().into()),
    }
}

/// Where a packet that is for more than one station goes.
fn group_of(destination: IpAddress) -> Option<EthernetAddress> {
    match destination {
        IpAddress::Ipv4(address) => address.is_broadcast().then_some(EthernetAddress::BROADCAST),
        IpAddress::Ipv6(address) => address.is_multicast().then(|| ndisc::group_mac(address)),
    }
}

fn ethertype_of(address: IpAddress) -> EthernetProtocol {
    match address {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    }
}
