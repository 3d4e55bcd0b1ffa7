//! Ports: where frames come from and go to. One trait, and a file for each kind.

mod interface;
mod memory;
mod packet;
mod pcap;
mod ring;
mod tap;
pub mod vlan;
pub mod word;

use std::ops::Add;
use std::os::fd::RawFd;

use serde::Serialize;

use crate::failure::{Failure, Result};
use crate::frames::Room;
use memory::Wires;
use vlan::TAG_BYTES;
use word::{PortKind, PortWord};

/// Beside the MTU: Ethernet header and two VLAN tags.
const HEADER_BYTES_MAX: usize = 14 + 2 * TAG_BYTES;
const MTU_USUAL: usize = 1500;

/// Of one port, since the shim was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortCounters {
    pub frames_in: u64,
    pub frames_out: u64,
    /// Of `frames_in`: longer than a slot. The image drops them.
    pub oversize: u64,
    /// Of `frames_in`: their sender has left the checksum to a network card that was never there.
    pub unready: u64,
    /// Did not leave: no room in the queue, or the port is down.
    pub send_failed: u64,
    /// The kernel had no room for them in the receive ring.
    pub kernel_dropped: u64,
}

impl Add for PortCounters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            frames_in: self.frames_in + other.frames_in,
            frames_out: self.frames_out + other.frames_out,
            oversize: self.oversize + other.oversize,
            unready: self.unready + other.unready,
            send_failed: self.send_failed + other.send_failed,
            kernel_dropped: self.kernel_dropped + other.kernel_dropped,
        }
    }
}

pub trait Port {
    /// To be waited on for reading; `None` of a port that is never waited for.
    fn fd(&self) -> Option<RawFd>;

    /// Frames may be here already: do not wait.
    fn is_ready(&self) -> bool {
        false
    }

    /// Will never have a frame again.
    fn is_at_end(&self) -> bool {
        false
    }

    /// Puts what has come into `room`, until it is full or nothing is left. Never waits.
    fn receive(&mut self, room: &mut Room);

    /// Sends `frame`, its first bytes replaced by `addresses` when they are given (then it is at least as long).
    /// Never waits: what cannot be sent now is counted.
    fn send(&mut self, addresses: Option<&[u8]>, frame: &[u8]);

    /// As far as the shim itself has counted.
    fn counters(&self) -> PortCounters;

    /// Asks the kernel for what it has counted.
    fn refresh(&mut self) {}

    /// Something that has happened to this port since it was last asked, and that a user should know. `is_failing`:
    /// waiting on its fd ended with an error.
    fn take_trouble(&mut self, is_failing: bool) -> Option<Failure> {
        let _ = is_failing;
        None
    }

    /// Another image's slots hold this many bytes.
    fn resize(&mut self, slot_bytes: usize) {
        let _ = slot_bytes;
    }

    /// It has nothing behind it any more, and is to be opened anew.
    fn is_gone(&self) -> bool {
        false
    }

    /// It is to be asked for its trouble now and then, also when nothing else happens.
    fn is_troubled(&self) -> bool {
        self.is_gone()
    }

    /// How to stop frames from coming longer than a slot, or with open checksums.
    fn offload_mend(&self) -> String;

    /// What was found when it was opened, in a few words for `--check`.
    fn describe(&self) -> String;

    /// Writes what is not written yet.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

pub struct PortOptions {
    /// Bytes that a slot holds.
    pub slot_bytes: usize,
    /// Only warn of offloads.
    pub allow_offloads: bool,
    /// Write nothing, make nothing that stays.
    pub check_only: bool,
}

/// An open port with its number in the image.
pub struct NumberedPort {
    pub number: u8,
    pub word: PortWord,
    pub port: Box<dyn Port>,
    /// Of those that were open in its place before.
    carried: PortCounters,
}

impl NumberedPort {
    pub fn counters(&self) -> PortCounters {
        self.carried + self.port.counters()
    }

    /// Opens it in the place of the one that is gone.
    pub fn reopen(&mut self, options: &PortOptions) -> Result<()> {
        let port = open_one(&self.word, options, &mut Wires::default(), &mut Vec::new())?;
        self.port.refresh();
        self.carried = self.counters();
        self.port = port;
        Ok(())
    }
}

/// Opens all, in the order of the words. What is only worth a warning comes back with them.
pub fn open(words: &[(u8, PortWord)], options: &PortOptions) -> Result<(Vec<NumberedPort>, Vec<Failure>)> {
    let mut warnings = Vec::new();
    let mut wires = Wires::default();
    let mut ports = Vec::new();
    for (number, word) in words {
        let port = open_one(word, options, &mut wires, &mut warnings)?;
        ports.push(NumberedPort { number: *number, word: word.clone(), port, carried: PortCounters::default() });
    }
    wires.check()?;
    Ok((ports, warnings))
}

fn open_one(
    word: &PortWord,
    options: &PortOptions,
    wires: &mut Wires,
    warnings: &mut Vec<Failure>,
) -> Result<Box<dyn Port>> {
    Ok(match &word.kind {
        PortKind::Packet { interface } => Box::new(packet::PacketPort::open(word, interface, options, warnings)?),
        PortKind::Tap { interface } => Box::new(tap::TapPort::open(word, interface, options)?),
        PortKind::Pcap { input, output } => Box::new(pcap::PcapPort::open(word, input, output.as_deref(), options)?),
        PortKind::Memory { wire } => Box::new(wires.end(word, wire, options)?),
    })
}

/// The largest MTU of an interface whose frames fit into slots; no more than what Ethernet is used to.
fn usual_mtu(slot_bytes: usize) -> usize {
    slot_bytes.saturating_sub(HEADER_BYTES_MAX).min(MTU_USUAL)
}

/// A copy of what leaves, for ports that keep it.
fn with_addresses(addresses: Option<&[u8]>, frame: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    if let Some(addresses) = addresses {
        bytes[..addresses.len()].copy_from_slice(addresses);
    }
    bytes
}
