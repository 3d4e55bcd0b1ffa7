//! The receive ring that the kernel and an AF_PACKET socket share (TPACKET_V2: it wakes its reader at each frame).
//!
//! ```text
//! record  | tpacket2_hdr: status, lengths, tp_mac, VLAN tag | ... | frame, at tp_mac |
//! ```
//! The kernel fills records in turn and gives each to the reader by its status; the reader gives it back.

use std::io;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::vlan::{TPID_DEFAULT, Tag};
use crate::sys;

/// Frames that wait for the shim: 8 ms of 250,000 frames a second.
const RECORDS: usize = 2048;
/// Memory that the kernel takes in one piece.
const BLOCK_BYTES: usize = 64 * 1024;
/// The kernel leaves so much for the Ethernet header, at least.
const LINK_HEADER_BYTES: usize = 16;

pub struct Ring {
    memory: NonNull<u8>,
    record_bytes: usize,
    next: usize,
}

/// A received frame, while it is still the kernel's memory.
pub struct Received<'a> {
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its real length, without the tag.
    pub length: usize,
    /// The kernel took it out.
    pub tag: Option<Tag>,
    pub is_checksum_open: bool,
}

impl Ring {
    /// `frame_bytes`: what is captured of a frame, at least.
    pub fn map(socket: RawFd, frame_bytes: usize) -> io::Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V2 as libc::c_int;
        sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let header_bytes = unsafe { libc::TPACKET_ALIGN(libc::TPACKET2_HDRLEN + LINK_HEADER_BYTES) };
        // A power of two: no record crosses a block, and the blocks are one piece in our memory.
        let record_bytes = (header_bytes + frame_bytes).next_power_of_two();
        let bytes = RECORDS * record_bytes;
        let request = libc::tpacket_req {
            tp_block_size: BLOCK_BYTES.max(record_bytes) as u32,
            tp_block_nr: (bytes / BLOCK_BYTES.max(record_bytes)) as u32,
            tp_frame_size: record_bytes as u32,
            tp_frame_nr: RECORDS as u32,
        };
        sys::set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let place = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, libc::MAP_SHARED, socket, 0) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(place.cast()).expect("mmap gives no null");
        Ok(Self { memory, record_bytes, next: 0 })
    }

    /// Hands the next frame to `take`, and gives its record back to the kernel if that says so. False: there is none.
    pub fn next(&mut self, take: impl FnOnce(Received) -> bool) -> bool {
        // Inside the mapping: `next` < RECORDS.
        let record = unsafe { self.memory.as_ptr().add(self.next * self.record_bytes) };
        let status = unsafe { AtomicU32::from_ptr(record.cast()) };
        let flags = status.load(Ordering::Acquire);
        if flags & libc::TP_STATUS_USER == 0 {
            return false;
        }
        // The record is ours until its status is given back.
        let header = unsafe { record.cast::<libc::tpacket2_hdr>().read() };
        let offset = usize::from(header.tp_mac).min(self.record_bytes);
        let captured = (header.tp_snaplen as usize).min(self.record_bytes - offset);
        let bytes = unsafe { std::slice::from_raw_parts(record.add(offset), captured) };
        let tpid = if flags & libc::TP_STATUS_VLAN_TPID_VALID != 0 { header.tp_vlan_tpid } else { TPID_DEFAULT };
        let tag = (flags & libc::TP_STATUS_VLAN_VALID != 0).then_some(Tag { tpid, tci: header.tp_vlan_tci });
        let is_checksum_open = flags & libc::TP_STATUS_CSUMNOTREADY != 0;
        if !take(Received { bytes, length: header.tp_len as usize, tag, is_checksum_open }) {
            return false;
        }
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % RECORDS;
        true
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.memory.as_ptr().cast(), RECORDS * self.record_bytes) };
    }
}
