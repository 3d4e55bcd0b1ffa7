use std::str::FromStr;

use dobbs_netstack::{EthernetAddress, EventKind, Instant, IpAddress, IpCidr, State, Tuple};
use napi::bindgen_prelude::{Env, Uint8ArraySlice};
use napi_derive::napi;

type Result<T> = std::result::Result<T, napi::Error<&'static str>>;

const BUFFER_BYTES: u32 = 65_536;

fn misuse(error: impl std::fmt::Display) -> napi::Error<&'static str> {
    napi::Error::new("E_NETSTACK", error.to_string())
}

fn parse<T: FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| misuse(format!("{text} is no {what}")))
}

#[napi(object)]
pub struct NetstackOptions {
    pub mac: String,
    pub addresses: Vec<String>,
    pub seed: i64,
    pub receive_buffer: Option<u32>,
    pub send_buffer: Option<u32>,
}

#[napi(object)]
pub struct SocketEvent {
    pub id: u32,
    pub kind: String,
}

#[napi(object)]
pub struct SocketRow {
    pub id: u32,
    pub state: String,
    pub local_address: String,
    pub local_port: u16,
    pub remote_address: String,
    pub remote_port: u16,
}

#[napi(object)]
pub struct Datagram<'env> {
    pub local_address: String,
    pub local_port: u16,
    pub remote_address: String,
    pub remote_port: u16,
    pub data: Uint8ArraySlice<'env>,
}

/// Times are µs.
#[napi]
pub struct Netstack {
    stack: dobbs_netstack::Netstack,
}

#[napi]
impl Netstack {
    #[napi(constructor)]
    pub fn new(options: NetstackOptions) -> Result<Self> {
        let addresses: Result<Vec<IpCidr>> =
            options.addresses.iter().map(|text| parse("IP address with its prefix length", text)).collect();
        let stack = dobbs_netstack::Netstack::new(dobbs_netstack::Options {
            mac: parse::<EthernetAddress>("MAC address", &options.mac)?,
            addresses: addresses?,
            seed: options.seed as u64,
            receive_buffer: options.receive_buffer.unwrap_or(BUFFER_BYTES) as usize,
            send_buffer: options.send_buffer.unwrap_or(BUFFER_BYTES) as usize,
        });
        Ok(Self { stack: stack.map_err(misuse)? })
    }

    #[napi]
    pub fn listen(&mut self, port: u16) -> Result<()> {
        self.stack.listen(port).map_err(misuse)
    }

    #[napi]
    pub fn connect(
        &mut self,
        now: i64,
        local_address: String,
        local_port: u16,
        remote_address: String,
        remote_port: u16,
    ) -> Result<u32> {
        let tuple = tuple((&local_address, local_port), (&remote_address, remote_port))?;
        self.stack.connect(Instant::from_micros(now), tuple).map_err(misuse)
    }

    #[napi]
    pub fn receive(&mut self, now: i64, frame: &[u8]) {
        self.stack.receive(Instant::from_micros(now), frame);
    }

    #[napi]
    pub fn poll<'env>(&mut self, env: &'env Env, now: i64) -> Result<Vec<Uint8ArraySlice<'env>>> {
        let frames = self.stack.poll(Instant::from_micros(now));
        frames.iter().map(|frame| bytes(env, frame)).collect()
    }

    #[napi]
    pub fn events(&mut self) -> Vec<SocketEvent> {
        let events = self.stack.events().into_iter();
        events.map(|event| SocketEvent { id: event.id, kind: kind_name(event.kind).into() }).collect()
    }

    /// -1: not before a frame or a call comes.
    #[napi]
    pub fn next_poll(&mut self, now: i64) -> i64 {
        self.stack.next_poll(Instant::from_micros(now)).map_or(-1, |at| at.total_micros())
    }

    #[napi]
    pub fn send(&mut self, id: u32, data: &[u8]) -> Result<u32> {
        self.stack.send(id, data).map(|taken| taken as u32).map_err(misuse)
    }

    #[napi]
    pub fn receive_data<'env>(&mut self, env: &'env Env, id: u32, max: u32) -> Result<Uint8ArraySlice<'env>> {
        bytes(env, &self.stack.receive_data(id, max as usize).map_err(misuse)?)
    }

    #[napi]
    pub fn send_room(&mut self, id: u32) -> Result<u32> {
        self.stack.send_room(id).map(|room| room as u32).map_err(misuse)
    }

    #[napi]
    pub fn close(&mut self, id: u32) -> Result<()> {
        self.stack.close(id).map_err(misuse)
    }

    #[napi]
    pub fn abort(&mut self, id: u32) -> Result<()> {
        self.stack.abort(id).map_err(misuse)
    }

    #[napi]
    pub fn release(&mut self, id: u32) -> Result<()> {
        self.stack.release(id).map_err(misuse)
    }

    #[napi]
    pub fn bind(&mut self, port: u16) -> Result<u32> {
        self.stack.bind(port).map_err(misuse)
    }

    #[napi]
    pub fn send_datagram(
        &mut self,
        now: i64,
        id: u32,
        local_address: String,
        local_port: u16,
        remote_address: String,
        remote_port: u16,
        data: &[u8],
    ) -> Result<bool> {
        let tuple = tuple((&local_address, local_port), (&remote_address, remote_port))?;
        self.stack.send_datagram(Instant::from_micros(now), id, tuple, data).map_err(misuse)
    }

    #[napi]
    pub fn receive_datagram<'env>(&mut self, env: &'env Env, id: u32) -> Result<Option<Datagram<'env>>> {
        let Some(received) = self.stack.receive_datagram(id).map_err(misuse)? else { return Ok(None) };
        let Tuple { local, remote } = received.tuple;
        Ok(Some(Datagram {
            local_address: local.0.to_string(),
            local_port: local.1,
            remote_address: remote.0.to_string(),
            remote_port: remote.1,
            data: bytes(env, &received.data)?,
        }))
    }

    #[napi]
    pub fn sockets(&self) -> Vec<SocketRow> {
        let row = |row: dobbs_netstack::Row| SocketRow {
            id: row.id,
            state: state_name(row.state).into(),
            local_address: row.tuple.local.0.to_string(),
            local_port: row.tuple.local.1,
            remote_address: row.tuple.remote.0.to_string(),
            remote_port: row.tuple.remote.1,
        };
        self.stack.rows().into_iter().map(row).collect()
    }
}

fn tuple(local: (&str, u16), remote: (&str, u16)) -> Result<Tuple> {
    let end = |(address, port)| parse::<IpAddress>("IP address", address).map(|address| (address, port));
    Ok(Tuple { local: end(local)?, remote: end(remote)? })
}

fn bytes<'env>(env: &'env Env, bytes: &[u8]) -> Result<Uint8ArraySlice<'env>> {
    Uint8ArraySlice::copy_from(env, bytes).map_err(misuse)
}

fn kind_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Accepted => "accepted",
        EventKind::Connected => "connected",
        EventKind::Readable => "readable",
        EventKind::Writable => "writable",
        EventKind::PeerClosed => "peer-closed",
        EventKind::Closed => "closed",
        EventKind::Reset => "reset",
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Listen => "listen",
        State::SynSent => "syn-sent",
        State::SynReceived => "syn-received",
        State::Established => "established",
        State::FinWait1 => "fin-wait-1",
        State::FinWait2 => "fin-wait-2",
        State::CloseWait => "close-wait",
        State::Closing => "closing",
        State::LastAck => "last-ack",
        State::TimeWait => "time-wait",
    }
}
