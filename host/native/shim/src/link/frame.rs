//! Frames of a link, over a stream. Little-endian.
//!
//! ```text
//!  0        2         3      4          8        12       16
//! +--------+---------+------+----------+--------+--------+---------+
//! | 0xD0BB | version | kind | sequence | length | CRC-32 | payload |
//! | u16    | u8      | u8   | u32      | u32    | u32    |         |
//! +--------+---------+------+----------+--------+--------+---------+
//! ```
//!
//! The sequence counts each direction for itself, from 1. The CRC is over the 12 bytes before it and the payload.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use crate::failure::Failure;

const MAGIC: u16 = 0xD0BB;
const VERSION: u8 = 1;
const VERSION_AT: usize = 2;
const KIND_AT: usize = 3;
const SEQUENCE_AT: usize = 4;
const LENGTH_AT: usize = 8;
const CHECKSUM_AT: usize = 12;
pub const HEADER_BYTES: usize = 16;
const FIRST_SEQUENCE: u32 = 1;

/// To the shim. Generous: the longest is a part of a bundle.
pub const REQUEST_BYTES_MAX: usize = 128 << 10;
/// From the shim.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// From the first byte of a frame to its last, in both directions.
const FRAME_TIME_MAX: Duration = Duration::from_secs(5);

const WRONG_PEER: &str = "Connect with a program of this Dobbs release.";
const CONNECT_AGAIN: &str = "Connect again: the stream was changed on its way, or its sender has a defect.";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A management message, and the image's answer.
    Message = 1,
    /// What the image says of itself.
    Image = 2,
    /// Counters of the shim and its ports.
    Status = 3,
    /// A part of a bundle.
    Flash = 4,
    /// Only from the shim.
    Error = 5,
}

impl Kind {
    /// What a client may send.
    fn of_request(byte: u8) -> Option<Self> {
        [Self::Message, Self::Image, Self::Status, Self::Flash].into_iter().find(|&kind| kind as u8 == byte)
    }
}

/// A stream whose reads and writes fail with `TimedOut` at an instant. `None`: never.
pub trait Timely: Read + Write {
    fn set_deadline(&mut self, at: Option<Instant>);
}

/// Why there is no further frame to be read.
#[derive(Debug)]
pub enum Ending {
    /// The peer is gone, within a frame or between two: there is nobody to be told.
    Gone,
    /// The peer is to be told, and the connection to be closed.
    Refused(Failure),
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        if error.kind() != io::ErrorKind::TimedOut {
            return Self::Gone;
        }
        let message = format!("the frame did not end within {} s", FRAME_TIME_MAX.as_secs());
        refusal("E_LINK_TIMEOUT", message, "Send whole frames.")
    }
}

pub struct Reader {
    next_sequence: u32,
    /// Of the latest frame. Kept, so that no frame costs an allocation.
    payload: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { next_sequence: FIRST_SEQUENCE, payload: Vec::new() }
    }
}

impl Reader {
    /// Waits as long as it takes for a frame to begin. The payload is valid until the next call.
    pub fn read(&mut self, stream: &mut impl Timely) -> Result<(Kind, &[u8]), Ending> {
        let mut header = [0; HEADER_BYTES];
        stream.set_deadline(None);
        let begun = read_some(stream, &mut header)?;
        stream.set_deadline(Some(Instant::now() + FRAME_TIME_MAX));
        stream.read_exact(&mut header[begun..])?;

        let length = check_start(&header)?;
        self.payload.resize(length, 0);
        stream.read_exact(&mut self.payload)?;
        self.check_rest(&header)
    }

    /// All but the header's start, which had to be checked before the payload was read.
    fn check_rest(&mut self, header: &[u8; HEADER_BYTES]) -> Result<(Kind, &[u8]), Ending> {
        if checksum(header, &self.payload) != word(header, CHECKSUM_AT) {
            return Err(refusal("E_LINK_CHECKSUM", "the frame's checksum does not fit its bytes", CONNECT_AGAIN));
        }
        let (sequence, expected) = (word(header, SEQUENCE_AT), self.next_sequence);
        if sequence != expected {
            let message = format!("the frame has sequence {sequence}, and {expected} was to come");
            return Err(refusal("E_LINK_SEQUENCE", message, CONNECT_AGAIN));
        }
        let Some(kind) = Kind::of_request(header[KIND_AT]) else {
            let message = format!("no request has kind {}", header[KIND_AT]);
            return Err(refusal("E_LINK_KIND", message, WRONG_PEER));
        };
        self.next_sequence = expected.wrapping_add(1);
        Ok((kind, &self.payload))
    }
}

/// Length of the payload.
fn check_start(header: &[u8; HEADER_BYTES]) -> Result<usize, Ending> {
    let magic = u16::from_le_bytes([header[0], header[1]]);
    if magic != MAGIC {
        let message = format!("a frame begins with {MAGIC:#06x}, this one with {magic:#06x}");
        return Err(refusal("E_LINK_MAGIC", message, WRONG_PEER));
    }
    let version = header[VERSION_AT];
    if version != VERSION {
        let message = format!("the frame has version {version}, this shim speaks version {VERSION}");
        return Err(refusal("E_LINK_VERSION", message, WRONG_PEER));
    }
    let length = word(header, LENGTH_AT) as usize;
    if length > REQUEST_BYTES_MAX {
        let message = format!("the frame has a payload of {length} bytes, {REQUEST_BYTES_MAX} are allowed");
        return Err(refusal("E_LINK_LENGTH", message, "Send shorter frames."));
    }
    Ok(length)
}

/// At least one byte.
fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

pub struct Writer {
    next_sequence: u32,
}

impl Default for Writer {
    fn default() -> Self {
        Self { next_sequence: FIRST_SEQUENCE }
    }
}

impl Writer {
    /// Err: the peer is gone, or does not read.
    pub fn write(&mut self, stream: &mut impl Timely, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let bytes = encode(kind as u8, self.next_sequence, payload);
        self.next_sequence = self.next_sequence.wrapping_add(1);
        stream.set_deadline(Some(Instant::now() + FRAME_TIME_MAX));
        stream.write_all(&bytes)?;
        stream.flush()
    }
}

/// Of any kind: tests encode frames that are to be refused.
pub fn encode(kind: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut header = [0; HEADER_BYTES];
    header[..VERSION_AT].copy_from_slice(&MAGIC.to_le_bytes());
    header[VERSION_AT] = VERSION;
    header[KIND_AT] = kind;
    header[SEQUENCE_AT..LENGTH_AT].copy_from_slice(&sequence.to_le_bytes());
    header[LENGTH_AT..CHECKSUM_AT].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    let checksum = checksum(&header, payload);
    header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
    [&header, payload].concat()
}

fn checksum(header: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..CHECKSUM_AT]);
    hasher.update(payload);
    hasher.finalize()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn refusal(code: &'static str, message: impl Into<String>, mend: &str) -> Ending {
    Ending::Refused(Failure::new(code, message, mend))
}
