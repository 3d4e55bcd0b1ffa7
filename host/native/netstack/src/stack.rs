//! One Ethernet interface with its addresses and TCP sockets. `datagram.rs` has those of UDP.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr};

use crate::connection::{Connection, Event, EventKind};
use crate::datagram::{DATAGRAM_MAX, Port};
use crate::device::Device;
use crate::fragments::Reassembly;
use crate::link::Link;
use crate::segment::{Segment, Tuple};

pub struct Options {
    pub mac: EthernetAddress,
    /// The own one first; from 1 to `ADDRESSES_MAX`.
    pub addresses: Vec<IpCidr>,
    pub seed: u64,
    /// Bytes a socket.
    pub receive_buffer: usize,
    pub send_buffer: usize,
}

pub const ADDRESSES_MAX: usize = smoltcp::config::IFACE_MAX_ADDR_COUNT;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There are no addresses, or more than `ADDRESSES_MAX`.
    Addresses(usize),
    /// No socket has this id.
    UnknownSocket(u32),
    /// This port has a socket already, or it is 0.
    Port(u16),
    /// There is such a connection already.
    Connected(Tuple),
    /// One side of this connection has no usable address or port.
    Endpoint(Tuple),
    /// Bytes, which are more than a datagram may have.
    TooLong(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |tuple: &Tuple| {
            let Tuple { local, remote } = tuple;
            format!("{}:{} to {}:{}", local.0, local.1, remote.0, remote.1)
        };
        match self {
            Self::Addresses(count) => write!(f, "{count} addresses; an interface has 1 to {ADDRESSES_MAX}"),
            Self::UnknownSocket(id) => write!(f, "no socket has the id {id}"),
            Self::Port(port) => write!(f, "port {port} cannot be used, or is already"),
            Self::Connected(tuple) => write!(f, "{} is connected already", pair(tuple)),
            Self::Endpoint(tuple) => write!(f, "{} cannot be connected", pair(tuple)),
            Self::TooLong(length) => write!(f, "{length} bytes; a datagram has {DATAGRAM_MAX} at most"),
        }
    }
}

impl std::error::Error for Error {}

pub struct Row {
    pub id: u32,
    pub state: State,
    pub tuple: Tuple,
}

pub struct Netstack {
    interface: Interface,
    pub(crate) sockets: SocketSet<'static>,
    device: Device,
    pub(crate) link: Link,
    reassembly: Reassembly,
    /// Of what is sent in fragments.
    pub(crate) next_ident: u32,
    buffers: (usize, usize),
    pub(crate) own: Vec<IpAddress>,
    /// The one listening socket of each port. A frame makes one connection at most, and takes it.
    listeners: BTreeMap<u16, SocketHandle>,
    /// By id.
    connections: BTreeMap<u32, Connection>,
    /// All that are not closed.
    by_tuple: HashMap<Tuple, u32>,
    /// Bound ones of UDP, by id.
    pub(crate) ports: BTreeMap<u32, Port>,
    next_id: u32,
    pub(crate) events: Vec<Event>,
}

