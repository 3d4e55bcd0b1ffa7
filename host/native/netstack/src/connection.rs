//! One TCP connection: what the owner has been told of it, and how long it has waited for its peer.

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};

use crate::segment::Tuple;

/// A connection with something unacknowledged gives up after hearing nothing for so long. So does one that was
/// released and waits for its peer's FIN.
pub const GIVE_UP: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A listener's new connection is established.
    Accepted,
    Connected,
    /// There is more to read than before.
    Readable,
    /// After a send that was cut short: there is room again.
    Writable,
    /// The peer sends no more.
    PeerClosed,
    /// Ended in order: both sides' FIN are acknowledged. It may still be in TIME-WAIT.
    Closed,
    /// Ended by the peer's RST, or by giving up. What the owner aborts itself makes no event.
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub id: u32,
    pub kind: EventKind,
}

pub(crate) struct Connection {
    pub tuple: Tuple,
    /// `None` once smoltcp has no socket for it any more: closed.
    pub socket: Option<SocketHandle>,
    pub released: bool,
    /// By a listener; else by `connect`.
    pub accepted: bool,
    /// The owner aborted it, and is told no more.
    pub aborted: bool,
    pub gave_up: bool,
    /// A send was cut short.
    pub starved: bool,
    /// Bytes that the owner has been told of and has not read.
    pub unread: usize,
    established: bool,
    peer_closed: bool,
    over: bool,
    waiting_since: Option<Instant>,
}

impl Connection {
    pub fn new(tuple: Tuple, socket: SocketHandle, accepted: bool) -> Self {
        Self {
            tuple,
            socket: Some(socket),
            released: false,
            accepted,
            aborted: false,
            gave_up: false,
            starved: false,
            unread: 0,
            established: false,
            peer_closed: false,
            over: false,
            waiting_since: None,
        }
    }

    /// Looks at the socket after it may have changed. `reset`: by a RST that just came in.
    pub fn observe(&mut self, socket: &Socket, reset: bool, mut tell: impl FnMut(EventKind)) {
        let state = socket.state();
        let silent = self.released || self.aborted;
        let mut tell = |kind| {
            if !silent {
                tell(kind);
            }
        };
        if !self.established && is_synchronized(state) {
            self.established = true;
            tell(if self.accepted { EventKind::Accepted } else { EventKind::Connected });
        }
        let unread = socket.recv_queue();
        if unread > self.unread {
            tell(EventKind::Readable);
        }
        self.unread = unread;
        if !self.peer_closed && matches!(state, State::CloseWait | State::LastAck | State::Closing | State::TimeWait) {
            self.peer_closed = true;
            tell(EventKind::PeerClosed);
        }
        if self.starved && socket.can_send() {
            self.starved = false;
            tell(EventKind::Writable);
        }
        if !self.over && matches!(state, State::Closed | State::TimeWait) {
            self.over = true;
            let broken = reset || self.gave_up;
            tell(if broken { EventKind::Reset } else { EventKind::Closed });
        }
    }

    /// Starts, restarts or stops the clock of `GIVE_UP`. `heard`: a segment of the peer just came in.
    pub fn wait(&mut self, socket: &Socket, heard: bool, now: Instant) {
        let waits = match socket.state() {
            State::SynSent | State::SynReceived | State::FinWait1 | State::Closing | State::LastAck => true,
            State::Established | State::CloseWait => socket.send_queue() > 0,
            State::FinWait2 => self.released,
            State::Closed | State::Listen | State::TimeWait => false,
        };
        self.waiting_since = match self.waiting_since {
            _ if !waits => None,
            Some(since) if !heard => Some(since),
            _ => Some(now),
        };
    }

    pub fn gives_up_at(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + GIVE_UP)
    }
}

fn is_synchronized(state: State) -> bool {
    !matches!(state, State::Closed | State::Listen | State::SynSent | State::SynReceived)
}
