//! What the packet thread does beside the packets: ports that are gone, what users should know, the recording.

use std::fs::File;
use std::io::BufWriter;
use std::time::{Duration, Instant};

use pcap_file::PcapError;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::frames::FrameRing;
use crate::log::Level;
use crate::record::{self, Recorder};
use crate::shim::{FIRST_PORT, Parts, Shim, TROUBLE_INTERVAL};

/// Between two lines about traps: frames that trap are none that fill the disk.
const TRAP_INTERVAL_MIN: Duration = Duration::from_millis(100);

impl Shim {
    /// What users should know of their ports, and opens those anew that are gone.
    pub(crate) fn look_after_ports(&mut self) {
        let Parts { ports, port_options, log, .. } = &mut self.parts;
        let is_time = self.looked.elapsed() >= TROUBLE_INTERVAL;
        if is_time {
            self.looked = Instant::now();
        }
        for (index, port) in ports.iter_mut().enumerate() {
            let word = &port.word;
            let counters = port.port.counters();
            let told = &mut self.told[index];
            if counters.oversize > 0 && !told.oversize {
                told.oversize = true;
                let message = format!("port {word}: a frame longer than a slot came in; such frames are dropped");
                log.failure(
                    Level::Warning,
                    "oversize",
                    &Failure::new("E_PORT_OFFLOAD", message, port.port.offload_mend()),
                );
            }
            if counters.unready > 0 && !told.unready {
                told.unready = true;
                let message = format!("port {word}: a frame came in whose checksum its sender left open");
                log.failure(
                    Level::Warning,
                    "unready",
                    &Failure::new("E_PORT_OFFLOAD", message, port.port.offload_mend()),
                );
            }
            let is_failing = self.fds[FIRST_PORT + index].revents & !libc::POLLIN != 0;
            if !is_failing && port.port.is_troubled() && !is_time {
                continue;
            }
            if let Some(trouble) = port.port.take_trouble(is_failing) {
                told.closed = Some(trouble.code);
                log.failure(Level::Error, "port-trouble", &trouble);
                continue;
            }
            if !port.port.is_gone() {
                continue;
            }
            match port.reopen(port_options) {
                Ok(()) => {
                    told.closed = None;
                    log.info("port-back", json!({ "port": port.number, "word": port.word.text }));
                }
                Err(failure) if told.closed == Some(failure.code) => {}
                Err(failure) => {
                    told.closed = Some(failure.code);
                    log.failure(Level::Error, "port-trouble", &failure);
                }
            }
        }
    }

    /// A recording that cannot be written is given up: the packets go on.
    pub(crate) fn record(
        &mut self,
        write: impl FnOnce(&mut Recorder<BufWriter<File>>, &FrameRing, &[u8]) -> Result<(), PcapError>,
    ) {
        let Parts { recorder, ring, instance, log, .. } = &mut self.parts;
        let Some(writing) = recorder else { return };
        if let Err(error) = write(writing, ring, instance.memory()) {
            log.failure(Level::Error, "recording-ended", &record::ended(&error));
            *recorder = None;
        }
    }

    /// Those that come too fast are counted in the next line.
    pub(crate) fn log_trap(&mut self, mut fields: Value) {
        if self.trap_logged.is_some_and(|at| at.elapsed() < TRAP_INTERVAL_MIN) {
            self.traps_unlogged += 1;
            return;
        }
        self.trap_logged = Some(Instant::now());
        fields["unlogged"] = json!(std::mem::take(&mut self.traps_unlogged));
        self.parts.log.error("trap", fields);
    }

    pub(crate) fn flush(&mut self) {
        self.record(|recorder, _, _| recorder.flush());
        let Parts { ports, log, .. } = &mut self.parts;
        for port in ports {
            if let Err(failure) = port.port.flush() {
                log.failure(Level::Error, "port-trouble", &failure);
            }
        }
    }
}
