//! A bundle: an image with its manifest and digest. See `docs/bundle.md`.
//!
//! ```text
//!  0         8       12              16           20        24
//! +---------+--------+---------------+------------+---------+----------+-------+-----------------+
//! | DOBBSBDL| format | manifestBytes | imageBytes | 0       | manifest | image | SHA-256 of all  |
//! | 8 bytes | u32    | u32           | u32        | u32     | JSON     |       | before, 32 bytes|
//! +---------+--------+---------------+------------+---------+----------+-------+-----------------+
//! ```

use std::fmt;

use dobbs_engine::{ABI_VERSION, Constants};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};

const MAGIC: &[u8; 8] = b"DOBBSBDL";
const FORMAT: u32 = 1;
const FORMAT_AT: usize = 8;
const MANIFEST_BYTES_AT: usize = 12;
const IMAGE_BYTES_AT: usize = 16;
const RESERVED_AT: usize = 20;
const HEADER_BYTES: usize = 24;
const DIGEST_BYTES: usize = 32;

const MANIFEST_BYTES_MAX: usize = 65_536;
const IMAGE_BYTES_MAX: usize = 16 << 20;
pub const BUNDLE_BYTES_MAX: usize = HEADER_BYTES + MANIFEST_BYTES_MAX + IMAGE_BYTES_MAX + DIGEST_BYTES;
/// `board` and `version`: they are printed and logged.
const WORD_CHARS_MAX: usize = 64;

const BUILD_ANEW: &str = "Build the bundle anew with `dobbs build` of this release.";
const SEND_AGAIN: &str = "Copy the bundle again: it was cut or changed on its way.";

/// Which of the two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    Blade,
    Switch,
}

impl fmt::Display for ImageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blade => "blade",
            Self::Switch => "switch",
        })
    }
}

/// What users are told of a bundle. `digest`: its last 32 bytes, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleInfo {
    pub kind: ImageKind,
    pub board: String,
    pub version: String,
    pub digest: String,
}

/// Members that are not here are ignored, so that signatures can come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub kind: ImageKind,
    pub board: String,
    pub version: String,
    pub abi: i32,
    /// Lower-case hex.
    pub image_sha256: String,
    pub features: Vec<String>,
    pub memory_bytes: u64,
}

/// A verified bundle, in the bytes that it was read from.
#[derive(Debug)]
pub struct Bundle<'a> {
    pub manifest: Manifest,
    pub image: &'a [u8],
    pub info: BundleInfo,
}

impl<'a> Bundle<'a> {
    /// Only the lengths are looked at before the digest has been checked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let manifest_bytes = checked_lengths(bytes)?;
        let (body, digest) = bytes.split_at(bytes.len() - DIGEST_BYTES);
        if Sha256::digest(body)[..] != *digest {
            return refuse("E_BUNDLE_DIGEST", "the bundle's digest does not fit its bytes", SEND_AGAIN);
        }
        let (manifest, image) = body[HEADER_BYTES..].split_at(manifest_bytes);
        let manifest = parse_manifest(manifest)?;
        if manifest.abi != ABI_VERSION {
            let message = format!("the bundle is for ABI {}, this shim speaks ABI {ABI_VERSION}", manifest.abi);
            return refuse("E_BUNDLE_ABI", message, "Take the bundle and the shim from one release.");
        }
        if hex(&Sha256::digest(image)) != manifest.image_sha256 {
            return refuse("E_BUNDLE_IMAGE", "the image is not the one that the manifest names", BUILD_ANEW);
        }
        let info = BundleInfo {
            kind: manifest.kind,
            board: manifest.board.clone(),
            version: manifest.version.clone(),
            digest: hex(digest),
        };
        Ok(Self { manifest, image, info })
    }

    /// What the image says of itself, once it is compiled.
    pub fn require_image_of_its_kind(&self, constants: &Constants) -> Result<()> {
        let of_manifest = match self.manifest.kind {
            ImageKind::Blade => "ImageKind.BLADE",
            ImageKind::Switch => "ImageKind.SWITCH",
        };
        let (kind, wanted) = (constants.get("IMAGE_KIND"), constants.get(of_manifest));
        if kind.is_some() && kind == wanted {
            return Ok(());
        }
        let message = format!("the manifest says {}, and the image does not", self.manifest.kind);
        refuse("E_BUNDLE_MANIFEST", message, BUILD_ANEW)
    }

    /// A running shim does not turn from a blade into a switch.
    pub fn require_kind(&self, running: ImageKind) -> Result<()> {
        if self.manifest.kind == running {
            return Ok(());
        }
        let message = format!("the bundle is for a {}, and this is a {running}", self.manifest.kind);
        refuse("E_BUNDLE_KIND", message, format!("Flash a {running} bundle."))
    }
}

/// The length of the manifest; every part is then where the header says.
fn checked_lengths(bytes: &[u8]) -> Result<usize> {
    if !bytes.starts_with(MAGIC) {
        return refuse("E_BUNDLE_MAGIC", "this is no bundle: it does not begin with DOBBSBDL", "Name a bundle file.");
    }
    if bytes.len() < HEADER_BYTES + DIGEST_BYTES {
        let message = format!("the bundle ends after {} bytes", bytes.len());
        return refuse("E_BUNDLE_LENGTH", message, SEND_AGAIN);
    }
    let format = word(bytes, FORMAT_AT);
    if format != FORMAT || word(bytes, RESERVED_AT) != 0 {
        let message = format!("the bundle has format {format}, and this shim reads format {FORMAT}");
        return refuse("E_BUNDLE_FORMAT", message, BUILD_ANEW);
    }
    let manifest_bytes = word(bytes, MANIFEST_BYTES_AT) as usize;
    let image_bytes = word(bytes, IMAGE_BYTES_AT) as usize;
    if manifest_bytes > MANIFEST_BYTES_MAX || image_bytes > IMAGE_BYTES_MAX {
        let message = format!(
            "a manifest of {manifest_bytes} bytes and an image of {image_bytes} bytes, \
             where {MANIFEST_BYTES_MAX} and {IMAGE_BYTES_MAX} are allowed"
        );
        return refuse("E_BUNDLE_LENGTH", message, BUILD_ANEW);
    }
    let expected = HEADER_BYTES + manifest_bytes + image_bytes + DIGEST_BYTES;
    if bytes.len() != expected {
        let message = format!("the bundle has {} bytes, and its header says {expected}", bytes.len());
        return refuse("E_BUNDLE_LENGTH", message, SEND_AGAIN);
    }
    Ok(manifest_bytes)
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = match serde_json::from_slice(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return refuse("E_BUNDLE_MANIFEST", format!("the bundle's manifest: {error}"), BUILD_ANEW),
    };
    let printable = |word: &str| {
        !word.is_empty() && word.chars().count() <= WORD_CHARS_MAX && !word.chars().any(|char| char.is_control())
    };
    if !printable(&manifest.board) || !printable(&manifest.version) {
        let message =
            format!("the manifest's board and version must be 1 to {WORD_CHARS_MAX} characters that can be printed");
        return refuse("E_BUNDLE_MANIFEST", message, BUILD_ANEW);
    }
    Ok(manifest)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refuse<T>(code: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Result<T> {
    Err(Failure::new(code, message, mend))
}
