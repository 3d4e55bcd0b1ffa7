//! Writes down what an image is given, so that it can be run again: pcapng, interface n is port n, and the last one,
//! "management", has the requests. Comments say when each came, and what became of it.
//!
//! | packet | comment |
//! |---|---|
//! | a frame | `now=<ms> batch=<n> verdict=<name> drop=<name>`; `verdict=LOST` when its batch trapped |
//! | a request | `now=<ms>` |
//! | an empty one, of "management" | `restart`: the image was started anew |
//! | (section) | the bundle's digest; a swap begins a new section, with the requests that the new image was given |

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dobbs_engine::Layout;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::failure::{Failure, Result};
use crate::frames::FrameRing;
use crate::sys;

const MODE: u32 = 0o600;
const TSRESOL_NS: u8 = 9;
/// The verdict of a frame whose batch trapped.
const LOST: &str = "LOST";
const RESTART: &str = "restart";

pub struct Recorder<W: Write> {
    writer: PcapNgWriter<W>,
    /// Words by port number; a number without a port has an interface all the same.
    ports: Vec<String>,
    names: Names,
    /// The batch that is with the image: it may write over the frames.
    held: Vec<Held>,
    bytes: Vec<u8>,
    batches: u64,
    is_dirty: bool,
}

/// A frame of the batch: where its bytes are in `bytes`.
struct Held {
    port: u8,
    from: usize,
    to: usize,
    length: usize,
}

/// Of the running image, by code.
struct Names {
    verdicts: Vec<String>,
    drops: Vec<String>,
}

impl Names {
    fn read(layout: &Layout) -> Self {
        let of = |group: &str| {
            let name = |code| layout.name(group, code).map_or_else(|| code.to_string(), str::to_owned);
            (0..=i32::from(u8::MAX)).map(name).collect()
        };
        Self { verdicts: of("Verdict"), drops: of("Drop") }
    }
}

/// Err: why `create` would fail. Makes nothing.
pub fn check(path: &Path) -> Result<()> {
    sys::check_writable(path).map_err(|error| not_written(path, &error.to_string()))
}

/// For its owner alone: clients' traffic is in it, and the hash seed. E_RECORD_FILE.
pub fn create(path: &Path, ports: &[(u8, String)], digest: &str, layout: &Layout) -> Result<Recorder<BufWriter<File>>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(MODE)
        .open(path)
        .map_err(|error| not_written(path, &error.to_string()))?;
    Recorder::new(BufWriter::new(file), ports, digest, layout).map_err(|error| not_written(path, &error.to_string()))
}

/// Of a recording that was begun.
pub fn ended(error: &PcapError) -> Failure {
    let why = match error {
        PcapError::IoError(error) => error.to_string(),
        other => other.to_string(),
    };
    let mend = "Give its disk some room, and start the shim anew. What was written until now can be replayed.";
    Failure::new("E_RECORD_FILE", format!("the recording ends here: {why}"), mend)
}

fn not_written(path: &Path, why: &str) -> Failure {
    let message = format!("cannot write the recording {}: {why}", path.display());
    Failure::new("E_RECORD_FILE", message, "Name a file in a folder that may be written to, with room on its disk.")
}

impl<W: Write> Recorder<W> {
    pub fn new(
        writer: W,
        ports: &[(u8, String)],
        digest: &str,
        layout: &Layout,
    ) -> std::result::Result<Self, PcapError> {
        let count = ports.iter().map(|(number, _)| usize::from(*number) + 1).max().unwrap_or(0);
        let mut words: Vec<String> = (0..count).map(|number| format!("{number}: no port")).collect();
        for (number, word) in ports {
            words[usize::from(*number)] = word.clone();
        }
        let mut recorder = Self {
            writer: PcapNgWriter::with_section_header(writer, section(digest))?,
            ports: words,
            names: Names::read(layout),
            held: Vec::new(),
            bytes: Vec::new(),
            batches: 0,
            is_dirty: true,
        };
        recorder.describe_interfaces()?;
        Ok(recorder)
    }

