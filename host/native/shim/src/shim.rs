//! The packet thread: waits for frames, jobs and signals; puts frames through the image, batch after batch, and does a few
//! jobs in between. It waits for nothing and nobody else.

use std::fs::File;
use std::io::BufWriter;
use std::time::{Duration, Instant};

use dobbs_engine::{ImageError, Instance};
use serde_json::json;

use crate::bundle::BundleInfo;
use crate::failure::Failure;
use crate::flash::Flash;
use crate::frames::FrameRing;
use crate::log::{Level, Log};
use crate::ports::{NumberedPort, PortOptions};
use crate::record::Recorder;
use crate::sys::{self, Signals};
use crate::wake::Jobs;

/// Jobs between two batches.
const JOBS_MAX: usize = 16;
/// Between two looks at a port that is gone, or may be soon.
pub(crate) const TROUBLE_INTERVAL: Duration = Duration::from_secs(1);

/// Places in `fds`.
const SIGNALS_FD: usize = 0;
const JOBS_FD: usize = 1;
pub(crate) const FIRST_PORT: usize = 2;

/// What happened to all of them, since the shim was started.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub batches: u64,
    pub frames_in: u64,
    pub frames_out: u64,
    pub swaps: u64,
}

/// What a user is told once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub oversize: bool,
    pub unready: bool,
    /// Why the port cannot be opened anew.
    pub closed: Option<&'static str>,
}

pub struct Parts {
    pub name: String,
    pub bundle: BundleInfo,
    pub instance: Instance,
    pub ring: FrameRing,
    pub ports: Vec<NumberedPort>,
    pub port_options: PortOptions,
    pub jobs: Jobs,
    pub signals: Signals,
    pub log: Log,
    /// `None`: what is flashed is forgotten at the end.
    pub flash: Option<Flash>,
    pub recorder: Option<Recorder<BufWriter<File>>>,
    /// Frames are left where they are until SIGUSR1.
    pub is_held: bool,
}

pub struct Shim {
    pub(crate) parts: Parts,
    pub(crate) started: Instant,
    pub(crate) totals: Totals,
    pub(crate) told: Vec<Told>,
    pub(crate) told_no_port: bool,
    /// When the ports that are in trouble were last looked at.
    pub(crate) looked: Instant,
    pub(crate) trap_logged: Option<Instant>,
    pub(crate) traps_unlogged: u64,
    /// By number in the image, its index in `ports`.
    by_number: [Option<u8>; 256],
    /// The port that is read first; another one at each batch.
    turn: usize,
    pub(crate) fds: Vec<libc::pollfd>,
    /// By index in `ports`.
    readable: Vec<bool>,
}

/// How it ended; the message is logged by then.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// By a signal, or all captures are at their end.
    Stopped,
    Failed,
}

/// There is nothing to go on with.
struct Fatal(ImageError);

impl Shim {
    pub fn new(parts: Parts) -> Self {
        let mut by_number = [None; 256];
        for (index, port) in parts.ports.iter().enumerate() {
            by_number[usize::from(port.number)] = Some(index as u8);
        }
        let told = vec![Told::default(); parts.ports.len()];
        Self {
            parts,
            started: Instant::now(),
            totals: Totals::default(),
            told,
            told_no_port: false,
            looked: Instant::now(),
            trap_logged: None,
            traps_unlogged: 0,
            by_number,
            turn: 0,
            fds: Vec::new(),
            readable: Vec::new(),
        }
    }

    /// Until a signal, or the end of all captures.
    pub fn run(&mut self) -> Ending {
        let ending = match self.serve() {
            Ok(reason) => {
                self.flush();
                self.log_end("stopped", reason);
                Ending::Stopped
            }
            Err(Fatal(error)) => {
                self.parts.log.error("failed", json!({ "code": error.code, "message": error.message }));
                self.flush();
                self.log_end("stopped", "failed");
                Ending::Failed
            }
        };
        // Whoever asks now is told at once that nobody answers.
        while self.parts.jobs.take().is_some() {}
        ending
    }

