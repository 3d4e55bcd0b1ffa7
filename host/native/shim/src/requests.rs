//! What links ask of the packet thread, done between two batches.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dobbs_engine::{ImageError, Prepared};
use serde_json::{Value, json};

use crate::bundle::BundleInfo;
use crate::failure::Failure;
use crate::frames::FrameRing;
use crate::job::{Answer, Job, Request};
use crate::ports::NumberedPort;
use crate::shim::{Parts, Shim};
use crate::sys;

const REBUILD: &str = "Build the bundle anew with `dobbs build` of this release.";

impl Shim {
    /// Err: the image cannot be started anew. Nobody is waited for: an answer that is not taken is lost.
    pub(crate) fn do_job(&mut self, job: Job) -> Result<(), ImageError> {
        let answer = match job.request {
            Request::Message(message) => self.manage(&message)?,
            Request::Image => Answer::Json(self.image()),
            Request::Status => Answer::Json(self.status()),
            Request::Install { prepared, info } => self.swap(*prepared, info),
            Request::Swap { prepared, info, bytes } => match &self.parts.flash {
                Some(flash) => {
                    flash.install(prepared, info, bytes, job.answer);
                    return Ok(());
                }
                None => self.swap(*prepared, info),
            },
        };
        let _ = job.answer.try_send(answer);
        Ok(())
    }

    fn manage(&mut self, message: &[u8]) -> Result<Answer, ImageError> {
        let now = sys::monotonic_ms();
        let Parts { instance, .. } = &mut self.parts;
        let layout = instance.layout();
        let (inbox, outbox) = (layout.region("INBOX")?, layout.region("OUTBOX")?);
        if message.len() > inbox.stride {
            let what = format!("a message of {} bytes, and the image takes {}", message.len(), inbox.stride);
            return Ok(Failure::new("E_LINK_PAYLOAD", what, "Read the image's constants anew.").into());
        }
        let before = Instant::now();
        instance.write(inbox.address, message);
        let answered = instance.manage(message.len() as u32, now)?;
        let answer = match answered {
            Some(length) => {
                let answer = &instance.memory()[outbox.bytes()];
                Answer::Message(answer[..(length as usize).min(answer.len())].to_vec())
            }
            None => {
                let reason = instance.last_trap().unwrap_or_default().to_owned();
                let pause = before.elapsed().as_micros() as u64;
                self.log_trap(json!({ "reason": reason, "framesLost": 0, "pauseUs": pause, "message": true }));
                let what = format!("the image trapped on the message ({reason}) and was started anew");
                Failure::new("E_IMAGE_TRAPPED", what, "Ask for its state, and report this message.").into()
            }
        };
        self.record(|recorder, _, _| {
            recorder.request(message, now)?;
            if answered.is_none() { recorder.restarted() } else { Ok(()) }
        });
        Ok(answer)
    }

    /// The running image stays when the other one cannot be started.
    fn swap(&mut self, prepared: Prepared, info: BundleInfo) -> Answer {
        let now = sys::monotonic_ms();
        let ring = match FrameRing::read(prepared.layout()) {
            Ok(ring) => ring,
            Err(ImageError { code, message }) => return Failure::new(code, message, REBUILD).into(),
        };
        let before = Instant::now();
        let kept = match self.parts.instance.swap(prepared, now) {
            Ok(kept) => kept,
            Err(ImageError { code, message }) => return Failure::new(code, message, REBUILD).into(),
        };
        let pause = before.elapsed().as_micros() as u64;
        let tables = if kept { "kept" } else { "lost" };
        self.totals.swaps += 1;
        self.parts.port_options.slot_bytes = ring.slot_bytes();
        for port in &mut self.parts.ports {
            port.port.resize(ring.slot_bytes());
        }
        self.parts.ring = ring;
        let replaced = std::mem::replace(&mut self.parts.bundle, info.clone());
        let layout = self.parts.instance.layout().clone();
        let retained: Vec<Vec<u8>> = self.parts.instance.retained().map(<[u8]>::to_vec).collect();
        self.record(|recorder, _, _| recorder.swapped(&info.digest, &layout, &retained, now));
        let answer = json!({ "bundle": info, "tables": tables, "pauseUs": pause });
        let mut fields = answer.clone();
        fields["replaced"] = json!(replaced);
        self.parts.log.info("swapped", fields);
        Answer::Json(answer)
    }

    fn image(&self) -> Value {
        let layout = self.parts.instance.layout();
        json!({
            "constants": layout.constants(),
            "descriptor": STANDARD.encode(&self.parts.instance.memory()[layout.descriptor()]),
            "memoryBytes": layout.memory_bytes(),
            "bundle": self.parts.bundle,
        })
    }

    /// Without `links`, which the links add.
    pub(crate) fn status(&mut self) -> Value {
        let uptime = self.uptime().as_millis() as u64;
        let Parts { name, bundle, instance, ports, .. } = &mut self.parts;
        let of_port = |port: &mut NumberedPort| {
            port.port.refresh();
            let mut fields = json!(port.counters());
            fields["number"] = json!(port.number);
            fields["word"] = json!(port.word.text);
            fields
        };
        let ports: Vec<Value> = ports.iter_mut().map(of_port).collect();
        json!({
            "name": name,
            "bundle": bundle,
            "uptimeMs": uptime,
            "restarts": instance.restarts(),
            "framesLost": instance.frames_lost(),
            "lastTrap": instance.last_trap(),
            "swaps": self.totals.swaps,
            "ports": ports,
            "frames": {
                "batches": self.totals.batches,
                "in": self.totals.frames_in,
                "out": self.totals.frames_out,
            },
        })
    }
}
