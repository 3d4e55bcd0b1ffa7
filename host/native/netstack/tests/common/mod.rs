//! Two stacks on one wire, in virtual time.
#![allow(dead_code)]

use dobbs_netstack::{Event, EventKind, Instant, IpAddress, Ipv4Address, Ipv6Address, Netstack, Options, State, Tuple};

pub const CLIENT_MAC: &str = "02-00-00-00-00-02";
pub const SERVER_MAC: &str = "02-00-00-00-00-01";
pub const CLIENT: Ipv4Address = Ipv4Address::new(10, 0, 0, 2);
pub const SERVER: Ipv4Address = Ipv4Address::new(10, 0, 0, 1);
pub const VIP: Ipv4Address = Ipv4Address::new(10, 0, 0, 100);
pub const CLIENT6: Ipv6Address = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
pub const SERVER6: Ipv6Address = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
pub const VIP6: Ipv6Address = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x100);
pub const PORT: u16 = 80;

/// One way on the wire.
const LATENCY_US: i64 = 100;

pub fn stack(mac: &str, addresses: &[&str], seed: u64) -> Netstack {
    Netstack::new(Options {
        mac: mac.parse().unwrap(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        seed,
        receive_buffer: 65_536,
        send_buffer: 65_536,
    })
    .unwrap()
}

pub fn tuple(local: impl Into<IpAddress>, local_port: u16, remote: impl Into<IpAddress>, remote_port: u16) -> Tuple {
    Tuple { local: (local.into(), local_port), remote: (remote.into(), remote_port) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
}

/// Whether a frame is lost.
pub type Loss = Box<dyn FnMut(From, &[u8]) -> bool>;

pub struct Net {
    pub client: Netstack,
    pub server: Netstack,
    pub now: i64,
    /// (arrives at, sender, frame), in order of sending.
    wire: Vec<(i64, From, Vec<u8>)>,
    /// Everything that was sent, lost frames too.
    pub log: Vec<(From, Vec<u8>)>,
    pub client_events: Vec<Event>,
    pub server_events: Vec<Event>,
    pub loses: Loss,
}

impl Net {
    pub fn new() -> Self {
        Self::with(stack(CLIENT_MAC, &["10.0.0.2/24"], 2), stack(SERVER_MAC, &["10.0.0.1/24", "10.0.0.100/32"], 1))
    }

    /// Both families at both ends.
    pub fn dual() -> Self {
        let server = ["10.0.0.1/24", "fd00::1/64", "10.0.0.100/32", "fd00::100/128"];
        Self::with(stack(CLIENT_MAC, &["10.0.0.2/24", "fd00::2/64"], 2), stack(SERVER_MAC, &server, 1))
    }

    pub fn with(client: Netstack, mut server: Netstack) -> Self {
        server.listen(PORT).unwrap();
        Self {
            client,
            server,
            now: 0,
            wire: Vec::new(),
            log: Vec::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            loses: Box::new(|_, _| false),
        }
    }

    pub fn at(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    /// The ids of the connection at both ends, established.
    pub fn connected(&mut self, local_port: u16) -> (u32, u32) {
        let id = self.client.connect(self.at(), tuple(CLIENT, local_port, SERVER, PORT)).unwrap();
        self.run_for(5_000);
        assert!(self.client_events.contains(&Event { id, kind: EventKind::Connected }));
        let accepted = self.server_events.iter().rfind(|event| event.kind == EventKind::Accepted).unwrap().id;
        (id, accepted)
    }

    /// Runs until `us` from now, or until nothing is left to do.
    pub fn run_for(&mut self, us: i64) {
        let end = self.now + us;
        loop {
            self.poll();
            let next = [
                self.wire.iter().map(|(at, _, _)| *at).min(),
                self.client.next_poll(self.at()).map(|at| at.total_micros()),
                self.server.next_poll(self.at()).map(|at| at.total_micros()),
            ];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = at.max(self.now),
                _ => break,
            }
            let now = self.now;
            let (due, later) = std::mem::take(&mut self.wire).into_iter().partition(|(at, _, _)| *at <= now);
            self.wire = later;
            let due: Vec<(i64, From, Vec<u8>)> = due;
            for (_, from, frame) in due {
                self.hand_over(from, &frame);
            }
        }
        self.now = end;
    }

    /// Gives a frame to the other side now.
    pub fn hand_over(&mut self, from: From, frame: &[u8]) {
        let now = self.at();
        match from {
            From::Client => self.server.receive(now, frame),
            From::Server => self.client.receive(now, frame),
        }
        self.take_events();
    }

    fn poll(&mut self) {
        let now = self.at();
        let client = self.client.poll(now).into_iter().map(|frame| (From::Client, frame));
        let server = self.server.poll(now).into_iter().map(|frame| (From::Server, frame));
        for (from, frame) in client.chain(server) {
            self.log.push((from, frame.clone()));
            if !(self.loses)(from, &frame) {
                self.wire.push((self.now + LATENCY_US, from, frame));
            }
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        self.client_events.extend(self.client.events());
        self.server_events.extend(self.server.events());
    }

    /// Sends all of `data` from the client to the server, and returns what the server got.
    pub fn upload(&mut self, client: u32, server: u32, data: &[u8]) -> Vec<u8> {
        let (mut sent, mut got) = (0, Vec::new());
        for _ in 0..100_000 {
            sent += self.client.send(client, &data[sent..]).unwrap();
            self.run_for(1_000);
            got.extend(self.server.receive_data(server, usize::MAX).unwrap());
            if got.len() == data.len() {
                return got;
            }
        }
        panic!("{} of {} bytes after {} s", got.len(), data.len(), self.now / 1_000_000);
    }

    pub fn kinds(events: &[Event], id: u32) -> Vec<EventKind> {
        events.iter().filter(|event| event.id == id).map(|event| event.kind).collect()
    }

    pub fn client_state(&self, id: u32) -> Option<State> {
        state(&self.client, id)
    }

    pub fn server_state(&self, id: u32) -> Option<State> {
        state(&self.server, id)
    }

    /// The server gets 100,000 frames like those of the log with bytes changed and cut off before byte `longest`; the connection, `(client,
    /// server)` ids, works afterwards.
    pub fn survives_rubbish(&mut self, (client, server): (u32, u32), longest: usize) {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let frames: Vec<Vec<u8>> = self.log.iter().map(|(_, frame)| frame.clone()).collect();
        for round in 0..100_000 {
            let mut frame = frames[round % frames.len()].clone();
            for _ in 0..random() % 4 {
                let at = 12 + random() as usize % (frame.len() - 12);
                frame[at] = random() as u8;
            }
            frame.truncate(random() as usize % longest);
            self.server.receive(self.at(), &frame);
            self.server.poll(self.at());
        }
        self.server.events();
        self.client.send(client, b"x").unwrap();
        self.run_for(3_000_000);
        assert_eq!(self.server.receive_data(server, 9).unwrap(), b"x");
    }
}

pub fn state(stack: &Netstack, id: u32) -> Option<State> {
    stack.rows().into_iter().find(|row| row.id == id).map(|row| row.state)
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// TCP flags of an untagged frame with an IPv4 header without options; `None` of anything else.
pub fn flags(frame: &[u8]) -> Option<u8> {
    let tcp = is_ipv4(frame) && frame[23] == 6;
    tcp.then(|| frame[47])
}

pub fn is_ipv4(frame: &[u8]) -> bool {
    frame[12..14] == [0x08, 0x00]
}

pub fn is_ipv6(frame: &[u8]) -> bool {
    frame[12..14] == [0x86, 0xdd]
}

/// Type of an ICMPv6 message right behind the IPv6 header.
pub fn icmpv6_type(frame: &[u8]) -> Option<u8> {
    (is_ipv6(frame) && frame[20] == 58).then(|| frame[54])
}

pub fn is_arp(frame: &[u8]) -> bool {
    frame[12..14] == [0x08, 0x06]
}

pub fn has(frame: &[u8], wanted: u8) -> bool {
    flags(frame).is_some_and(|flags| flags & wanted == wanted)
}

pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}