    fn serve(&mut self) -> Result<&'static str, Fatal> {
        let mut backlog = false;
        loop {
            let Parts { ports, is_held, .. } = &self.parts;
            if !is_held && ports.iter().all(|port| port.port.is_at_end()) {
                return Ok("all captures are at their end");
            }
            self.wait(backlog);
            if let Some(reason) = self.take_signals() {
                return Ok(reason);
            }
            backlog = self.do_jobs(backlog)?;
            if !self.parts.is_held {
                self.do_batch()?;
                self.look_after_ports();
            }
        }
    }

    /// Until there is something to do. `backlog`: there is.
    fn wait(&mut self, backlog: bool) {
        let Parts { ports, jobs, signals, is_held, .. } = &self.parts;
        let is_ready = !is_held && ports.iter().any(|port| port.port.is_ready());
        let is_troubled = ports.iter().any(|port| port.port.is_troubled());
        let timeout = match () {
            () if backlog || is_ready => 0,
            () if is_troubled => TROUBLE_INTERVAL.as_millis() as i32,
            () => -1,
        };
        let waiting = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        self.fds.clear();
        self.fds.push(waiting(signals.fd()));
        self.fds.push(waiting(jobs.fd()));
        // A negative one is passed over.
        self.fds.extend(ports.iter().map(|port| waiting(port.port.fd().filter(|_| !is_held).unwrap_or(-1))));
        if timeout != 0 {
            // There is time: little is lost if the next thing is a kill.
            self.record(|recorder, _, _| recorder.flush());
        }
        sys::poll(&mut self.fds, timeout).expect("the descriptors are open");
    }

    /// Why it is to stop; `None`: it is not.
    fn take_signals(&mut self) -> Option<&'static str> {
        if self.fds[SIGNALS_FD].revents == 0 {
            return None;
        }
        while let Some(signal) = self.parts.signals.take() {
            match signal {
                libc::SIGUSR1 => self.parts.is_held = false,
                // A second one does not wait for what the first one has begun.
                _ => {
                    self.parts.signals.unblock();
                    return Some(if signal == libc::SIGINT { "SIGINT" } else { "SIGTERM" });
                }
            }
        }
        None
    }

    /// A few of the jobs that wait. `backlog`: some are left from before. Returns whether there may be more.
    fn do_jobs(&mut self, backlog: bool) -> Result<bool, Fatal> {
        if self.fds[JOBS_FD].revents == 0 && !backlog {
            return Ok(false);
        }
        self.parts.jobs.clear();
        for _ in 0..JOBS_MAX {
            let Some(job) = self.parts.jobs.take() else { return Ok(false) };
            self.do_job(job).map_err(Fatal)?;
        }
        Ok(true)
    }

    /// One call of the image, with what the ports have.
    fn do_batch(&mut self) -> Result<(), Fatal> {
        let count = self.receive();
        if count == 0 {
            return Ok(());
        }
        let now = sys::monotonic_ms();
        let Parts { instance, ring, recorder, .. } = &mut self.parts;
        if let Some(recorder) = recorder {
            recorder.hold(ring, instance.memory(), count);
        }
        let restarts = instance.restarts();
        let before = Instant::now();
        let leaving = instance.process(0, count as u32, now).map_err(Fatal)?;
        self.totals.batches += 1;
        self.totals.frames_in += count as u64;
        let Some(leaving) = leaving else {
            let fields = json!({
                "reason": instance.last_trap(),
                "framesLost": count,
                "restarts": instance.restarts() - restarts,
                "pauseUs": before.elapsed().as_micros() as u64,
            });
            self.log_trap(fields);
            self.record(|recorder, ring, _| {
                recorder.batch(ring, None, now)?;
                recorder.restarted()
            });
            return Ok(());
        };
        self.record(|recorder, ring, memory| recorder.batch(ring, Some(memory), now));
        self.send(leaving as usize);
        Ok(())
    }

    /// Fills the slots: each port gets its share, and then what the others have left. Returns how many are full.
    fn receive(&mut self) -> usize {
        let Parts { instance, ring, ports, .. } = &mut self.parts;
        let polled = self.fds[FIRST_PORT..].iter().zip(ports.iter());
        self.readable.clear();
        self.readable.extend(polled.map(|(fd, port)| fd.revents & libc::POLLIN != 0 || port.port.is_ready()));
        let share = ring.slots().div_ceil(ports.len());
        let mut filled = 0;
        for limit in [share, ring.slots()] {
            for offset in 0..ports.len() {
                let index = (self.turn + offset) % ports.len();
                let NumberedPort { number, port, .. } = &mut ports[index];
                if !self.readable[index] || filled == ring.slots() {
                    continue;
                }
                let mut room = ring.room(instance.memory_mut(), *number, filled, limit);
                port.receive(&mut room);
                // In the second round come those that had more than their share.
                self.readable[index] = room.is_full();
                filled = room.next_slot();
            }
        }
        self.turn = (self.turn + 1) % ports.len();
        filled
    }

    /// Sends what the egress records say, straight out of the image's memory.
    fn send(&mut self, records: usize) {
        let Parts { instance, ring, ports, log, .. } = &mut self.parts;
        let memory = instance.memory();
        for record in 0..records {
            let Some(leaving) = ring.leaving(memory, record) else { continue };
            match self.by_number[usize::from(leaving.port)] {
                Some(index) => {
                    ports[usize::from(index)].port.send(leaving.addresses, leaving.frame);
                    self.totals.frames_out += 1;
                }
                None if self.told_no_port => {}
                None => {
                    self.told_no_port = true;
                    let message = format!("the image sends by port {}, which this shim does not have", leaving.port);
                    let mend = format!("Start it with --port {}=<word> too.", leaving.port);
                    log.failure(Level::Warning, "no-port", &Failure::new("E_PORT_NUMBER", message, mend));
                }
            }
        }
    }

    fn log_end(&mut self, event: &str, reason: &str) {
        let mut fields = self.status();
        fields["reason"] = json!(reason);
        self.parts.log.info(event, fields);
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
