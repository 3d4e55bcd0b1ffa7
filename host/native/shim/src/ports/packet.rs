//! A network interface by AF_PACKET: all that it receives, in promiscuous mode, and nothing that it sends. What is set
//! here belongs to the socket, and goes with it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::interface::{self, Interface};
use super::ring::{Received, Ring};
use super::vlan::{self, TAG_BYTES};
use super::word::PortWord;
use super::{HEADER_BYTES_MAX, Port, PortCounters, PortOptions};
use crate::failure::{Failure, Result};
use crate::frames::{ADDRESSES_BYTES, Room};
use crate::sys;

pub struct PacketPort {
    word: PortWord,
    interface: Interface,
    slot_bytes: usize,
    // Before the socket: the ring is the socket's.
    ring: Ring,
    socket: OwnedFd,
    counters: PortCounters,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Attached,
    /// The interface is down. The socket goes on by itself when it comes up.
    Down,
    /// The interface is there no more, at least not in this namespace.
    Gone,
}

impl PacketPort {
    /// E_PORT_MISSING, E_PORT_DOWN, E_PORT_ETHERNET, E_PORT_PERMISSION, E_PORT_OFFLOAD or E_PORT_OPEN.
    pub fn open(word: &PortWord, name: &str, options: &PortOptions, warnings: &mut Vec<Failure>) -> Result<Self> {
        let interface = interface::find(word, name)?;
        check(word, &interface, options, warnings)?;
        let socket = socket(word)?;
        let ring = attach(&socket, &interface, options.slot_bytes)
            .map_err(|error| interface::failed(word, "attaching to the interface", &error))?;
        Ok(Self {
            word: word.clone(),
            interface,
            slot_bytes: options.slot_bytes,
            ring,
            socket,
            counters: PortCounters::default(),
            state: State::Attached,
        })
    }

    /// Whether the socket has its interface, whatever name that has by now. Of one that is deleted while it is down,
    /// nothing else tells.
    fn has_interface(&self) -> bool {
        let mut place: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        let fd = self.socket.as_raw_fd();
        sys::checked(unsafe { libc::getsockname(fd, (&raw mut place).cast(), &mut size) }).is_ok()
            && place.sll_ifindex == self.interface.index
    }

    /// What the kernel tells of the interface, when it tells something.
    fn socket_error(&self) -> Option<libc::c_int> {
        let mut code: libc::c_int = 0;
        let asked = sys::get_option(self.socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, &mut code);
        (asked.is_ok() && code != 0).then_some(code)
    }
}

fn check(word: &PortWord, interface: &Interface, options: &PortOptions, warnings: &mut Vec<Failure>) -> Result<()> {
    let name = &interface.name;
    if !interface.is_ethernet {
        let message = format!("port {word}: {name} is no Ethernet interface");
        return Err(Failure::new("E_PORT_ETHERNET", message, "Name a network card, a veth or a bridge."));
    }
    if !interface.is_up {
        return Err(interface::down(word, name));
    }
    let on = interface.offloads().map_err(|error| interface::failed(word, "asking for offloads", &error))?;
    if !on.is_empty() {
        let message = format!("port {word}: {} on {name}: frames would come merged, or with open checksums", are(&on));
        let command = format!("ethtool -K {name} {} off", on.join(" off "));
        if !options.allow_offloads {
            return Err(Failure::new("E_PORT_OFFLOAD", message, command));
        }
        warnings.push(Failure::new("E_PORT_OFFLOAD", message, command));
    }
    let mtu_max = options.slot_bytes - HEADER_BYTES_MAX;
    if interface.mtu > mtu_max {
        let message = format!("port {word}: frames of {name} may have {} bytes, a slot holds {mtu_max}", interface.mtu);
        warnings.push(Failure::new(
            "E_PORT_MTU",
            message,
            format!("ip link set {name} mtu {}", super::usual_mtu(options.slot_bytes)),
        ));
    }
    Ok(())
}

/// `gro is`, `gro and tso are`
fn are(names: &[&str]) -> String {
    match names {
        [name] => format!("{name} is"),
        [most @ .., last] => format!("{} and {last} are", most.join(", ")),
        [] => unreachable!("asked only when something is on"),
    }
}

