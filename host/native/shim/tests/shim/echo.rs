//! A hand-written image: a frame that comes in by one port of a pair (0 and 1, 2 and 3) leaves by the other one. The last
//! byte of its destination says what else is done with it.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bundles::{bundle_of, hex, manifest};
use crate::common::{CONSTANTS, Parts};

pub const SLOTS: usize = 64;
pub const SLOT_BYTES: usize = 2048;

/// As it came.
pub const PLAIN: u8 = 0x01;
/// With a destination of six 0xdd and a source of six 0x55.
pub const REWRITE: u8 = 0xdd;
/// The image traps.
pub const TRAP: u8 = 0xee;
/// Bytes 16 to 19 become what messages have made of the number at `APPLIED`.
pub const ASK: u8 = 0xaa;
/// Dropped.
pub const DROP: u8 = 0x0d;

const FRAMES: u32 = 65536;
const SLOT_RECORDS: u32 = 12288;
const EGRESS: u32 = 16384;

const PROCESS: &str = r#"
(func (export "process") (param $first i32) (param $count i32) (param $now i32) (result i32)
  (local $end i32) (local $frame i32) (local $slot i32) (local $egress i32) (local $act i32)
  (local.set $end (i32.add (local.get $first) (local.get $count)))
  (loop $next
    (if (i32.lt_u (local.get $first) (local.get $end)) (then
      (local.set $frame (i32.add (i32.const 65536) (i32.mul (local.get $first) (i32.const 2048))))
      (local.set $slot (i32.add (i32.const 12288) (i32.mul (local.get $first) (i32.const 8))))
      (local.set $act (i32.load8_u offset=5 (local.get $frame)))
      (if (i32.eq (local.get $act) (i32.const 0xee)) (then (unreachable)))
      (if (i32.eq (local.get $act) (i32.const 0xaa)) (then
        (i32.store offset=16 (local.get $frame) (i32.load (i32.const 4096)))))
      (i32.store8 offset=3 (local.get $slot) (i32.const 3))
      (i32.store8 offset=4 (local.get $slot) (i32.const 0))
      (if (i32.or (i32.eq (local.get $act) (i32.const 0x0d))
                  (i32.gt_u (i32.load16_u (local.get $slot)) (i32.const 2048)))
        (then
          (i32.store8 offset=3 (local.get $slot) (i32.const 0))
          (i32.store8 offset=4 (local.get $slot) (i32.const 1)))
        (else
          (i32.store16 offset=16384 (local.get $egress) (local.get $first))
          (i32.store8 offset=16386 (local.get $egress) (i32.xor (i32.load8_u offset=2 (local.get $slot)) (i32.const 1)))
          (i32.store8 offset=16387 (local.get $egress) (i32.eq (local.get $act) (i32.const 0xdd)))
          (i64.store offset=16388 (local.get $egress) (i64.const 0x5555dddddddddddd))
          (i32.store offset=16396 (local.get $egress) (i32.const 0x55555555))
          (local.set $egress (i32.add (local.get $egress) (i32.const 16)))))
      (local.set $first (i32.add (local.get $first) (i32.const 1)))
      (br $next))))
  (i32.div_u (local.get $egress) (i32.const 16)))"#;

const NAMES: &[(&str, i32)] = &[
    ("LAYOUT_REGIONS", 8),
    ("IMAGE_KIND", 1),
    ("RING_SLOTS", SLOTS as i32),
    ("ImageKind.BLADE", 1),
    ("ImageKind.SWITCH", 2),
    ("RegionId.FRAME", 1),
    ("RegionId.SLOT", 2),
    ("RegionId.EGRESS", 3),
    ("Slot.length", 2 << 16),
    ("Slot.port", 2 | 1 << 16),
    ("Slot.verdict", 3 | 1 << 16),
    ("Slot.drop", 4 | 1 << 16),
    ("Egress.slot", 2 << 16),
    ("Egress.port", 2 | 1 << 16),
    ("Egress.rewrite", 3 | 1 << 16),
    ("Egress.destination", 4 | 6 << 16),
    ("Egress.source", 10 | 6 << 16),
    ("Verdict.DROP", 0),
    ("Verdict.FORWARD", 3),
    ("Drop.NONE", 0),
    ("Drop.OVERSIZE", 1),
];

pub fn parts() -> Parts {
    let mut parts = Parts { process: PROCESS.into(), ..Parts::default() };
    parts.memory = r#"(memory (export "memory") 4 4)"#.into();
    parts.constants = CONSTANTS.iter().filter(|(name, _)| *name != "LAYOUT_REGIONS").chain(NAMES).copied().collect();
    parts.regions.push([1, FRAMES, SLOT_BYTES as u32, SLOTS as u32]);
    parts.regions.push([2, SLOT_RECORDS, 8, SLOTS as u32]);
    parts.regions.push([3, EGRESS, 16, 256]);
    parts
}

/// A bundle of it. `version` makes bundles of one image differ.
pub fn bundle(parts: &Parts, version: &str) -> Vec<u8> {
    let image = parts.image();
    let mut manifest = manifest(&image);
    manifest["version"] = json!(version);
    bundle_of(manifest.to_string().as_bytes(), &image)
}

/// What a shim says of itself when it runs `bundle`.
pub fn digest(bundle: &[u8]) -> String {
    let (body, digest) = bundle.split_at(bundle.len() - 32);
    assert_eq!(Sha256::digest(body)[..], *digest);
    hex(digest)
}

/// A frame of `length` bytes, of a protocol that no stack answers, that the image treats as `act` says.
pub fn frame(act: u8, number: u32, length: usize) -> Vec<u8> {
    let mut frame: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, act, 2, 0, 0, 0, 0, 2]);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    if length >= 24 {
        frame[20..24].copy_from_slice(&number.to_be_bytes());
    }
    frame
}