impl Netstack {
    pub fn new(options: Options) -> Result<Self, Error> {
        let Options { mac, addresses, seed, receive_buffer, send_buffer } = options;
        if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
            return Err(Error::Addresses(addresses.len()));
        }
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut device = Device::default();
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|list| {
            list.extend(addresses.iter().copied());
        });
        every_address_is_on_the_link(&mut interface, &addresses);
        Ok(Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            device,
            own: addresses.iter().map(|address| address.address()).collect(),
            link: Link::new(mac, addresses),
            reassembly: Reassembly::default(),
            next_ident: seed as u32,
            buffers: (receive_buffer, send_buffer),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            by_tuple: HashMap::new(),
            ports: BTreeMap::new(),
            next_id: 1,
            events: Vec::new(),
        })
    }

    /// Accepts connections to `port` on any own address.
    pub fn listen(&mut self, port: u16) -> Result<(), Error> {
        if port == 0 || self.listeners.contains_key(&port) {
            return Err(Error::Port(port));
        }
        self.add_listener(port);
        Ok(())
    }

    pub fn connect(&mut self, now: Instant, tuple: Tuple) -> Result<u32, Error> {
        if self.by_tuple.contains_key(&tuple) {
            return Err(Error::Connected(tuple));
        }
        if !self.own.contains(&tuple.local.0) {
            return Err(Error::Endpoint(tuple));
        }
        // smoltcp reads the interface's clock.
        self.interface.poll_maintenance(now);
        let mut socket = self.new_socket();
        socket.connect(self.interface.context(), tuple.remote, tuple.local).map_err(|_| Error::Endpoint(tuple))?;
        let handle = self.sockets.add(socket);
        let id = self.add_connection(tuple, handle, false);
        self.observe(id, now, false, false);
        Ok(id)
    }

    /// Takes one frame from the wire.
    pub fn receive(&mut self, now: Instant, frame: &[u8]) {
        let Some(packet) = self.link.receive(now, frame) else { return };
        let Some(packet) = self.reassembly.receive(now, packet) else { return };
        let segment = Segment::peek(&packet);
        let known = segment.and_then(|segment| self.by_tuple.get(&segment.tuple).copied());
        if let (Some(Segment { opens: true, .. }), Some(id)) = (segment, known)
            && !self.take_syn_of_known(id)
        {
            return;
        }
        self.device.ingress = packet;
        self.interface.poll_ingress_single(now, &mut self.device, &mut self.sockets);
        self.send_queued(now);

        let Some(segment) = segment else { return self.observe_ports() };
        match self.by_tuple.get(&segment.tuple) {
            Some(&id) => self.observe(id, now, true, segment.resets),
            None => self.accept(now, segment.tuple),
        }
    }

    /// Lets timers run and sockets send. Returns the frames to send.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.link.tick(now);
        self.give_up(now);
        while self.interface.poll_egress(now, &mut self.device, &mut self.sockets) != PollResult::None {}
        self.send_queued(now);
        let ids: Vec<u32> = self.connections.keys().copied().collect();
        for id in ids {
            self.observe(id, now, false, false);
        }
        std::mem::take(&mut self.link.out)
    }

    /// When `poll` wants to be called next; `None` for not before a frame or a call comes.
    pub fn next_poll(&mut self, now: Instant) -> Option<Instant> {
        if !self.link.out.is_empty() {
            return Some(now);
        }
        let sockets = self.interface.poll_at(now, &self.sockets);
        let give_up = self.connections.values().filter_map(Connection::gives_up_at).min();
        [sockets, give_up, self.link.next()].into_iter().flatten().min().map(|at| at.max(now))
    }

    /// Takes what happened since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Returns how many bytes were taken.
    pub fn send(&mut self, id: u32, data: &[u8]) -> Result<usize, Error> {
        let (connection, socket) = self.both(id)?;
        let taken = socket.and_then(|socket| socket.send_slice(data).ok()).unwrap_or(0);
        connection.starved = taken < data.len();
        Ok(taken)
    }

    /// Returns up to `max` received bytes.
    pub fn receive_data(&mut self, id: u32, max: usize) -> Result<Vec<u8>, Error> {
        let (connection, socket) = self.both(id)?;
        let Some(socket) = socket else { return Ok(Vec::new()) };
        let mut data = vec![0; max.min(socket.recv_queue())];
        let length = socket.recv_slice(&mut data).unwrap_or(0);
        data.truncate(length);
        connection.unread = socket.recv_queue();
        Ok(data)
    }

    /// Bytes that `send` would take.
    pub fn send_room(&mut self, id: u32) -> Result<usize, Error> {
        let (_, socket) = self.both(id)?;
        let room = |socket: &mut Socket| socket.send_capacity() - socket.send_queue();
        Ok(socket.filter(|socket| socket.may_send()).map_or(0, room))
    }

    /// Sends FIN after what is queued.
    pub fn close(&mut self, id: u32) -> Result<(), Error> {
        if let (_, Some(socket)) = self.both(id)? {
            socket.close();
        }
        Ok(())
    }

    /// Sends RST, if there is somebody to send it to.
    pub fn abort(&mut self, id: u32) -> Result<(), Error> {
        let (connection, socket) = self.both(id)?;
        connection.aborted = true;
        if let Some(socket) = socket {
            socket.abort();
        }
        Ok(())
    }

    /// The owner has no more use for the socket. One that is not closed yet ends like an orphan: it sends what is
    /// queued and FIN, waits out TIME-WAIT, and then is forgotten. One of UDP is forgotten at once.
    pub fn release(&mut self, id: u32) -> Result<(), Error> {
        if self.unbind(id) {
            return Ok(());
        }
        self.close(id)?;
        let (connection, _) = self.both(id)?;
        connection.released = true;
        self.forget_if_over(id);
        Ok(())
    }

    /// All connections, half-open, TIME-WAIT and closed ones too, in order of id.
    pub fn rows(&self) -> Vec<Row> {
        let row =
            |(&id, connection): (&u32, &Connection)| Row { id, state: self.state(connection), tuple: connection.tuple };
        self.connections.iter().map(row).collect()
    }

    fn state(&self, connection: &Connection) -> State {
        connection.socket.map_or(State::Closed, |handle| self.sockets.get::<Socket>(handle).state())
    }

    fn both(&mut self, id: u32) -> Result<(&mut Connection, Option<&mut Socket<'static>>), Error> {
        let connection = self.connections.get_mut(&id).ok_or(Error::UnknownSocket(id))?;
        let socket = connection.socket.map(|handle| self.sockets.get_mut::<Socket>(handle));
        Ok((connection, socket))
    }

    fn new_socket(&self) -> Socket<'static> {
        let (receive, send) = self.buffers;
        Socket::new(SocketBuffer::new(vec![0; receive]), SocketBuffer::new(vec![0; send]))
    }

    fn add_listener(&mut self, port: u16) {
        let mut socket = self.new_socket();
        socket.listen(port).expect("a new socket and a port that is not 0");
        self.listeners.insert(port, self.sockets.add(socket));
    }

    fn add_connection(&mut self, tuple: Tuple, socket: SocketHandle, accepted: bool) -> u32 {
        let id = self.take_id();
        self.connections.insert(id, Connection::new(tuple, socket, accepted));
        self.by_tuple.insert(tuple, id);
        id
    }

    pub(crate) fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// A SYN for a connection that exists. smoltcp would give it to whichever socket comes first, the listener too.
    /// Returns whether it is to see the SYN at all.
    fn take_syn_of_known(&mut self, id: u32) -> bool {
        let connection = self.connections.get(&id).expect("ids of tuples exist");
        match self.state(connection) {
            // The peer has forgotten the old connection: so do we.
            State::TimeWait => {
                self.drop_socket(id);
                true
            }
            State::SynSent => true,
            // A SYN without ACK is ignored in every other state.
            _ => false,
        }
    }

    /// If the segment made a connection of a listener: names it, and has the port listen again.
    fn accept(&mut self, now: Instant, tuple: Tuple) {
        let port = tuple.local.1;
        let Some(&handle) = self.listeners.get(&port) else { return };
        if self.sockets.get::<Socket>(handle).state() == State::Listen {
            return;
        }
        self.add_listener(port);
        let id = self.add_connection(tuple, handle, true);
        self.observe(id, now, true, false);
    }

    /// `heard`: by a segment of the peer, which was a RST if `reset`.
    fn observe(&mut self, id: u32, now: Instant, heard: bool, reset: bool) {
        let connection = self.connections.get_mut(&id).expect("ids of tuples exist");
        let Some(handle) = connection.socket else { return self.forget_if_over(id) };
        let socket = self.sockets.get::<Socket>(handle);
        match socket.state() {
            // A RST before the handshake was complete: nobody was told of it.
            State::Listen => return self.forget(id),
            State::Closed if self.by_tuple.get(&connection.tuple) == Some(&id) => {
                self.by_tuple.remove(&connection.tuple);
            }
            _ => {}
        }
        connection.wait(socket, heard, now);
        let events = &mut self.events;
        connection.observe(socket, reset, |kind: EventKind| events.push(Event { id, kind }));
        self.forget_if_over(id);
    }

    fn give_up(&mut self, now: Instant) {
        let overdue = |connection: &Connection| connection.gives_up_at().is_some_and(|at| now >= at);
        let ids: Vec<u32> =
            self.connections.iter().filter(|(_, connection)| overdue(connection)).map(|(id, _)| *id).collect();
        for id in ids {
            let (connection, socket) = self.both(id).expect("it was just listed");
            let Some(socket) = socket else { continue };
            if connection.accepted && socket.state() == State::SynReceived {
                // Like a SYN queue: it runs out without a word.
                self.forget(id);
            } else {
                connection.gave_up = true;
                socket.abort();
            }
        }
    }

    /// What nobody wants to hear of any more, and has nothing more to send.
    fn forget_if_over(&mut self, id: u32) {
        let connection = &self.connections[&id];
        let quiet = |handle| self.sockets.get::<Socket>(handle).local_endpoint().is_none();
        if connection.released && self.state(connection) == State::Closed && connection.socket.is_none_or(quiet) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: u32) {
        self.drop_socket(id);
        self.connections.remove(&id);
    }

    fn drop_socket(&mut self, id: u32) {
        let connection = self.connections.get_mut(&id).expect("it is there");
        if self.by_tuple.get(&connection.tuple) == Some(&id) {
            self.by_tuple.remove(&connection.tuple);
        }
        if let Some(handle) = connection.socket.take() {
            self.sockets.remove(handle);
        }
    }

    fn send_queued(&mut self, now: Instant) {
        for frame in self.device.egress.drain(..) {
            self.link.send(now, frame);
        }
    }
}

/// smoltcp sends to an address outside of its networks only by a route, and by what router is nobody's business here:
/// `link.rs` looks at the destination.
fn every_address_is_on_the_link(interface: &mut Interface, addresses: &[IpCidr]) {
    let routes = interface.routes_mut();
    for own in addresses {
        match own.address() {
            IpAddress::Ipv4(own) => routes.add_default_ipv4_route(own),
            IpAddress::Ipv6(own) => routes.add_default_ipv6_route(own),
        }
        .expect("there is room for one route of each family");
    }
}
