//! What a connection reads and writes: a plain stream, or one within TLS.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::Timely;
use super::socket::{Socket, Timed};
use super::tls::TlsStream;

/// How long a peer has to take its last answer.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(1);
const DISCARDED_BYTES: usize = 4096;

pub enum Channel {
    Plain(Timed),
    Tls(Box<TlsStream>),
}

impl Channel {
    /// Closes it so that the last answer arrives: what the peer still sends is read and thrown away, since closing a
    /// socket with unread bytes resets it.
    pub fn close(mut self, socket: &Arc<Socket>) {
        let deadline = Some(Instant::now() + FAREWELL_TIME_MAX);
        self.set_deadline(deadline);
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            // Should it fail, the peer sees a cut connection instead.
            let _ = stream.flush();
        }
        socket.shut(Shutdown::Write);
        let mut rest = Timed::new(socket.clone());
        rest.set_deadline(deadline);
        let mut discarded = [0; DISCARDED_BYTES];
        while Instant::now() < deadline.expect("set above") && rest.read(&mut discarded).is_ok_and(|count| count > 0) {}
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Timely for Channel {
    fn set_deadline(&mut self, at: Option<Instant>) {
        match self {
            Self::Plain(stream) => stream.set_deadline(at),
            Self::Tls(stream) => stream.sock.set_deadline(at),
        }
    }
}
