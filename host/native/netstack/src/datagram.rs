//! UDP: sockets that are bound to a port on every own address.

use smoltcp::iface::SocketHandle;
use smoltcp::phy::{ChecksumCapabilities, PacketMeta};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket, UdpMetadata};
use smoltcp::time::Instant;
use smoltcp::wire::{ETHERNET_HEADER_LEN, IpProtocol, IpRepr, UDP_HEADER_LEN, UdpPacket, UdpRepr};

use crate::connection::{Event, EventKind};
use crate::device::MTU;
use crate::fragments::split;
use crate::segment::Tuple;
use crate::stack::{Error, Netstack};

/// Bytes of the largest datagram. What is more than a packet holds goes out in fragments.
pub const DATAGRAM_MAX: usize = 32_000;
/// A socket queues so many datagrams and bytes each way; more are lost, as on any host.
const QUEUED_MAX: usize = 256;
const QUEUED_BYTES_MAX: usize = 4 * DATAGRAM_MAX;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Both ends, as seen from here.
    pub tuple: Tuple,
    pub data: Vec<u8>,
}

pub(crate) struct Port {
    pub number: u16,
    pub socket: SocketHandle,
    /// Bytes that the owner has been told of and has not read.
    unread: usize,
}

impl Netstack {
    /// Sends and receives datagrams at `port` of every own address. Returns the socket's id.
    pub fn bind(&mut self, port: u16) -> Result<u32, Error> {
        if self.ports.values().any(|other| other.number == port) {
            return Err(Error::Port(port));
        }
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; QUEUED_MAX], vec![0; QUEUED_BYTES_MAX]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.bind(port).map_err(|_| Error::Port(port))?;
        let id = self.take_id();
        self.ports.insert(id, Port { number: port, socket: self.sockets.add(socket), unread: 0 });
        Ok(id)
    }

    /// Returns whether there was room for it. It goes from the port that the socket is bound to.
    pub fn send_datagram(&mut self, now: Instant, id: u32, tuple: Tuple, data: &[u8]) -> Result<bool, Error> {
        let port = self.ports.get(&id).ok_or(Error::UnknownSocket(id))?;
        let own = self.own.contains(&tuple.local.0) && tuple.local.1 == port.number;
        let one_family = tuple.local.0.version() == tuple.remote.0.version();
        if !own || !one_family || tuple.remote.1 == 0 || tuple.remote.0.is_unspecified() {
            return Err(Error::Endpoint(tuple));
        }
        if data.len() > DATAGRAM_MAX {
            return Err(Error::TooLong(data.len()));
        }
        let ip = ip_header(tuple, data);
        if ip.buffer_len() > MTU {
            self.send_fragments(now, ip, tuple, data);
            return Ok(true);
        }
        let meta = UdpMetadata {
            endpoint: tuple.remote.into(),
            local_address: Some(tuple.local.0),
            meta: PacketMeta::default(),
        };
        Ok(self.sockets.get_mut::<Socket>(port.socket).send_slice(data, meta).is_ok())
    }

    /// smoltcp's sockets send whole packets only.
    fn send_fragments(&mut self, now: Instant, ip: IpRepr, tuple: Tuple, data: &[u8]) {
        let checksums = ChecksumCapabilities::default();
        let mut packet = vec![0; ip.buffer_len()];
        ip.emit(&mut packet, &checksums);
        let udp = UdpRepr { src_port: tuple.local.1, dst_port: tuple.remote.1 };
        let mut datagram = UdpPacket::new_unchecked(&mut packet[ip.header_len()..]);
        let (source, destination) = (tuple.local.0, tuple.remote.0);
        udp.emit(&mut datagram, &source, &destination, data.len(), |payload| payload.copy_from_slice(data), &checksums);
        self.next_ident = self.next_ident.wrapping_add(1);
        for fragment in split(packet, self.next_ident) {
            self.link.send(now, [&[0; ETHERNET_HEADER_LEN], &fragment[..]].concat());
        }
    }

    /// The datagram that came first of those that are unread.
    pub fn receive_datagram(&mut self, id: u32) -> Result<Option<Datagram>, Error> {
        let port = self.ports.get_mut(&id).ok_or(Error::UnknownSocket(id))?;
        let socket = self.sockets.get_mut::<Socket>(port.socket);
        let received = socket.recv().ok().map(|(data, UdpMetadata { endpoint, local_address, .. })| {
            let local = local_address.expect("smoltcp sets it on what comes in");
            Datagram {
                tuple: Tuple { local: (local, port.number), remote: (endpoint.addr, endpoint.port) },
                data: data.to_vec(),
            }
        });
        port.unread = socket.recv_queue();
        Ok(received)
    }

    /// Looks at the sockets after a packet has come in.
    pub(crate) fn observe_ports(&mut self) {
        for (&id, port) in &mut self.ports {
            let unread = self.sockets.get::<Socket>(port.socket).recv_queue();
            if unread > port.unread {
                self.events.push(Event { id, kind: EventKind::Readable });
            }
            port.unread = unread;
        }
    }

    /// Returns whether `id` was a bound socket. Unsent and unread datagrams go with it.
    pub(crate) fn unbind(&mut self, id: u32) -> bool {
        let Some(port) = self.ports.remove(&id) else { return false };
        self.sockets.remove(port.socket);
        true
    }
}

fn ip_header(tuple: Tuple, data: &[u8]) -> IpRepr {
    const HOP_LIMIT: u8 = 64;
    IpRepr::new(tuple.local.0, tuple.remote.0, IpProtocol::Udp, UDP_HEADER_LEN + data.len(), HOP_LIMIT)
}
