//! An image that survives its traps.

use std::sync::Arc;

use crate::abi::{self, Abi, Constants};
use crate::counters::Counters;
use crate::error::ImageError;
use crate::image::Image;
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
    abi: Abi,
    constants: Constants,
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
    pub(crate) fn start(image: Arc<Image>, bound: Option<Bound>) -> Result<Self, ImageError> {
        let mut running = Running::start(&image)?;
        let constants = running.constants();
        abi::check_version(&constants)?;
        let abi = Abi::read(&constants, running.memory())?;
        let counters = Counters::new(&abi.counters);
        Ok(Self {
            image,
            abi,
            constants,
            bound,
            running,
            retained: Retained::default(),
            counters,
            restarts: 0,
            frames_lost: 0,
            fuel_used: 0,
            last_trap: None,
        })
    }

    pub fn constants(&self) -> &Constants {
        &self.constants
    }

    pub fn memory(&self) -> &[u8] {
        self.running.memory()
    }

    /// Where the linear memory is: valid until `restarts` changes.
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
                let retain = self.retain_of_answer();
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

    fn retain_of_answer(&self) -> Retain {
        let fields = self.abi.retain;
        let outbox = &self.running.memory()[self.abi.outbox.address..];
        let bits = outbox[fields.bits];
        Retain {
            begin: bits & fields.begin != 0,
            hold: bits & fields.hold != 0,
            close: bits & fields.close != 0,
            key: outbox[fields.key],
        }
    }

    fn restart(&mut self, trap: Trap, now: u32) -> Result<(), ImageError> {
        self.last_trap = Some(trap.0);
        self.retained.abandon_pending();
        // Each turn but the last forgets a group, so this ends.
        loop {
            self.restarts += 1;
            self.running = Running::start(&self.image)?;
            match self.replay(now) {
                Ok(()) => break,
                Err((group, trap)) => {
                    self.last_trap = Some(trap.0);
                    self.retained.forget(group);
                }
            }
        }
        self.counters.carry_saved(self.running.memory());
        Ok(())
    }

    /// Err: the group whose message trapped.
    fn replay(&mut self, now: u32) -> Result<(), (usize, Trap)> {
        let inbox = self.abi.inbox.address;
        let fuel = self.bound.map(|bound| bound.manage);
        for (group, message) in self.retained.messages() {
            self.running.write(inbox, message);
            if let Some(fuel) = fuel {
                self.running.set_fuel(fuel);
            }
            self.running.manage(message.len() as u32, now).map_err(|trap| (group, trap))?;
        }
        Ok(())
    }
}
