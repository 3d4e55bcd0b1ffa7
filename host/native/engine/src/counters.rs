//! Counters that outlive the instance that counts them.

use crate::layout::Region;

const BYTES: usize = size_of::<u64>();

/// What was counted before the last restart, a list for each counter region. A call that traps may have counted some
/// of its frames, and may have written anywhere; so the counters are read before each call, and those of a call that
/// trapped are not used. What a replay counts is taken off: it was counted when it was done first.
pub(crate) struct Counters {
    regions: Vec<Counted>,
}

struct Counted {
    id: u32,
    place: Region,
    /// May be "negative": it wraps.
    carried: Vec<u64>,
    saved: Vec<u8>,
}

impl Counters {
    pub fn new(regions: &[(u32, Region)]) -> Self {
        let counted = |&(id, place): &(u32, Region)| Counted {
            id,
            place,
            carried: vec![0; place.count],
            saved: vec![0; place.count * BYTES],
        };
        Self { regions: regions.iter().map(counted).collect() }
    }

    /// Before a call.
    pub fn save(&mut self, memory: &[u8]) {
        for region in &mut self.regions {
            region.saved.copy_from_slice(&memory[region.place.bytes()]);
        }
    }

    /// After a restart: from here on the totals are those of the last `save`, and what the fresh instance counts.
    pub fn carry_saved(&mut self, fresh: &[u8]) {
        for region in &mut self.regions {
            let replayed = read(&fresh[region.place.bytes()]);
            let counts = read(&region.saved).zip(replayed);
            for (carried, (saved, replayed)) in region.carried.iter_mut().zip(counts) {
                *carried = carried.wrapping_add(saved).wrapping_sub(replayed);
            }
        }
    }

    /// After a swap: from here on the totals are those of `before`, and what the fresh instance counts. A counter that
    /// only one of the images has starts at 0, or is gone.
    pub fn carry_from(&mut self, before: &Counters, memory: &[u8], fresh: &[u8]) {
        for region in &mut self.regions {
            let Some(totals) = before.total(region.id, memory) else { continue };
            let replayed = read(&fresh[region.place.bytes()]);
            for (carried, (total, replayed)) in region.carried.iter_mut().zip(totals.into_iter().zip(replayed)) {
                *carried = total.wrapping_sub(replayed);
            }
        }
    }

    pub fn total(&self, id: u32, memory: &[u8]) -> Option<Vec<u64>> {
        let region = self.regions.iter().find(|region| region.id == id)?;
        let counts = read(&memory[region.place.bytes()]);
        Some(region.carried.iter().zip(counts).map(|(carried, count)| carried.wrapping_add(count)).collect())
    }
}

fn read(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(BYTES).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")))
}
