//! What the engine needs of the ABI, looked up by name in the loaded image.

use crate::error::ImageError;
use crate::layout::{Constants, Layout, Region, refuse_region};

/// The one number a host has of its own: the ABI that it was written for.
pub const ABI_VERSION: i32 = 2;

/// Where the answer to a management message says what to do with the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetainFields {
    pub bits: usize,
    pub key: usize,
    pub begin: u8,
    pub hold: u8,
    pub close: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct Abi {
    pub inbox: Region,
    pub outbox: Region,
    /// (`RegionId`, place) of each region of u64 counters.
    pub counters: Vec<(u32, Region)>,
    pub retain: RetainFields,
}

/// Regions of u64 counters that every image has; those that some have end like them.
const COUNTER_REGIONS: [&str; 3] = ["VERDICT_COUNTER", "DROP_COUNTER", "EVENT_COUNTER"];
const COUNTER_SUFFIX: &str = "_COUNTER";
const COUNTER_BYTES: usize = size_of::<u64>();

/// Before anything else is read: another version may have other names.
pub(crate) fn check_version(constants: &Constants) -> Result<(), ImageError> {
    let Some(&version) = constants.get("ABI_VERSION") else {
        return Err(ImageError::new(ImageError::NAME, "the image exports no constant ABI_VERSION"));
    };
    if version == ABI_VERSION {
        return Ok(());
    }
    let message = format!("the image speaks ABI {version}, this host ABI {ABI_VERSION}");
    Err(ImageError::new(ImageError::ABI, message))
}

impl Abi {
    pub fn read(layout: &Layout) -> Result<Self, ImageError> {
        let outbox = layout.region("OUTBOX")?;
        let retain = RetainFields {
            bits: byte_in(layout, "Envelope.retain", &outbox)?,
            key: byte_in(layout, "Envelope.retainKey", &outbox)?,
            begin: bit(layout, "Retain.BEGIN")?,
            hold: bit(layout, "Retain.HOLD")?,
            close: bit(layout, "Retain.CLOSE")?,
        };
        let mut counters = Vec::new();
        let more = layout.regions().filter(|name| name.ends_with(COUNTER_SUFFIX) && !COUNTER_REGIONS.contains(name));
        for name in COUNTER_REGIONS.into_iter().chain(more) {
            let place = layout.region(name)?;
            if place.stride != COUNTER_BYTES {
                let message = format!("region {name} has records of {} bytes, not u64", place.stride);
                return refuse_region(message);
            }
            counters.push((layout.constant(&format!("RegionId.{name}"))? as u32, place));
        }
        Ok(Self { inbox: layout.region("INBOX")?, outbox, counters, retain })
    }
}

fn bit(layout: &Layout, name: &str) -> Result<u8, ImageError> {
    let value = layout.constant(name)?;
    u8::try_from(value)
        .map_err(|_| ImageError::new(ImageError::NAME, format!("constant {name} is {value}, not a bit of a byte")))
}

/// The offset of a field that is one byte wide and lies inside `region`'s record.
fn byte_in(layout: &Layout, name: &str, region: &Region) -> Result<usize, ImageError> {
    let field = layout.field(name)?;
    if field.width != 1 || field.offset >= region.stride {
        let message = format!("field {name} is no byte of a record of {} bytes", region.stride);
        return Err(ImageError::new(ImageError::NAME, message));
    }
    Ok(field.offset)
}
