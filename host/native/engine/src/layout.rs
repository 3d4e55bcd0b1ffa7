//! An image's own description of itself: constants, fields and tables, by name. The names are a host's whole knowledge:
//! where a thing is and which value it has, the image says.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::ImageError;

/// The i32 globals that an image exports, by name.
pub type Constants = BTreeMap<String, i32>;

/// A field of a record, as the image gives it: `offset | width << 16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub offset: usize,
    pub width: usize,
}

/// A table: `count` records, `stride` bytes apart, from `address` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub address: usize,
    pub stride: usize,
    pub count: usize,
}

impl Region {
    pub fn bytes(&self) -> Range<usize> {
        self.address..self.address + self.stride * self.count
    }

    /// The address of record `index`.
    pub fn record(&self, index: usize) -> usize {
        self.address + self.stride * index
    }
}

#[derive(Debug, Clone)]
pub struct Layout {
    constants: Constants,
    memory_bytes: usize,
    descriptor: Range<usize>,
    /// (`RegionId`, place), not checked yet.
    regions: Vec<(u32, Region)>,
}

impl Layout {
    /// `memory` is that of a fresh instance: the layout descriptor is in its data.
    pub(crate) fn read(constants: Constants, memory: &[u8]) -> Result<Self, ImageError> {
        let number = |name: &str| constant(&constants, name).map(|value| value as u32 as usize);
        let (table, records, size) = (number("LAYOUT")?, number("LAYOUT_REGIONS")?, number("Region.SIZE")?);
        let mut fields = [0; 4];
        for (at, member) in fields.iter_mut().zip(["id", "address", "stride", "count"]) {
            *at = field(&constants, &format!("Region.{member}"))?.offset;
        }
        let mut regions = Vec::new();
        for record in 0..records {
            let mut words = [0; 4];
            for (word, offset) in words.iter_mut().zip(fields) {
                let at = table + record * size + offset;
                let Some(bytes) = memory.get(at..at + 4) else {
                    return refuse_region(format!("the layout descriptor at {table} is outside of the memory"));
                };
                *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
            }
            let [id, address, stride, count] = words;
            let region = Region { address: address as usize, stride: stride as usize, count: count as usize };
            regions.push((id, region));
        }
        let descriptor = table..(table + records * size).min(memory.len());
        Ok(Self { constants, memory_bytes: memory.len(), descriptor, regions })
    }

    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    pub fn constant(&self, name: &str) -> Result<i32, ImageError> {
        constant(&self.constants, name)
    }

    /// The field `Struct.member`.
    pub fn field(&self, name: &str) -> Result<Field, ImageError> {
        field(&self.constants, name)
    }

    /// The member of `group` whose value is `code`: `name("Verdict", 0)` is `DROP`.
    pub fn name(&self, group: &str, code: i32) -> Option<&str> {
        self.constants
            .iter()
            .filter(|(_, value)| **value == code)
            .find_map(|(name, _)| name.strip_prefix(group)?.strip_prefix('.'))
    }

    /// The table `RegionId.<name>`, which has records and lies inside the memory.
    pub fn region(&self, name: &str) -> Result<Region, ImageError> {
        let id = self.constant(&format!("RegionId.{name}"))? as u32;
        let Some(&(_, region)) = self.regions.iter().find(|(known, _)| *known == id) else {
            return refuse_region(format!("the image has no region {name}"));
        };
        let end = region.address as u64 + region.stride as u64 * region.count as u64;
        if region.count == 0 || region.stride == 0 || end > self.memory_bytes as u64 {
            return refuse_region(format!("region {name} is empty, or not inside the memory"));
        }
        Ok(region)
    }

    /// Names of the tables that this image has.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().filter_map(|(id, _)| self.name("RegionId", *id as i32))
    }

    /// Where the `Region` records themselves are.
    pub fn descriptor(&self) -> Range<usize> {
        self.descriptor.clone()
    }

    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
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

pub(crate) fn refuse_region<T>(message: String) -> Result<T, ImageError> {
    Err(ImageError::new(ImageError::REGION, message))
}
