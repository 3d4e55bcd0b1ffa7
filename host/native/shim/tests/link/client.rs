//! A client that can also misbehave.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dobbs_shim::link::frame::{self, HEADER_BYTES};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

pub const MESSAGE: u8 = 1;
pub const IMAGE: u8 = 2;
pub const STATUS: u8 = 3;
pub const FLASH: u8 = 4;
pub const ERROR: u8 = 5;

/// Far more than anything takes: it ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(60);

pub enum Stream {
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

pub struct Client {
    pub stream: Stream,
    pub sent: u32,
    received: u32,
}

impl Client {
    pub fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream: Stream::Unix(stream), sent: 0, received: 0 }
    }

    /// Err: the handshake failed on this side.
    pub fn tls(port: u16, config: Arc<ClientConfig>) -> io::Result<Self> {
        let mut socket = tcp(port);
        let mut connection = ClientConnection::new(config, "127.0.0.1".try_into().unwrap()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let stream = Stream::Tls(Box::new(StreamOwned::new(connection, socket)));
        Ok(Self { stream, sent: 0, received: 0 })
    }

    pub fn send(&mut self, kind: u8, payload: &[u8]) {
        self.sent += 1;
        self.write(&frame::encode(kind, self.sent, payload)).unwrap();
    }

    /// Bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Unix(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// No byte will follow.
    pub fn end(&mut self) {
        // The shim may have been quicker.
        let _ = match &mut self.stream {
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
                stream.sock.shutdown(Shutdown::Write)
            }
        };
    }

    /// (kind, payload) of the next answer, its header checked. Err: the connection is closed.
    pub fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut header = [0; HEADER_BYTES];
        self.stream.read_exact(&mut header)?;
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        assert!(length <= 1 << 20, "{length} bytes");
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload)?;
        self.received += 1;
        assert_eq!(frame::encode(header[3], self.received, &payload)[..HEADER_BYTES], header);
        Ok((header[3], payload))
    }

    pub fn ask(&mut self, kind: u8, payload: &[u8]) -> Vec<u8> {
        self.send(kind, payload);
        let (answered, payload) = self.receive().unwrap();
        assert_eq!(answered, kind, "{}", String::from_utf8_lossy(&payload));
        payload
    }

    pub fn ask_json(&mut self, kind: u8, payload: &[u8]) -> Value {
        serde_json::from_slice(&self.ask(kind, payload)).unwrap()
    }

    /// The code of the error that comes next.
    pub fn error(&mut self) -> String {
        let (kind, payload) = self.receive().unwrap();
        assert_eq!(kind, ERROR, "{}", String::from_utf8_lossy(&payload));
        let error: Value = serde_json::from_slice(&payload).unwrap();
        for member in ["code", "message", "mend"] {
            assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        }
        error["code"].as_str().unwrap().to_owned()
    }

    /// The error with which the shim closes the connection.
    pub fn last_error(&mut self) -> String {
        let code = self.error();
        self.assert_closed();
        code
    }

    pub fn assert_closed(&mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Err(error) if is_patience_over(&error) => panic!("the connection stays open"),
            Err(_) => {}
            Ok(_) => panic!("another byte"),
        }
    }

    pub fn assert_alive(&mut self) {
        assert_eq!(self.ask(MESSAGE, b"abc"), b"cba");
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

pub fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn is_patience_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
