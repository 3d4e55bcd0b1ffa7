//! What the engine needs of the ABI, looked up by name in the loaded image. The names are the engine's whole
//! knowledge: where a thing is and which value it has, the image says.

use std::collections::BTreeMap;

use crate::error::ImageError;

/// The one number a host has of its own: the ABI that it was written for.
pub const ABI_VERSION: i32 = 1;

/// The i32 globals that an image exports, by name.
pub type Constants = BTreeMap<String, i32>;

/// A field of a record, as the image gives it: `offset | width << 16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    offset: usize,
    width: usize,
}

/// A table: `count` records, `stride` bytes apart, from `address` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub address: usize,
    pub stride: usize,
    pub count: usize,
}

impl Region {
    pub fn bytes(&self) -> std::ops::Range<usize> {
        self.address..self.address + self.stride * self.count
    }
}

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

const COUNTER_REGIONS: [&str; 3] = ["VERDICT_COUNTER", "DROP_COUNTER", "EVENT_COUNTER"];
const COUNTER_BYTES: usize = size_of::<u64>();

pub(crate) fn check_version(constants: &Constants) -> Result<(), ImageError> {
    let version = constant(constants, "ABI_VERSION")?;
    if version == ABI_VERSION {
        return Ok(());
    }
    let message = format!("the image speaks ABI {version}, this host ABI {ABI_VERSION}");
    Err(ImageError::new(ImageError::ABI, message))
}

impl Abi {
    /// `memory` is that of a fresh instance: the layout descriptor is in its data.
    pub fn read(constants: &Constants, memory: &[u8]) -> Result<Self, ImageError> {
        let region = |name: &str| find_region(constants, memory, name);
        let outbox = region("OUTBOX")?;
        let retain = RetainFields {
            bits: byte_in(constants, "Envelope.retain", &outbox)?,
            key: byte_in(constants, "Envelope.retainKey", &outbox)?,
            begin: bit(constants, "Retain.BEGIN")?,
            hold: bit(constants, "Retain.HOLD")?,
            close: bit(constants, "Retain.CLOSE")?,
        };
        let mut counters = Vec::new();
        for name in COUNTER_REGIONS {
            let place = region(name)?;
            if place.stride != COUNTER_BYTES {
                let message = format!("region {name} has records of {} bytes, not u64", place.stride);
                return refuse_region(message);
            }
            counters.push((constant(constants, &format!("RegionId.{name}"))? as u32, place));
        }
        Ok(Self { inbox: region("INBOX")?, outbox, counters, retain })
    }
}

fn constant(constants: &Constants, name: &str) -> Result<i32, ImageError> {
    constants
        .get(name)
        .copied()
        .ok_or_else(|| ImageError::new(ImageError::NAME, format!("the image exports no constant {name}")))
}

fn field(constants: &Constants, name: &str) -> Result<Field, ImageError> {
    let packed = constant(constants, name)? as u32;
    Ok(Field { offset: (packed & 0xffff) as usize, width: (packed >> 16) as usize })
}

fn bit(constants: &Constants, name: &str) -> Result<u8, ImageError> {
    let value = constant(constants, name)?;
    u8::try_from(value)
        .map_err(|_| ImageError::new(ImageError::NAME, format!("constant {name} is {value}, not a bit of a byte")))
}

/// The offset of a field that is one byte wide and lies inside `region`'s record.
fn byte_in(constants: &Constants, name: &str, region: &Region) -> Result<usize, ImageError> {
    let field = field(constants, name)?;
    if field.width != 1 || field.offset >= region.stride {
        let message = format!("field {name} is no byte of a record of {} bytes", region.stride);
        return Err(ImageError::new(ImageError::NAME, message));
    }
    Ok(field.offset)
}

fn find_region(constants: &Constants, memory: &[u8], name: &str) -> Result<Region, ImageError> {
    let id = constant(constants, &format!("RegionId.{name}"))? as u32;
    let table = constant(constants, "LAYOUT")? as u32 as usize;
    let records = constant(constants, "LAYOUT_REGIONS")? as u32 as usize;
    let size = constant(constants, "Region.SIZE")? as u32 as usize;

    for record in 0..records {
        let base = table + record * size;
        let read = |member: &str| -> Result<usize, ImageError> {
            let at = base + field(constants, member)?.offset;
            match memory.get(at..at + 4) {
                Some(bytes) => Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize),
                None => refuse_region(format!("the layout descriptor at {table} is outside of the memory")),
            }
        };
        if read("Region.id")? != id as usize {
            continue;
        }
        let region =
            Region { address: read("Region.address")?, stride: read("Region.stride")?, count: read("Region.count")? };
        let end = region.address as u64 + region.stride as u64 * region.count as u64;
        if region.count == 0 || region.stride == 0 || end > memory.len() as u64 {
            return refuse_region(format!("region {name} is empty, or not inside the memory"));
        }
        return Ok(region);
    }
    refuse_region(format!("the image has no region {name}"))
}

fn refuse_region<T>(message: String) -> Result<T, ImageError> {
    Err(ImageError::new(ImageError::REGION, message))
}
