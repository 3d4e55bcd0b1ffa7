//! An image that survives its traps.

use std::sync::Arc;

use crate::abi::Abi;
use crate::counters::Counters;
use crate::error::ImageError;
use crate::image::Image;
use crate::layout::{Constants, Layout};
use crate::prepared::Prepared;
use crate::retained::{Retain, Retained};
use crate::running::{Running, Trap};

/// How much one call may do before it is ended like a trap. The unit is wasmtime's fuel, about one a Wasm
/// instruction. Generous: it is to end what would never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub process: u64,
    /// On top of `process`, for each frame of the batch.
    pub frame: u64,
    pub manage: u64,
}

impl Default for Bound {
    fn default() -> Self {
        Self { process: 1_000_000, frame: 100_000, manage: 500_000_000 }
    }
}

/// A running image. A trap does not end it: the image is started anew, the retained management messages are replayed
/// to it, and the counters go on where they were before the call that trapped.
pub struct Instance {
    image: Arc<Image>,
    layout: Layout,
    abi: Abi,
    bound: Option<Bound>,
    running: Running,
    retained: Retained,
    counters: Counters,
    restarts: u32,
    frames_lost: u64,
    fuel_used: u64,
    last_trap: Option<String>,
}

impl Instance {
    pub(crate) fn start(prepared: Prepared, bound: Option<Bound>) -> Self {
        let Prepared { image, running, layout, abi } = prepared;
        let counters = Counters::new(&abi.counters);
        Self {
            image,
            layout,
            abi,
            bound,
            running,
            retained: Retained::default(),
            counters,
            restarts: 0,
            frames_lost: 0,
            fuel_used: 0,
            last_trap: None,
        }
    }

    /// Puts another image in the place of the running one, at `now` (ms). When it exports the same constants, and takes
    /// the retained messages, then it has them, and the counters go on: true. Else it starts as a fresh one does, with
    /// nothing, and nothing is retained: false. On an error the running image goes on as if nothing had been asked.
    /// The linear memory is another one afterwards.
    pub fn swap(&mut self, prepared: Prepared, now: u32) -> Result<bool, ImageError> {
        let Prepared { image, mut running, layout, abi } = prepared;
        let mut counters = Counters::new(&abi.counters);
        let kept = *layout.constants() == *self.layout.constants()
            && matches!(replay(&self.retained, &mut running, &abi, self.bound, now), Ok(true));
        if kept {
            counters.carry_from(&self.counters, self.running.memory(), running.memory());
            self.retained.abandon_pending();
        } else {
            // It may have taken some of them.
            running = Running::start(&image)?;
            self.retained = Retained::default();
        }
        self.image = image;
        self.running = running;
        self.layout = layout;
        self.abi = abi;
        self.counters = counters;
        Ok(kept)
    }

