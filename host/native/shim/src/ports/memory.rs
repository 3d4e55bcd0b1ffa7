//! A wire inside the shim: two ports of one name are its two ends.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::RawFd;
use std::rc::Rc;

use super::word::{E_PORT_WORD, PortWord};
use super::{Port, PortCounters, PortOptions};
use crate::failure::{Failure, Result};
use crate::frames::Room;

/// Frames under way in one direction.
const FRAMES_MAX: usize = 1024;

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

#[derive(Default)]
pub struct Wires {
    /// The queues of a wire, and how many of its ends there are.
    wires: BTreeMap<String, ([Queue; 2], usize)>,
}

impl Wires {
    pub fn end(&mut self, word: &PortWord, name: &str, options: &PortOptions) -> Result<MemoryPort> {
        let (queues, ends) = self.wires.entry(name.into()).or_default();
        if *ends == 2 {
            let message = format!("port {word}: a wire has two ends, and this would be its third");
            return Err(Failure::new(E_PORT_WORD, message, "Give this port another name."));
        }
        let [incoming, outgoing] = [queues[*ends].clone(), queues[1 - *ends].clone()];
        *ends += 1;
        let slot_bytes = options.slot_bytes;
        Ok(MemoryPort { incoming, outgoing, slot_bytes, counters: PortCounters::default() })
    }

    /// After the last port.
    pub fn check(&self) -> Result<()> {
        match self.wires.iter().find(|(_, (_, ends))| *ends < 2) {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("port memory:{name}: the wire has only one end");
                Err(Failure::new(E_PORT_WORD, message, format!("Give a second port the word memory:{name}.")))
            }
        }
    }
}

pub struct MemoryPort {
    incoming: Queue,
    outgoing: Queue,
    slot_bytes: usize,
    counters: PortCounters,
}

impl Port for MemoryPort {
    fn fd(&self) -> Option<RawFd> {
        None
    }

    fn is_ready(&self) -> bool {
        !self.incoming.borrow().is_empty()
    }

    fn receive(&mut self, room: &mut Room) {
        let mut incoming = self.incoming.borrow_mut();
        while let Some(frame) = incoming.front() {
            if !room.put(frame) {
                return;
            }
            self.counters.frames_in += 1;
            self.counters.oversize += u64::from(frame.len() > self.slot_bytes);
            incoming.pop_front();
        }
    }

    fn send(&mut self, addresses: Option<&[u8]>, frame: &[u8]) {
        let mut outgoing = self.outgoing.borrow_mut();
        if outgoing.len() == FRAMES_MAX {
            self.counters.send_failed += 1;
            return;
        }
        outgoing.push_back(super::with_addresses(addresses, frame));
        self.counters.frames_out += 1;
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }

    /// Only behind a swap, of what was under way from larger slots.
    fn offload_mend(&self) -> String {
        "Nothing is to be done: it was sent before the firmware was swapped.".into()
    }

    fn resize(&mut self, slot_bytes: usize) {
        self.slot_bytes = slot_bytes;
    }

    fn describe(&self) -> String {
        format!("an end of a wire of {FRAMES_MAX} frames inside this shim")
    }
}
