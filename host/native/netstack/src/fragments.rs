//! Fragments of IPv4 and IPv6, out and in. smoltcp has them for IPv4 only, and loses a large datagram when another one
//! follows at once.
//!
//! ```text
//!  behind an IPv6 header (RFC 8200, 4.5):   0       1    2                 4        8
//!                                           +-------+----+-------------+---+--------+
//!                                           | next  | 0  | offset / 8  | M | ident  |
//!                                           +-------+----+-------------+---+--------+
//! ```

use std::collections::BTreeMap;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpAddress, IpProtocol, IpVersion, Ipv4Packet, Ipv6Packet};

use crate::device::MTU;

const FRAGMENT_HEADER_LEN: usize = 8;
/// What is not whole after so long is dropped (RFC 8200, 4.5: 60 s; Linux: 30 s).
const TIMEOUT: Duration = Duration::from_secs(30);
/// Packets that wait for the rest of their fragments; for one more, the oldest is dropped.
const WAITING_MAX: usize = 64;
/// No packet is longer.
const PACKET_MAX: usize = 65_535;

/// Cuts a packet that is longer than the link's MTU; others are returned as they are. IPv4: without options.
pub(crate) fn split(packet: Vec<u8>, ident: u32) -> Vec<Vec<u8>> {
    if packet.len() <= MTU {
        return vec![packet];
    }
    match IpVersion::of_packet(&packet) {
        Ok(IpVersion::Ipv4) => pieces(&packet[IPV4_HEADER_LEN..], MTU - IPV4_HEADER_LEN)
            .map(|(offset, more, piece)| {
                let mut fragment = [&packet[..IPV4_HEADER_LEN], piece].concat();
                let mut ip = Ipv4Packet::new_unchecked(&mut fragment);
                ip.set_total_len((IPV4_HEADER_LEN + piece.len()) as u16);
                ip.set_ident(ident as u16);
                ip.set_dont_frag(false);
                ip.set_more_frags(more);
                ip.set_frag_offset(offset as u16);
                ip.fill_checksum();
                fragment
            })
            .collect(),
        _ => pieces(&packet[IPV6_HEADER_LEN..], MTU - IPV6_HEADER_LEN - FRAGMENT_HEADER_LEN)
            .map(|(offset, more, piece)| {
                let next = u8::from(Ipv6Packet::new_unchecked(&packet).next_header());
                let place = (offset as u16 | u16::from(more)).to_be_bytes();
                let header = [&[next, 0], &place[..], &ident.to_be_bytes()].concat();
                let mut fragment = [&packet[..IPV6_HEADER_LEN], &header, piece].concat();
                let mut ip = Ipv6Packet::new_unchecked(&mut fragment);
                ip.set_payload_len((FRAGMENT_HEADER_LEN + piece.len()) as u16);
                ip.set_next_header(IpProtocol::Ipv6Frag);
                fragment
            })
            .collect(),
    }
}

/// (offset, whether more come, bytes); offsets are multiples of 8.
fn pieces(payload: &[u8], room: usize) -> impl Iterator<Item = (usize, bool, &[u8])> {
    let step = room / 8 * 8;
    payload.chunks(step).enumerate().map(move |(i, piece)| (i * step, i * step + piece.len() < payload.len(), piece))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddress,
    destination: IpAddress,
    protocol: u8,
    ident: u32,
}

struct Fragment<'a> {
    key: Key,
    offset: usize,
    more: bool,
    /// What stands before the first fragment's bytes in the whole packet.
    header: &'a [u8],
    piece: &'a [u8],
}

struct Waiting {
    since: Instant,
    /// By offset.
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Where the last one ends.
    total: Option<usize>,
    header: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Reassembly {
    waiting: BTreeMap<Key, Waiting>,
}

impl Reassembly {
    /// Takes a packet. Returns it if it is no fragment, and the whole packet with the fragment that makes it so.
    pub fn receive(&mut self, now: Instant, packet: &[u8]) -> Option<Vec<u8>> {
        let Some(fragment) = fragment_of(packet) else { return Some(packet.to_vec()) };
        self.waiting.retain(|_, waiting| now < waiting.since + TIMEOUT);
        // It is whole, whatever else has its ident (RFC 6946).
        if fragment.offset == 0 && !fragment.more {
            return Some(whole(fragment.header.to_vec(), fragment.key, fragment.piece));
        }
        let key = fragment.key;
        if !self.waiting.contains_key(&key) && self.waiting.len() == WAITING_MAX {
            let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.since).map(|(key, _)| *key);
            self.waiting.remove(&oldest.expect("there are some"));
        }
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            since: now,
            pieces: BTreeMap::new(),
            total: None,
            header: Vec::new(),
        });
        if !waiting.add(&fragment) {
            self.waiting.remove(&key);
            return None;
        }
        let total = waiting.total.filter(|total| waiting.pieces.values().map(Vec::len).sum::<usize>() == *total)?;
        let waiting = self.waiting.remove(&key).expect("it is there");
        let payload = waiting.pieces.into_values().fold(Vec::with_capacity(total), |all, piece| [all, piece].concat());
        Some(whole(waiting.header, key, &payload))
    }
}

