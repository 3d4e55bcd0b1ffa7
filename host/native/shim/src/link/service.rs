//! What all peers share, and how one is received.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use dobbs_engine::Engine;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::channel::Channel;
use super::connection::Connection;
use super::peers::Peers;
use super::socket::{Socket, Timed};
use super::staging::Staging;
use super::{tls, unix};
use crate::bundle::ImageKind;
use crate::failure::{Failure, Result};
use crate::log::{Level, Log};
use crate::wake::JobQueue;

/// Between two refusals in the log: a flood of peers is none of lines.
const REFUSAL_INTERVAL_MIN: Duration = Duration::from_millis(100);

pub struct Service {
    /// The shim's `--name`.
    pub(super) name: String,
    /// What is running: a bundle of another kind is refused.
    pub(super) kind: ImageKind,
    pub(super) engine: Arc<Engine>,
    pub(super) jobs: JobQueue,
    pub(super) peers: Peers,
    pub(super) staging: Staging,
    /// How many there have been. Held for writing during one, for reading while a request is with the image.
    pub(super) swaps: RwLock<u64>,
    log: Option<Log>,
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Refusals {
    logged: Option<Instant>,
    passed_over: u64,
}

/// A peer that has just connected.
pub enum Visitor {
    Unix(UnixStream),
    Tls(std::net::TcpStream, SocketAddr, Arc<ServerConfig>),
}

impl Service {
    /// `log`: none in tests.
    pub fn new(name: &str, kind: ImageKind, engine: Arc<Engine>, jobs: JobQueue, log: Option<Log>) -> Self {
        Self {
            name: name.into(),
            kind,
            engine,
            jobs,
            peers: Peers::default(),
            staging: Staging::default(),
            swaps: RwLock::default(),
            log,
            refusals: Mutex::default(),
        }
    }

    /// Never waits: whatever the peer is slow at, it is so in a thread of its own.
    pub(super) fn receive(self: &Arc<Self>, visitor: Visitor) {
        let (socket, place) = match visitor {
            // SO_PEERCRED is asked for in the thread, where there is someone to be told.
            Visitor::Unix(stream) => (Socket::unix(stream), Place::Unix),
            Visitor::Tls(stream, from, config) => (Socket::tcp(stream), Place::Tls(from, config)),
        };
        let Ok(socket) = socket else {
            return;
        };
        let socket = Arc::new(socket);
        let Some(id) = self.peers.enter(socket.clone()) else {
            return;
        };
        let guest = Guest { service: self.clone(), id };
        // Without a thread, the guest is dropped here, and so its connection closed.
        let _ = std::thread::Builder::new().name(format!("link-{id}")).spawn(move || guest.stay(&socket, place));
    }

    pub(super) fn info(&self, event: &str, fields: Value) {
        if let Some(log) = self.log {
            log.info(event, fields);
        }
    }

    fn log_refusal(&self, id: u64, failure: &Failure) {
        let Some(log) = self.log else {
            return;
        };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.logged.is_some_and(|at| at.elapsed() < REFUSAL_INTERVAL_MIN) {
            refusals.passed_over += 1;
            return;
        }
        let passed_over = std::mem::take(&mut refusals.passed_over);
        refusals.logged = Some(Instant::now());
        drop(refusals);
        log.failure(Level::Warning, "link-refused", failure);
        if passed_over > 0 {
            log.warn("link-refusals-not-logged", json!({ "count": passed_over, "latest": id }));
        }
    }
}

/// Where a peer came in.
enum Place {
    Unix,
    Tls(SocketAddr, Arc<ServerConfig>),
}

/// A peer that may come in.
struct Known {
    /// In words.
    who: String,
    may_flash: bool,
}

/// A peer's place in the shim, until it is dropped: also by a panic.
struct Guest {
    service: Arc<Service>,
    id: u64,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.service.staging.forget(self.id);
        self.service.peers.leave(self.id);
    }
}

impl Guest {
    /// From the handshake to the farewell.
    fn stay(&self, socket: &Arc<Socket>, place: Place) {
        let service = &*self.service;
        let Some((mut channel, who)) = self.identify(socket, place) else {
            return;
        };
        let mut connection = Connection::new(service, self.id);
        let admitted = who.and_then(|who| service.peers.admit(self.id).map(|()| who));
        let refused = match admitted {
            Ok(Known { who, may_flash }) => {
                service.info("link-opened", json!({ "link": self.id, "peer": who }));
                connection.may_flash = may_flash;
                let refused = connection.serve(&mut channel);
                service.info("link-closed", json!({ "link": self.id }));
                refused
            }
            Err(failure) => {
                connection.refuse(&mut channel, &failure);
                Some(failure)
            }
        };
        if let Some(failure) = refused {
            service.log_refusal(self.id, &failure);
        }
        service.staging.forget(self.id);
        service.peers.dismiss(self.id);
        channel.close(socket);
    }

    /// Who it is. None: it could not even be spoken to.
    fn identify(&self, socket: &Arc<Socket>, place: Place) -> Option<(Channel, Result<Known>)> {
        let service = &*self.service;
        let timed = Timed::new(socket.clone());
        match (place, &**socket) {
            (Place::Unix, Socket::Unix(stream)) => {
                let known = unix::check_peer(stream).map(|uid| Known { who: format!("user {uid}"), may_flash: true });
                Some((Channel::Plain(timed), known))
            }
            (Place::Tls(from, config), _) => match tls::shake_hands(config, timed) {
                Ok(stream) => {
                    let known = tls::check_peer(&stream.conn, &service.name, service.kind).map(|subject| Known {
                        who: format!("{} {} at {from}", subject.role, subject.name),
                        may_flash: subject.may_flash(),
                    });
                    Some((Channel::Tls(Box::new(stream)), known))
                }
                Err(error) => {
                    let message = format!("no TLS handshake with {from}: {error}");
                    let mend = "Connect by TLS 1.3 with a certificate of this appliance's CA.";
                    service.log_refusal(self.id, &Failure::new("E_LINK_TLS", message, mend));
                    None
                }
            },
            (Place::Unix, Socket::Tcp(_)) => unreachable!("it came in by the Unix socket"),
        }
    }
}
