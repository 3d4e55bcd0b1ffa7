//! Listens on the links' words, until it is stopped.

use std::io;
use std::net::{TcpListener, ToSocketAddrs};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use serde_json::json;

use super::service::{Service, Visitor};
use super::socket::{Bell, ready};
use super::tls::{Credentials, server_config};
use super::unix::UnixDoor;
use super::word::LinkWord;
use crate::failure::{Failure, Result};

/// When the process has no descriptors left: others may give some free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

enum Door {
    Unix(UnixDoor),
    Tls(TcpListener, Arc<ServerConfig>),
}

/// Stops when dropped.
pub struct Listeners {
    service: Arc<Service>,
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
    words: Vec<LinkWord>,
}

impl Listeners {
    /// All words, or none. `credentials` are for the `tls:` ones.
    pub fn start(words: &[LinkWord], credentials: Option<&Credentials>, service: Service) -> Result<Self> {
        let mut doors = Vec::new();
        for word in words {
            doors.push(Door::open(word, credentials, &service.name)?);
        }
        let bell = Arc::new(Bell::new().map_err(no_resources)?);
        let service = Arc::new(service);
        let mut listeners = Self { service, bell, threads: Vec::new(), words: Vec::new() };
        for (door, word) in doors.into_iter().zip(words) {
            let word = door.bound_word(word);
            listeners.service.info("link-listening", json!({ "word": word.to_string() }));
            let (service, bell) = (listeners.service.clone(), listeners.bell.clone());
            let thread = std::thread::Builder::new()
                .name("link-accept".into())
                .spawn(move || accept(&door, &service, &bell))
                .map_err(no_resources)?;
            listeners.threads.push(thread);
            listeners.words.push(word);
        }
        Ok(listeners)
    }

    /// As given, but with the port that was bound in the place of port 0.
    pub fn words(&self) -> &[LinkWord] {
        &self.words
    }

    /// How many peers may ask something now.
    pub fn links(&self) -> usize {
        self.service.peers.members()
    }
}

impl Drop for Listeners {
    /// Takes no new peer, removes the Unix sockets, and closes the connections without waiting for their threads.
    fn drop(&mut self) {
        self.bell.ring();
        for thread in self.threads.drain(..) {
            // It has panicked: there is nothing of it to be stopped.
            let _ = thread.join();
        }
        self.service.peers.show_out_all();
    }
}

impl Door {
    fn open(word: &LinkWord, credentials: Option<&Credentials>, name: &str) -> Result<Self> {
        let (host, port) = match word {
            LinkWord::Unix(path) => return Ok(Self::Unix(UnixDoor::open(path)?)),
            LinkWord::Tls { host, port } => (host, *port),
        };
        let Some(credentials) = credentials else {
            let message = format!("{word} needs a certificate, its key and the appliance's CA");
            return Err(Failure::new("E_LINK_CREDENTIALS", message, "Give --tls-ca, --tls-cert and --tls-key."));
        };
        let config = server_config(credentials, name)?;
        let listener = listen(host, port).map_err(|error| {
            let message = format!("cannot listen on {word}: {error}");
            if error.kind() == io::ErrorKind::AddrInUse {
                return Failure::new("E_LINK_IN_USE", message, "Stop the other program, or name another port.");
            }
            Failure::new("E_LINK_BIND", message, "Name an address of this machine.")
        })?;
        Ok(Self::Tls(listener, config))
    }

    fn bound_word(&self, word: &LinkWord) -> LinkWord {
        match (self, word) {
            (Self::Tls(listener, _), LinkWord::Tls { host, port }) => {
                let bound = listener.local_addr().map_or(*port, |address| address.port());
                LinkWord::Tls { host: host.clone(), port: bound }
            }
            _ => word.clone(),
        }
    }

    fn accept(&self) -> io::Result<Visitor> {
        match self {
            Self::Unix(door) => Ok(Visitor::Unix(door.listener.accept()?.0)),
            Self::Tls(listener, config) => {
                let (stream, from) = listener.accept()?;
                Ok(Visitor::Tls(stream, from, config.clone()))
            }
        }
    }
}

impl AsRawFd for Door {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(door) => door.listener.as_raw_fd(),
            Self::Tls(listener, _) => listener.as_raw_fd(),
        }
    }
}

fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let listener = TcpListener::bind(addresses.as_slice())?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept(door: &Door, service: &Arc<Service>, bell: &Bell) {
    let rung = |until: Instant| ready(&[bell.as_raw_fd()], libc::POLLIN, Some(until)).unwrap_or(true);
    loop {
        // Neither has a reason to fail; if one does, this must not spin.
        let mut failed = ready(&[door.as_raw_fd(), bell.as_raw_fd()], libc::POLLIN, None).is_err();
        if rung(Instant::now()) {
            return;
        }
        match door.accept() {
            Ok(visitor) => service.receive(visitor),
            Err(error) => failed |= !is_passing(error.kind()),
        }
        if failed && rung(Instant::now() + ACCEPT_PAUSE) {
            return;
        }
    }
}

/// The next peer is not concerned.
fn is_passing(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

fn no_resources(error: io::Error) -> Failure {
    Failure::new(
        "E_LINK_BIND",
        format!("cannot start to listen: {error}"),
        "Give the shim more threads and descriptors.",
    )
}