impl Waiting {
    /// Returns whether it fits the others: where two overlap, none is believed (RFC 5722). A copy is no overlap.
    fn add(&mut self, fragment: &Fragment) -> bool {
        let Fragment { offset, more, header, piece, .. } = *fragment;
        let end = offset + piece.len();
        if self.pieces.get(&offset).is_some_and(|other| other == piece) {
            return true;
        }
        let last = self.pieces.last_key_value().map_or(0, |(offset, piece)| offset + piece.len());
        let overlaps = self.pieces.iter().any(|(at, other)| *at < end && offset < at + other.len());
        let beyond = self.total.is_some_and(|total| end > total || !more) || (!more && last > end);
        if overlaps || beyond || end + header.len() > PACKET_MAX || (more && piece.len() % 8 != 0) || piece.is_empty() {
            return false;
        }
        if !more {
            self.total = Some(end);
        }
        if offset == 0 {
            self.header = header.to_vec();
        }
        self.pieces.insert(offset, piece.to_vec());
        true
    }
}

/// `None`: it is a whole packet, or none that could be parsed.
fn fragment_of(packet: &[u8]) -> Option<Fragment<'_>> {
    // smoltcp asks an empty packet for its version, and panics.
    packet.first()?;
    match IpVersion::of_packet(packet).ok()? {
        IpVersion::Ipv4 => {
            let ip = Ipv4Packet::new_checked(packet).ok()?;
            if !ip.more_frags() && ip.frag_offset() == 0 {
                return None;
            }
            let key = Key {
                source: ip.src_addr().into(),
                destination: ip.dst_addr().into(),
                protocol: ip.next_header().into(),
                ident: ip.ident().into(),
            };
            let header = &packet[..ip.header_len() as usize];
            let piece = &packet[header.len()..ip.total_len() as usize];
            Some(Fragment { key, offset: ip.frag_offset().into(), more: ip.more_frags(), header, piece })
        }
        IpVersion::Ipv6 => {
            let ip = Ipv6Packet::new_checked(packet).ok()?;
            if ip.next_header() != IpProtocol::Ipv6Frag || usize::from(ip.payload_len()) < FRAGMENT_HEADER_LEN {
                return None;
            }
            let end = IPV6_HEADER_LEN + usize::from(ip.payload_len());
            let (header, behind) = packet[..end].split_at(IPV6_HEADER_LEN);
            let (fragment, piece) = behind.split_at(FRAGMENT_HEADER_LEN);
            let place = u16::from_be_bytes([fragment[2], fragment[3]]);
            let key = Key {
                source: ip.src_addr().into(),
                destination: ip.dst_addr().into(),
                protocol: fragment[0],
                ident: u32::from_be_bytes([fragment[4], fragment[5], fragment[6], fragment[7]]),
            };
            Some(Fragment { key, offset: usize::from(place & !7), more: place & 1 != 0, header, piece })
        }
    }
}

/// The packet as it was before it was cut.
fn whole(header: Vec<u8>, key: Key, payload: &[u8]) -> Vec<u8> {
    let length = header.len() + payload.len();
    let mut packet = [&header, payload].concat();
    match key.source {
        IpAddress::Ipv4(_) => {
            let mut ip = Ipv4Packet::new_unchecked(&mut packet);
            ip.set_total_len(length as u16);
            ip.set_more_frags(false);
            ip.set_frag_offset(0);
            ip.fill_checksum();
        }
        IpAddress::Ipv6(_) => {
            let mut ip = Ipv6Packet::new_unchecked(&mut packet);
            ip.set_payload_len(payload.len() as u16);
            ip.set_next_header(IpProtocol::from(key.protocol));
        }
    }
    packet
}
