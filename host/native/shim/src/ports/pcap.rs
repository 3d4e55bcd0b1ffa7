//! Frames of a capture file (pcap or pcapng), as fast as they are taken; what leaves goes to another file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::os::fd::RawFd;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};

use super::word::PortWord;
use super::{Port, PortCounters, PortOptions};
use crate::failure::{Failure, Result};
use crate::frames::Room;
use crate::sys;

const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const SNAP_BYTES: u32 = 65_535;

enum Reader {
    Pcap(PcapReader<BufReader<File>>),
    Pcapng(PcapNgReader<BufReader<File>>),
}

pub struct PcapPort {
    word: PortWord,
    reader: Reader,
    /// The frame that is next: its bytes, and its real length. `None`: the end.
    next: Option<(Vec<u8>, usize)>,
    writer: Option<PcapWriter<BufWriter<File>>>,
    slot_bytes: usize,
    counters: PortCounters,
    trouble: Option<Failure>,
}

impl PcapPort {
    /// E_PORT_MISSING, E_PORT_CAPTURE (no capture of Ethernet frames) or E_PORT_OPEN.
    pub fn open(word: &PortWord, input: &Path, output: Option<&Path>, options: &PortOptions) -> Result<Self> {
        let writer = match output {
            None => None,
            Some(path) if options.check_only => {
                sys::check_writable(path).map_err(|error| not_written(word, path, &error.to_string()))?;
                None
            }
            Some(path) => Some(create(word, path)?),
        };
        let mut port = Self {
            word: word.clone(),
            reader: open(word, input)?,
            next: None,
            writer,
            slot_bytes: options.slot_bytes,
            counters: PortCounters::default(),
            trouble: None,
        };
        port.next = port.reader.next().map_err(|reason| no_capture(word, &reason))?;
        Ok(port)
    }

    fn advance(&mut self) {
        self.next = self.reader.next().unwrap_or_else(|reason| {
            self.trouble = Some(no_capture(&self.word, &reason));
            None
        });
    }
}

fn no_capture(word: &PortWord, reason: &str) -> Failure {
    let mend = "Name a whole pcap or pcapng file of Ethernet frames, e.g. one that `tcpdump -w` wrote.";
    Failure::new("E_PORT_CAPTURE", format!("port {word}: {reason}"), mend)
}

fn open(word: &PortWord, path: &Path) -> Result<Reader> {
    let mut file = File::open(path).map_err(|error| {
        let message = format!("port {word}: cannot read {}: {error}", path.display());
        Failure::new("E_PORT_MISSING", message, "Name a capture file that is there.")
    })?;
    let mut magic = [0; PCAPNG_MAGIC.len()];
    let read = file.read_exact(&mut magic).and_then(|()| file.rewind());
    read.map_err(|error| no_capture(word, &error.to_string()))?;
    let damaged = |error: PcapError| no_capture(word, &error.to_string());
    if magic == PCAPNG_MAGIC {
        return Ok(Reader::Pcapng(PcapNgReader::new(BufReader::new(file)).map_err(damaged)?));
    }
    let reader = PcapReader::new(BufReader::new(file)).map_err(damaged)?;
    match reader.header().datalink {
        DataLink::ETHERNET => Ok(Reader::Pcap(reader)),
        other => Err(no_capture(word, &format!("its frames are {other:?}, not Ethernet"))),
    }
}

fn create(word: &PortWord, path: &Path) -> Result<PcapWriter<BufWriter<File>>> {
    let header = PcapHeader {
        datalink: DataLink::ETHERNET,
        ts_resolution: TsResolution::NanoSecond,
        snaplen: SNAP_BYTES,
        ..PcapHeader::default()
    };
    let file = File::create(path).map_err(|error| not_written(word, path, &error.to_string()))?;
    PcapWriter::with_header(BufWriter::new(file), header).map_err(|error| not_written(word, path, &error.to_string()))
}

fn not_written(word: &PortWord, path: &Path, why: &str) -> Failure {
    let message = format!("port {word}: cannot write {}: {why}", path.display());
    Failure::new("E_PORT_OPEN", message, "Name a file in a folder that may be written to.")
}

impl Reader {
    /// The next Ethernet frame and its real length; Err: why there are no more.
    fn next(&mut self) -> std::result::Result<Option<(Vec<u8>, usize)>, String> {
        match self {
            Self::Pcap(reader) => match reader.next_raw_packet() {
                None => Ok(None),
                Some(Ok(packet)) => Ok(Some((packet.data.to_vec(), packet.orig_len as usize))),
                Some(Err(error)) => Err(error.to_string()),
            },
            Self::Pcapng(reader) => loop {
                match reader.next_block() {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(error.to_string()),
                    Some(Ok(Block::EnhancedPacket(packet))) => {
                        let (id, length) = (packet.interface_id as usize, packet.original_len as usize);
                        let bytes = packet.data.to_vec();
                        if reader.interfaces().get(id).is_some_and(|known| known.linktype == DataLink::ETHERNET) {
                            return Ok(Some((bytes, length)));
                        }
                    }
                    Some(Ok(_)) => {}
                }
            },
        }
    }
}

impl Port for PcapPort {
    fn fd(&self) -> Option<RawFd> {
        None
    }

    fn is_ready(&self) -> bool {
        self.next.is_some()
    }

    fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    fn receive(&mut self, room: &mut Room) {
        while let Some((bytes, length)) = &self.next {
            let Some(slot) = room.slot() else { return };
            let fits = bytes.len().min(slot.len());
            slot[..fits].copy_from_slice(&bytes[..fits]);
            // What was not captured is not made up: the frame is as short as the file has it, unless it is too long.
            let length = if *length > self.slot_bytes { *length } else { bytes.len() };
            room.fill(length);
            self.counters.frames_in += 1;
            self.counters.oversize += u64::from(length > self.slot_bytes);
            self.advance();
        }
    }

    fn send(&mut self, addresses: Option<&[u8]>, frame: &[u8]) {
        let Some(writer) = &mut self.writer else {
            self.counters.frames_out += 1;
            return;
        };
        let bytes = super::with_addresses(addresses, frame);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match writer.write_packet(&PcapPacket::new(time, bytes.len() as u32, &bytes)) {
            Ok(_) => self.counters.frames_out += 1,
            Err(_) => self.counters.send_failed += 1,
        }
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }

    fn take_trouble(&mut self, _: bool) -> Option<Failure> {
        self.trouble.take()
    }

    fn resize(&mut self, slot_bytes: usize) {
        self.slot_bytes = slot_bytes;
    }

    fn offload_mend(&self) -> String {
        "Capture frames as they are on the wire: ethtool -K <interface> gro off lro off tso off gso off, then tcpdump -w".into()
    }

    fn describe(&self) -> String {
        if self.next.is_none() { "a capture without frames".into() } else { "a capture file".into() }
    }

    fn flush(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.into_writer().flush().map_err(|error| {
            let message = format!("port {}: cannot write all frames: {error}", self.word);
            Failure::new("E_PORT_OPEN", message, "Free some room on the disk.")
        })
    }
}
