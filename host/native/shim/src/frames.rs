//! The frame ring that shim and image share, in the image's linear memory: ports fill its slots, and egress records say
//! which bytes leave by which port.

use std::ops::Range;

use dobbs_engine::{Field, ImageError, Layout, Region};

/// Destination and source of an Ethernet header: what an egress record may put in place of the first bytes of a slot.
pub const ADDRESSES_BYTES: usize = 12;

/// Where things are in the memory of one image.
#[derive(Debug, Clone)]
pub struct FrameRing {
    frame: Region,
    slot: Region,
    egress: Region,
    /// Slots of the ring: behind them are frames that wait in the image.
    ring_slots: usize,
    slot_length: Field,
    slot_port: Field,
    slot_verdict: Field,
    slot_drop: Field,
    egress_slot: Field,
    egress_port: Field,
    egress_rewrite: Field,
    /// Offset of the addresses in an egress record.
    egress_addresses: usize,
}

/// What leaves, as one egress record says.
#[derive(Debug, PartialEq, Eq)]
pub struct Leaving<'a> {
    pub port: u8,
    /// In place of the first bytes of `frame`.
    pub addresses: Option<&'a [u8]>,
    pub frame: &'a [u8],
}

impl FrameRing {
    /// E_IMAGE_NAME or E_IMAGE_REGION when something is missing, or is not as a shim needs it.
    pub fn read(layout: &Layout) -> Result<Self, ImageError> {
        let (frame, slot, egress) = (layout.region("FRAME")?, layout.region("SLOT")?, layout.region("EGRESS")?);
        let in_slot = |name| field_in(layout, name, &slot);
        let in_egress = |name| field_in(layout, name, &egress);
        let (destination, source) = (in_egress("Egress.destination")?, in_egress("Egress.source")?);
        let addresses = destination.width + source.width;
        if source.offset != destination.offset + destination.width || addresses != ADDRESSES_BYTES {
            let message = format!("Egress.destination and Egress.source are not {ADDRESSES_BYTES} bytes in a row");
            return Err(ImageError { code: ImageError::NAME, message });
        }
        let ring_slots = layout.constant("RING_SLOTS")? as u32 as usize;
        if slot.count < frame.count || ring_slots == 0 || ring_slots > frame.count {
            let message =
                format!("the image has a ring of {ring_slots}, {} frames and {} slots", frame.count, slot.count);
            return Err(ImageError { code: ImageError::REGION, message });
        }
        Ok(Self {
            frame,
            slot,
            egress,
            ring_slots,
            slot_length: in_slot("Slot.length")?,
            slot_port: in_slot("Slot.port")?,
            slot_verdict: in_slot("Slot.verdict")?,
            slot_drop: in_slot("Slot.drop")?,
            egress_slot: in_egress("Egress.slot")?,
            egress_port: in_egress("Egress.port")?,
            egress_rewrite: in_egress("Egress.rewrite")?,
            egress_addresses: destination.offset,
        })
    }

    /// Frames of a batch.
    pub fn slots(&self) -> usize {
        self.ring_slots
    }

    /// Bytes that a slot holds.
    pub fn slot_bytes(&self) -> usize {
        self.frame.stride
    }

    /// Room for the frames of `port`, from slot `first` on, for at most `count` of them.
    pub fn room<'a>(&'a self, memory: &'a mut [u8], port: u8, first: usize, count: usize) -> Room<'a> {
        Room { ring: self, memory, port, next: first, end: (first + count).min(self.slots()) }
    }

    /// The bytes of slot `index` that are there, and the frame's real length.
    pub fn frame<'a>(&self, memory: &'a [u8], index: usize) -> (&'a [u8], usize) {
        let length = number(memory, self.slot.record(index), self.slot_length) as usize;
        let at = self.frame.record(index);
        (&memory[at..at + length.min(self.frame.stride)], length)
    }

    pub fn port(&self, memory: &[u8], index: usize) -> u8 {
        number(memory, self.slot.record(index), self.slot_port) as u8
    }

    /// Values of `Verdict` and `Drop`.
    pub fn verdict(&self, memory: &[u8], index: usize) -> (i32, i32) {
        let slot = self.slot.record(index);
        (number(memory, slot, self.slot_verdict) as i32, number(memory, slot, self.slot_drop) as i32)
    }

    /// Egress record `index`; `None` when it names a slot that is not there.
    pub fn leaving<'a>(&self, memory: &'a [u8], index: usize) -> Option<Leaving<'a>> {
        if index >= self.egress.count {
            return None;
        }
        let record = self.egress.record(index);
        let slot = number(memory, record, self.egress_slot) as usize;
        if slot >= self.frame.count {
            return None;
        }
        let (frame, _) = self.frame(memory, slot);
        let rewrite = number(memory, record, self.egress_rewrite) != 0;
        let addresses: Range<usize> = record + self.egress_addresses..record + self.egress_addresses + ADDRESSES_BYTES;
        Some(Leaving {
            port: number(memory, record, self.egress_port) as u8,
            addresses: (rewrite && frame.len() >= ADDRESSES_BYTES).then(|| &memory[addresses]),
            frame,
        })
    }
}

/// The slots that a port may fill with what it has received.
pub struct Room<'a> {
    ring: &'a FrameRing,
    memory: &'a mut [u8],
    port: u8,
    next: usize,
    end: usize,
}

impl Room<'_> {
    /// The first that is still free, of all slots of the ring.
    pub fn next_slot(&self) -> usize {
        self.next
    }

    pub fn is_full(&self) -> bool {
        self.next == self.end
    }

    /// The next free slot's bytes; `None` when all are taken.
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        if self.is_full() {
            return None;
        }
        let at = self.ring.frame.record(self.next);
        Some(&mut self.memory[at..at + self.ring.frame.stride])
    }

    /// The slot that `slot` gave holds a frame of `length` bytes: as many of them as fit.
    pub fn fill(&mut self, length: usize) {
        let record = self.ring.slot.record(self.next);
        let length_max = (1u64 << (8 * self.ring.slot_length.width)) - 1;
        put(self.memory, record, self.ring.slot_length, (length as u64).min(length_max));
        put(self.memory, record, self.ring.slot_port, self.port.into());
        self.next += 1;
    }

    /// As `slot` and `fill`, of a frame that is somewhere. False when there is no room.
    pub fn put(&mut self, frame: &[u8]) -> bool {
        let Some(slot) = self.slot() else { return false };
        let fits = frame.len().min(slot.len());
        slot[..fits].copy_from_slice(&frame[..fits]);
        self.fill(frame.len());
        true
    }
}

/// A field that lies inside `region`'s record, and is at most 8 bytes wide.
fn field_in(layout: &Layout, name: &str, region: &Region) -> Result<Field, ImageError> {
    let field = layout.field(name)?;
    if field.width == 0 || field.width > size_of::<u64>() || field.offset + field.width > region.stride {
        let message = format!("field {name} is not inside a record of {} bytes", region.stride);
        return Err(ImageError { code: ImageError::NAME, message });
    }
    Ok(field)
}

fn number(memory: &[u8], record: usize, field: Field) -> u64 {
    let at = record + field.offset;
    let mut bytes = [0; size_of::<u64>()];
    bytes[..field.width].copy_from_slice(&memory[at..at + field.width]);
    u64::from_le_bytes(bytes)
}

fn put(memory: &mut [u8], record: usize, field: Field, value: u64) {
    let at = record + field.offset;
    memory[at..at + field.width].copy_from_slice(&value.to_le_bytes()[..field.width]);
}
