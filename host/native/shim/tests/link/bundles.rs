//! Bundles, written down apart from what reads them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[path = "../../../engine/tests/common/mod.rs"]
mod images;

use images::Parts;

/// `kind`: what the image says of itself, 1 for a blade and 2 for a switch.
pub fn image(kind: i32) -> Vec<u8> {
    let mut parts = Parts::default();
    parts.constants.extend([("IMAGE_KIND", kind), ("ImageKind.BLADE", 1), ("ImageKind.SWITCH", 2)]);
    parts.image()
}

pub fn manifest(image: &[u8]) -> Value {
    json!({
        "kind": "blade",
        "board": "tiny",
        "version": "0.3.0",
        "abi": dobbs_engine::ABI_VERSION,
        "imageSha256": hex(&Sha256::digest(image)),
        "features": ["bulk-memory"],
        "memoryBytes": 65536,
        "signedBy": "a member of a later release",
    })
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn header(format: u32, manifest_bytes: usize, image_bytes: usize, reserved: u32) -> Vec<u8> {
    let words = [format, manifest_bytes as u32, image_bytes as u32, reserved];
    [b"DOBBSBDL".to_vec(), words.map(u32::to_le_bytes).concat()].concat()
}

/// Of any parts, with the digest that they have.
pub fn sealed(header: &[u8], manifest: &[u8], image: &[u8]) -> Vec<u8> {
    let body = [header, manifest, image].concat();
    let digest = Sha256::digest(&body);
    [&body[..], &digest[..]].concat()
}

pub fn bundle_of(manifest: &[u8], image: &[u8]) -> Vec<u8> {
    sealed(&header(1, manifest.len(), image.len(), 0), manifest, image)
}

pub fn bundle() -> Vec<u8> {
    let image = image(1);
    bundle_of(manifest(&image).to_string().as_bytes(), &image)
}

/// `FLASH` payloads of at most `part_bytes` of the bundle each.
pub fn parts(bundle: &[u8], part_bytes: usize) -> Vec<Vec<u8>> {
    let part = |(index, bytes): (usize, &[u8])| flash(index * part_bytes, bundle.len(), bytes);
    bundle.chunks(part_bytes).enumerate().map(part).collect()
}

pub fn flash(offset: usize, total: usize, bytes: &[u8]) -> Vec<u8> {
    [&(offset as u32).to_le_bytes()[..], &(total as u32).to_le_bytes(), bytes].concat()
}
