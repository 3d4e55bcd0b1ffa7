//! Who is connected. Strangers (not known yet, or on their way out) and members are counted apart, and strangers of the
//! two kinds of sockets too: no number of them takes a member's place, and none from the network one of the machine's own.

use std::mem::{Discriminant, discriminant};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::socket::Socket;
use crate::failure::{Failure, Result};

pub const MEMBERS_MAX: usize = 16;
/// Of each kind. When there are more, the oldest goes: an honest one is through in milliseconds.
const STRANGERS_MAX: usize = 16;
/// Of each kind, those included that were shown out: their threads may take a moment to end.
const OUTSIDERS_MAX: usize = 3 * STRANGERS_MAX;
const ENTER_TIME_MAX: Duration = Duration::from_secs(1);

#[derive(Default)]
pub struct Peers {
    list: Mutex<List>,
    /// Signalled whenever a peer has gone.
    left: Condvar,
}

#[derive(Default)]
struct List {
    last_id: u64,
    /// The oldest first.
    peers: Vec<Peer>,
}

struct Peer {
    id: u64,
    standing: Standing,
    socket: Arc<Socket>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Member,
    ShownOut,
}

impl Peers {
    /// A number that no other peer has. Waits a while for those to end that were shown out, which is a matter of a
    /// turn for their threads. None: there is no room, even for strangers.
    pub fn enter(&self, socket: Arc<Socket>) -> Option<u64> {
        let kind = discriminant(&*socket);
        let crowded = |list: &mut List| list.outsiders(kind).count() >= OUTSIDERS_MAX;
        let waited = self.left.wait_timeout_while(self.locked(), ENTER_TIME_MAX, crowded);
        let (mut list, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            return None;
        }
        let mut strangers = list.outsiders(kind).filter(|peer| peer.standing == Standing::Stranger);
        if let (Some(oldest), true) = (strangers.next(), strangers.count() + 1 >= STRANGERS_MAX) {
            oldest.show_out();
        }
        list.last_id += 1;
        let id = list.last_id;
        list.peers.push(Peer { id, standing: Standing::Stranger, socket });
        Some(id)
    }

    /// Once it is known who it is.
    pub fn admit(&self, id: u64) -> Result<()> {
        let mut list = self.locked();
        if list.count(Standing::Member) >= MEMBERS_MAX {
            let message = format!("this shim has {MEMBERS_MAX} connections, and takes no more");
            return Err(Failure::new("E_LINK_FULL", message, "Close another client of this shim."));
        }
        let peer = list.peers.iter_mut().find(|peer| peer.id == id).expect("it has entered, and not left");
        if peer.standing == Standing::Stranger {
            peer.standing = Standing::Member;
        }
        Ok(())
    }

    /// Gives the member's place free, while it is told why it has to go.
    pub fn dismiss(&self, id: u64) {
        let mut list = self.locked();
        if let Some(peer) = list.peers.iter_mut().find(|peer| peer.id == id && peer.standing == Standing::Member) {
            peer.standing = Standing::Stranger;
        }
    }

    pub fn leave(&self, id: u64) {
        self.locked().peers.retain(|peer| peer.id != id);
        self.left.notify_all();
    }

    pub fn show_out_members_but(&self, id: u64) {
        let mut list = self.locked();
        let others = list.peers.iter_mut().filter(|peer| peer.id != id && peer.standing == Standing::Member);
        others.for_each(Peer::show_out);
    }

    pub fn show_out_all(&self) {
        self.locked().peers.iter_mut().for_each(Peer::show_out);
    }

    pub fn members(&self) -> usize {
        self.locked().count(Standing::Member)
    }

    /// The list is whole after each step, so a panic elsewhere does not spoil it.
    fn locked(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// The oldest first.
    fn outsiders(&mut self, kind: Discriminant<Socket>) -> impl Iterator<Item = &mut Peer> {
        let outside = move |peer: &&mut Peer| peer.standing != Standing::Member && discriminant(&*peer.socket) == kind;
        self.peers.iter_mut().filter(outside)
    }

    fn count(&self, standing: Standing) -> usize {
        self.peers.iter().filter(|peer| peer.standing == standing).count()
    }
}

impl Peer {
    fn show_out(&mut self) {
        self.standing = Standing::ShownOut;
        self.socket.shut(Shutdown::Both);
    }
}
