//! Bundles on their way in. One at a time for the whole shim, so that all peers together can make it hold no more
//! than one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Offset and total.
const PART_HEADER_BYTES: usize = 8;
const PART_BYTES_MAX: usize = 64 << 10;
const TOTAL_BYTES_MAX: usize = 16 << 20;
/// A flash that stands still for longer gives way to another peer's.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// `FLASH` as it comes: `u32 offset, u32 total, bytes`.
pub struct Part<'a> {
    offset: usize,
    total: usize,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Err: the payload is none that FLASH allows.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Failure> {
        let Some((header, bytes)) = payload.split_at_checked(PART_HEADER_BYTES) else {
            return payload_refused(payload.len());
        };
        if bytes.is_empty() || bytes.len() > PART_BYTES_MAX {
            return payload_refused(payload.len());
        }
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize;
        Ok(Self { offset: word(0), total: word(4), bytes })
    }
}

fn payload_refused<T>(length: usize) -> Result<T, Failure> {
    let message = format!("a part of a bundle cannot have {length} bytes of payload");
    let mend = format!("Send an offset, a total and 1 to {PART_BYTES_MAX} bytes.");
    Err(Failure::new("E_LINK_PAYLOAD", message, mend))
}

#[derive(Debug, PartialEq, Eq)]
pub enum Staged {
    /// Bytes received until now.
    Partly(usize),
    /// The bundle. Others wait until its owner calls `forget`.
    Wholly(Vec<u8>),
}

#[derive(Default)]
pub struct Staging {
    place: Mutex<Option<Place>>,
}

struct Place {
    owner: u64,
    total: usize,
    bytes: Vec<u8>,
    /// All parts are there: the bundle is verified, compiled and swapped in, however long that takes.
    whole: bool,
    touched: Instant,
}

impl Staging {
    /// `owner`: the peer's number. Err: nothing of its bundle is kept.
    pub fn add(&self, owner: u64, part: &Part) -> Result<Staged, Failure> {
        let mut place = self.locked();
        if place.as_ref().is_some_and(|place| place.owner != owner && place.in_use()) {
            let message = "another client is flashing this shim";
            return Err(Failure::new("E_BUNDLE_BUSY", message, "Try again when it is done."));
        }
        let ours = place.take_if(|place| place.owner == owner);
        let fits = part.offset + part.bytes.len() <= part.total && part.total <= TOTAL_BYTES_MAX;
        if !fits {
            let message = format!(
                "{} bytes at {} of {}, where a bundle has at most {TOTAL_BYTES_MAX}",
                part.bytes.len(),
                part.offset,
                part.total
            );
            return Err(Failure::new("E_BUNDLE_LENGTH", message, "Send a whole bundle, in parts that lie inside it."));
        }
        let mut staged = match ours {
            _ if part.offset == 0 => {
                Place { owner, total: part.total, bytes: Vec::new(), whole: false, touched: Instant::now() }
            }
            Some(place) if (place.bytes.len(), place.total) == (part.offset, part.total) => place,
            _ => {
                let message = format!("the part at {} of {} is not the next one", part.offset, part.total);
                return Err(Failure::new("E_BUNDLE_PART", message, "Send the parts in order, from offset 0 on."));
            }
        };
        staged.bytes.extend_from_slice(part.bytes);
        staged.touched = Instant::now();
        let answer = if staged.bytes.len() == staged.total {
            staged.whole = true;
            Staged::Wholly(std::mem::take(&mut staged.bytes))
        } else {
            Staged::Partly(staged.bytes.len())
        };
        *place = Some(staged);
        Ok(answer)
    }

    /// The bundle was swapped in or refused, or its owner is gone.
    pub fn forget(&self, owner: u64) {
        self.locked().take_if(|place| place.owner == owner);
    }

    fn locked(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn in_use(&self) -> bool {
        self.whole || self.touched.elapsed() < IDLE_TIME_MAX
    }
}