    /// Another image runs from here on; it was given the messages in `retained`.
    pub fn swapped(
        &mut self,
        digest: &str,
        layout: &Layout,
        retained: &[Vec<u8>],
        now: u32,
    ) -> std::result::Result<(), PcapError> {
        self.names = Names::read(layout);
        self.writer.write_pcapng_block(section(digest))?;
        self.describe_interfaces()?;
        retained.iter().try_for_each(|message| self.request(message, now))
    }

    /// Before `process`: the frames as they came.
    pub fn hold(&mut self, ring: &FrameRing, memory: &[u8], count: usize) {
        self.held.clear();
        self.bytes.clear();
        for index in 0..count {
            let (frame, length) = ring.frame(memory, index);
            let from = self.bytes.len();
            self.bytes.extend_from_slice(frame);
            self.held.push(Held { port: ring.port(memory, index), from, to: self.bytes.len(), length });
        }
    }

    /// After `process`. `memory`: `None` when the image trapped.
    pub fn batch(&mut self, ring: &FrameRing, memory: Option<&[u8]>, now: u32) -> std::result::Result<(), PcapError> {
        self.batches += 1;
        let (batch, time) = (self.batches, real_time());
        for (index, held) in std::mem::take(&mut self.held).into_iter().enumerate() {
            let (verdict, drop) = match memory {
                None => (LOST, &self.names.drops[0]),
                Some(memory) => {
                    let (verdict, drop) = ring.verdict(memory, index);
                    (self.names.verdicts[verdict as usize & 0xff].as_str(), &self.names.drops[drop as usize & 0xff])
                }
            };
            let comment = format!("now={now} batch={batch} verdict={verdict} drop={drop}");
            let packet = packet(held.port.into(), time, &self.bytes[held.from..held.to], held.length, comment);
            self.writer.write_pcapng_block(packet)?;
        }
        self.is_dirty = true;
        Ok(())
    }

    pub fn request(&mut self, message: &[u8], now: u32) -> std::result::Result<(), PcapError> {
        self.management(message, format!("now={now}"))
    }

    /// After a trap.
    pub fn restarted(&mut self) -> std::result::Result<(), PcapError> {
        self.management(&[], RESTART.into())
    }

    /// Hands on what was written, so that little is lost when the shim is killed.
    pub fn flush(&mut self) -> std::result::Result<(), PcapError> {
        if std::mem::take(&mut self.is_dirty) {
            self.writer.get_mut().flush().map_err(PcapError::IoError)?;
        }
        Ok(())
    }

    fn management(&mut self, bytes: &[u8], comment: String) -> std::result::Result<(), PcapError> {
        self.is_dirty = true;
        let packet = packet(self.ports.len() as u32, real_time(), bytes, bytes.len(), comment);
        self.writer.write_pcapng_block(packet).map(|_| ())
    }

    fn describe_interfaces(&mut self) -> std::result::Result<(), PcapError> {
        for word in self.ports.clone() {
            self.writer.write_pcapng_block(interface(word, DataLink::ETHERNET))?;
        }
        self.writer.write_pcapng_block(interface("management".into(), DataLink::USER0)).map(|_| ())
    }
}

fn section(digest: &str) -> SectionHeaderBlock<'static> {
    let options = vec![
        SectionHeaderOption::Comment(Cow::Owned(digest.to_owned())),
        SectionHeaderOption::UserApplication(Cow::Borrowed("dobbs-shim")),
    ];
    SectionHeaderBlock { endianness: Endianness::Little, options, ..SectionHeaderBlock::default() }
}

fn interface(name: String, linktype: DataLink) -> InterfaceDescriptionBlock<'static> {
    let options =
        vec![InterfaceDescriptionOption::IfName(Cow::Owned(name)), InterfaceDescriptionOption::IfTsResol(TSRESOL_NS)];
    InterfaceDescriptionBlock { linktype, snaplen: 0, options }
}

fn packet(
    interface_id: u32,
    timestamp: Duration,
    data: &[u8],
    length: usize,
    comment: String,
) -> EnhancedPacketBlock<'_> {
    EnhancedPacketBlock {
        interface_id,
        timestamp,
        original_len: length as u32,
        data: Cow::Borrowed(data),
        options: vec![EnhancedPacketOption::Comment(Cow::Owned(comment))],
    }
}

fn real_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