fn socket(word: &PortWord) -> Result<OwnedFd> {
    // Protocol 0: nothing is received before all is set.
    let made = sys::owned(unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) });
    made.map_err(|error| interface::failed(word, "opening a packet socket", &error))
}

fn attach(socket: &OwnedFd, interface: &Interface, slot_bytes: usize) -> io::Result<Ring> {
    let fd = socket.as_raw_fd();
    let ring = Ring::map(fd, slot_bytes)?;
    sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)?;
    let mut place: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    place.sll_family = libc::AF_PACKET as u16;
    place.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    place.sll_ifindex = interface.index;
    let size = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    sys::checked(unsafe { libc::bind(fd, (&raw const place).cast(), size) })?;
    let mut member: libc::packet_mreq = unsafe { std::mem::zeroed() };
    member.mr_ifindex = interface.index;
    member.mr_type = libc::PACKET_MR_PROMISC as u16;
    sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &member)?;
    Ok(ring)
}

impl Port for PacketPort {
    fn fd(&self) -> Option<RawFd> {
        Some(self.socket.as_raw_fd())
    }

    fn receive(&mut self, room: &mut Room) {
        let Self { ring, counters, slot_bytes, .. } = self;
        while ring.next(|received| {
            let Some(slot) = room.slot() else { return false };
            // The ring was made for the image that ran at the start: what it has cut is no whole frame in larger slots.
            let is_cut = received.bytes.len() < received.length;
            let length = copy(slot, &received).max(if is_cut { *slot_bytes + 1 } else { 0 });
            room.fill(length);
            counters.frames_in += 1;
            counters.oversize += u64::from(length > *slot_bytes);
            counters.unready += u64::from(received.is_checksum_open);
            true
        }) {}
    }

    fn send(&mut self, addresses: Option<&[u8]>, frame: &[u8]) {
        let fd = self.socket.as_raw_fd();
        let sent = match addresses {
            None => sys::send_parts(fd, &mut [sys::part(frame)]),
            Some(addresses) => sys::send_parts(fd, &mut [sys::part(addresses), sys::part(&frame[ADDRESSES_BYTES..])]),
        };
        match sent {
            Ok(()) => self.counters.frames_out += 1,
            Err(_) => self.counters.send_failed += 1,
        }
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }

    fn refresh(&mut self) {
        let mut found = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        // The kernel starts from 0 again when it is asked.
        if sys::get_option(self.socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut found).is_ok() {
            self.counters.kernel_dropped += u64::from(found.tp_drops);
        }
    }

    fn take_trouble(&mut self, is_failing: bool) -> Option<Failure> {
        if is_failing {
            self.socket_error()?;
        } else if self.state != State::Down {
            return None;
        }
        let name = &self.interface.name;
        if !self.has_interface() {
            self.state = State::Gone;
            return Some(interface::missing(&self.word, name));
        }
        let is_down = !Interface::find(name).is_ok_and(|found| found.is_some_and(|found| found.is_up));
        self.state = if is_down { State::Down } else { State::Attached };
        (is_down && is_failing).then(|| interface::down(&self.word, name))
    }

    fn is_gone(&self) -> bool {
        self.state == State::Gone
    }

    fn is_troubled(&self) -> bool {
        self.state != State::Attached
    }

    fn offload_mend(&self) -> String {
        let name = &self.interface.name;
        format!(
            "ethtool -K {name} gro off lro off tso off gso off tx off; of a veth, also: the same for its other end, in the \
             namespace where that is"
        )
    }

    fn resize(&mut self, slot_bytes: usize) {
        self.slot_bytes = slot_bytes;
    }

    fn describe(&self) -> String {
        format!("interface {}, MTU {}", self.interface.index, self.interface.mtu)
    }
}

/// Returns the real length.
fn copy(slot: &mut [u8], received: &Received) -> usize {
    match received.tag {
        None => {
            let fits = received.bytes.len().min(slot.len());
            slot[..fits].copy_from_slice(&received.bytes[..fits]);
            received.length
        }
        Some(tag) => {
            vlan::copy_tagged(slot, received.bytes, tag);
            received.length + TAG_BYTES
        }
    }
}
