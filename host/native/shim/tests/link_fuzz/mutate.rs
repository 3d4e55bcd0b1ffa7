//! Frames, and what is done to them.

use dobbs_shim::link::frame::{self, HEADER_BYTES, REQUEST_BYTES_MAX};

use crate::bundles::{bundle, flash};
use crate::client::{FLASH, IMAGE, MESSAGE, STATUS};

/// Messages of this first byte are to be carried out; no mutant begins so.
const HONEST: u8 = 0xA5;

pub fn is_honest(message: &[u8]) -> bool {
    message == b"abc" || message.first() == Some(&HONEST)
}

pub fn honest_message(random: &mut Random) -> Vec<u8> {
    let mut message = random.bytes(64);
    message.insert(0, HONEST);
    message
}

/// splitmix64
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Fewer than `bound`.
    pub fn bytes(&mut self, bound: usize) -> Vec<u8> {
        let length = self.below(bound);
        (0..length).map(|_| self.next() as u8).collect()
    }
}

pub struct Mutant {
    pub bytes: Vec<u8>,
    /// The code of the refusal, where only one will do.
    pub expected: Option<&'static str>,
}

/// A frame as a client would send it, but that its messages are not to be carried out.
fn original(random: &mut Random, sequence: u32) -> Vec<u8> {
    let (kind, payload) = match random.below(8) {
        0 => (IMAGE, Vec::new()),
        1 => (STATUS, Vec::new()),
        2 => (FLASH, flash_payload(random)),
        _ => {
            let mut message = random.bytes(200);
            message.insert(0, HONEST ^ 0xff);
            (MESSAGE, message)
        }
    };
    frame::encode(kind, sequence, &payload)
}

/// One that ends the connection, and would be its frame `sequence`.
pub fn mutant(random: &mut Random, sequence: u32) -> Mutant {
    let bytes = original(random, sequence);
    let payload = &bytes[HEADER_BYTES..];
    let only = |bytes: Vec<u8>, code| Mutant { bytes, expected: Some(code) };
    match random.below(10) {
        0 | 1 => Mutant { bytes: flipped(random, &bytes), expected: None },
        2 => {
            let cut = 1 + random.below(bytes.len() - 1);
            Mutant { bytes: bytes[..cut].to_vec(), expected: None }
        }
        3 => {
            let other = sequence.wrapping_add(1 + random.below(u32::MAX as usize - 1) as u32);
            only(frame::encode(bytes[3], other, payload), "E_LINK_SEQUENCE")
        }
        4 => only(frame::encode(5 + random.below(251) as u8, sequence, payload), "E_LINK_KIND"),
        5 => {
            let mut longer = bytes.clone();
            let length = REQUEST_BYTES_MAX + 1 + random.below((u32::MAX as usize) - REQUEST_BYTES_MAX - 1);
            longer[8..12].copy_from_slice(&(length as u32).to_le_bytes());
            only(longer, "E_LINK_LENGTH")
        }
        6 => {
            let mut garbage = random.bytes(400);
            garbage.resize(garbage.len().max(HEADER_BYTES), 0);
            // Not by accident.
            garbage[0] = 0;
            only(garbage, "E_LINK_MAGIC")
        }
        7 => {
            let honest = frame::encode(MESSAGE, sequence, &honest_message(random));
            only([&honest[..], &honest[..]].concat(), "E_LINK_SEQUENCE")
        }
        8 => {
            let next = frame::encode(bytes[3], sequence.wrapping_add(1), payload);
            only([next, bytes].concat(), "E_LINK_SEQUENCE")
        }
        _ => {
            let mut payload = random.bytes(300);
            payload.push(0);
            let kind = if random.below(2) == 0 { IMAGE } else { STATUS };
            // What follows a refused frame is not looked at.
            let followed = [frame::encode(kind, sequence, &payload), original(random, sequence + 1)].concat();
            only(followed, "E_LINK_PAYLOAD")
        }
    }
}

/// A part of a bundle, or a whole one, that is none.
pub fn flash_payload(random: &mut Random) -> Vec<u8> {
    thread_local! {
        static BUNDLE: Vec<u8> = bundle();
    }
    match random.below(3) {
        0 => {
            let mut bytes = random.bytes(64);
            bytes.push(0);
            let total = random.next() as usize;
            flash(random.next() as usize, total, &bytes)
        }
        1 => {
            let mut bytes = random.bytes(512);
            bytes.push(0);
            flash(0, bytes.len(), &bytes)
        }
        _ => BUNDLE.with(|bundle| {
            let mutated = flipped(random, bundle);
            flash(0, mutated.len(), &mutated)
        }),
    }
}

/// One to four bits of it are not what they were.
pub fn flipped(random: &mut Random, bytes: &[u8]) -> Vec<u8> {
    loop {
        let mut mutated = bytes.to_vec();
        for _ in 0..1 + random.below(4) {
            let bit = random.below(bytes.len() * 8);
            mutated[bit / 8] ^= 1 << (bit % 8);
        }
        if mutated != bytes {
            return mutated;
        }
    }
}