    /// Management messages that bring a fresh instance to where this one is, in their order.
    pub fn retained(&self) -> impl Iterator<Item = &[u8]> {
        self.retained.messages().map(|(_, message)| message)
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn constants(&self) -> &Constants {
        self.layout.constants()
    }

    pub fn memory(&self) -> &[u8] {
        self.running.memory()
    }

    /// For a host that fills the regions itself.
    pub fn memory_mut(&mut self) -> &mut [u8] {
        self.running.memory_mut()
    }

    /// Where the linear memory is: valid until `restarts` changes, or the next swap.
    pub fn memory_place(&self) -> (*mut u8, usize) {
        self.running.memory_place()
    }

    /// Copies `bytes` into the linear memory. Panics when they do not fit.
    pub fn write(&mut self, address: usize, bytes: &[u8]) {
        self.running.write(address, bytes);
    }

    /// Processes slots `first` to `first + count - 1` at `now` (ms). Returns the number of egress records; `None` when
    /// the image trapped or went over its bound: the frames are lost. An error means that it could not be started anew.
    pub fn process(&mut self, first: u32, count: u32, now: u32) -> Result<Option<u32>, ImageError> {
        self.counters.save(self.running.memory());
        let fuel = self.bound.map(|bound| bound.process.saturating_add(bound.frame.saturating_mul(count.into())));
        match self.bounded(fuel, |running| running.process(first, count, now)) {
            Ok(egress) => Ok(Some(egress)),
            Err(trap) => {
                self.frames_lost += u64::from(count);
                self.restart(trap, now)?;
                Ok(None)
            }
        }
    }

    /// Handles the message of `length` bytes in the inbox. Returns the length of the answer in the outbox; `None` when
    /// the image trapped or went over its bound: the message is not retained.
    pub fn manage(&mut self, length: u32, now: u32) -> Result<Option<u32>, ImageError> {
        let inbox = self.abi.inbox;
        let held = (length as usize).min(inbox.stride);
        let request = self.running.memory()[inbox.address..inbox.address + held].to_vec();
        self.counters.save(self.running.memory());
        match self.bounded_manage(length, now) {
            Ok(answer) => {
                let retain = retain_of_answer(&self.running, &self.abi);
                self.retained.note(&request, retain);
                Ok(Some(answer))
            }
            Err(trap) => {
                self.restart(trap, now)?;
                Ok(None)
            }
        }
    }

    /// The u64 counters of a region (a `RegionId` value), summed over restarts; `None` of a region that has none.
    pub fn counters(&self, region: u32) -> Option<Vec<u64>> {
        self.counters.total(region, self.running.memory())
    }

    /// Times the image was started anew.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Frames of calls that trapped.
    pub fn frames_lost(&self) -> u64 {
        self.frames_lost
    }

    /// Fuel that the last call used; 0 when calls are not bounded.
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used
    }

    /// Why the image was last started anew.
    pub fn last_trap(&self) -> Option<&str> {
        self.last_trap.as_deref()
    }

    fn bounded<T>(&mut self, fuel: Option<u64>, call: impl FnOnce(&mut Running) -> Result<T, Trap>) -> Result<T, Trap> {
        let Some(fuel) = fuel else { return call(&mut self.running) };
        self.running.set_fuel(fuel);
        let result = call(&mut self.running);
        self.fuel_used = fuel - self.running.fuel();
        result
    }

    fn bounded_manage(&mut self, length: u32, now: u32) -> Result<u32, Trap> {
        self.bounded(self.bound.map(|bound| bound.manage), |running| running.manage(length, now))
    }

    fn restart(&mut self, trap: Trap, now: u32) -> Result<(), ImageError> {
        self.last_trap = Some(trap.0);
        self.retained.abandon_pending();
        // Each turn but the last forgets a group, so this ends.
        loop {
            self.restarts += 1;
            self.running = Running::start(&self.image)?;
            match replay(&self.retained, &mut self.running, &self.abi, self.bound, now) {
                Ok(_) => break,
                Err(Broken { group, trap }) => {
                    self.last_trap = Some(trap.0);
                    self.retained.forget(group);
                }
            }
        }
        self.counters.carry_saved(self.running.memory());
        Ok(())
    }
}

fn retain_of_answer(running: &Running, abi: &Abi) -> Retain {
    let fields = abi.retain;
    let outbox = &running.memory()[abi.outbox.address..];
    let bits = outbox[fields.bits];
    Retain {
        begin: bits & fields.begin != 0,
        hold: bits & fields.hold != 0,
        close: bits & fields.close != 0,
        key: outbox[fields.key],
    }
}

/// A group whose message trapped, and why.
struct Broken {
    group: usize,
    trap: Trap,
}

/// Gives the retained messages to a fresh instance. Returns whether it took them all: it would have each retained again.
fn replay(
    retained: &Retained,
    running: &mut Running,
    abi: &Abi,
    bound: Option<Bound>,
    now: u32,
) -> Result<bool, Broken> {
    let mut all_taken = true;
    for (group, message) in retained.messages() {
        running.write(abi.inbox.address, message);
        if let Some(bound) = bound {
            running.set_fuel(bound.manage);
        }
        running.manage(message.len() as u32, now).map_err(|trap| Broken { group, trap })?;
        all_taken &= retain_of_answer(running, abi).hold;
    }
    Ok(all_taken)
}
