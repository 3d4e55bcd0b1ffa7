//! One peer's requests, from its first to its last. It runs in a thread of its own; what it asks of the packet thread
//! goes there as jobs.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{PoisonError, RwLockReadGuard};
use std::time::Duration;

use serde_json::{Value, json};

use super::channel::Channel;
use super::frame::{ANSWER_BYTES_MAX, Ending, Kind, Reader, Writer};
use super::service::Service;
use super::staging::{Part, Staged};
use crate::bundle::Bundle;
use crate::failure::{Failure, Result};
use crate::job::{Answer, Job, Request};

/// How long the packet thread has for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

pub struct Connection<'a> {
    service: &'a Service,
    id: u64,
    /// Whether this peer may give the shim other firmware.
    pub(super) may_flash: bool,
    /// Swaps until this peer came: it knows the layout of the image that was running then.
    swaps: u64,
    writer: Writer,
}

/// What becomes of a request.
enum Outcome {
    Answer(Kind, Vec<u8>),
    /// The same, and nothing more is taken from this peer.
    Last(Kind, Vec<u8>),
    /// The image that the peer knows is not running any more.
    Outdated,
}

/// Why a request got no answer of its kind.
enum Refusal {
    /// The connection stays.
    Kept(Failure),
    /// Not a request at all.
    Closed(Failure),
}

type Handled = std::result::Result<Outcome, Refusal>;

impl<'a> Connection<'a> {
    pub fn new(service: &'a Service, id: u64) -> Self {
        Self {
            service,
            id,
            may_flash: false,
            swaps: *service.swaps.read().unwrap_or_else(PoisonError::into_inner),
            writer: Writer::default(),
        }
    }

    /// Until the peer goes or is refused: in the second case, why.
    pub fn serve(&mut self, channel: &mut Channel) -> Option<Failure> {
        let mut reader = Reader::default();
        loop {
            let handled = match reader.read(channel) {
                Ok((kind, payload)) => self.handle(kind, payload),
                Err(Ending::Gone) => return None,
                Err(Ending::Refused(failure)) => Err(Refusal::Closed(failure)),
            };
            let written = match handled {
                Ok(Outcome::Answer(kind, payload)) => self.writer.write(channel, kind, &payload),
                Ok(Outcome::Last(kind, payload)) => {
                    // Who does not take it will see that it has to connect again.
                    let _ = self.writer.write(channel, kind, &payload);
                    return None;
                }
                Ok(Outcome::Outdated) => return None,
                Err(Refusal::Kept(failure)) => self.writer.write(channel, Kind::Error, &failure_json(&failure)),
                Err(Refusal::Closed(failure)) => {
                    self.refuse(channel, &failure);
                    return Some(failure);
                }
            };
            if written.is_err() {
                return None;
            }
        }
    }

    /// Says why, before the connection is closed.
    pub fn refuse(&mut self, channel: &mut Channel, failure: &Failure) {
        let _ = self.writer.write(channel, Kind::Error, &failure_json(failure));
    }

    fn handle(&self, kind: Kind, payload: &[u8]) -> Handled {
        match kind {
            Kind::Message => self.ask(kind, Request::Message(payload.to_vec())),
            Kind::Image | Kind::Status if !payload.is_empty() => {
                let message = format!("{kind:?} takes no payload, and {} bytes came", payload.len());
                Err(Refusal::Closed(Failure::new("E_LINK_PAYLOAD", message, "Send the frame without a payload.")))
            }
            Kind::Image => self.ask(kind, Request::Image),
            Kind::Status => self.ask(kind, Request::Status),
            Kind::Flash => self.flash(payload),
            Kind::Error => unreachable!("no request has this kind"),
        }
    }

    /// A request to the image that this peer knows: none gets past a swap.
    fn ask(&self, kind: Kind, request: Request) -> Handled {
        let Some(_no_swap) = self.image_stays() else {
            return Ok(Outcome::Outdated);
        };
        match self.submit(request).and_then(|pending| awaited(&pending)) {
            Ok(Answer::Message(bytes)) => checked_answer(kind, bytes),
            Ok(Answer::Json(mut value)) => {
                if kind == Kind::Status {
                    value["links"] = json!(self.service.peers.members());
                }
                checked_answer(kind, value.to_string().into_bytes())
            }
            Ok(Answer::Refused { code, message, mend }) => Err(refusal_of(Failure::new(code, message, mend))),
            Err(failure) => Err(Refusal::Kept(failure)),
        }
    }

    fn flash(&self, payload: &[u8]) -> Handled {
        if !self.may_flash {
            let message = "this certificate is for programming switches, and not for flashing them";
            let failure = Failure::new("E_LINK_PEER", message, "Use a certificate of role manager.");
            return Err(Refusal::Closed(failure));
        }
        let part = Part::parse(payload).map_err(Refusal::Closed)?;
        match self.service.staging.add(self.id, &part).map_err(Refusal::Kept)? {
            Staged::Partly(received) => answer_json(Kind::Flash, &json!({ "received": received }), Outcome::Answer),
            Staged::Wholly(bundle) => {
                let swapped = self.swap(bundle);
                self.service.staging.forget(self.id);
                swapped
            }
        }
    }

    /// Verifies and compiles in this thread; the packet thread only changes over.
    fn swap(&self, bytes: Vec<u8>) -> Handled {
        let service = self.service;
        let received = bytes.len();
        let verified = || -> Result<_> {
            let bundle = Bundle::parse(&bytes)?;
            bundle.require_kind(service.kind)?;
            let prepared = service.engine.prepare(bundle.image).map_err(|error| {
                Failure::new(error.code, error.message, "Build the bundle anew with `dobbs build` of this release.")
            })?;
            bundle.require_image_of_its_kind(prepared.constants())?;
            Ok((prepared, bundle.info))
        };
        let (prepared, info) = verified().map_err(Refusal::Kept)?;

        // Requests of others are answered by the old image before, or are not taken any more after.
        let mut swaps = service.swaps.write().unwrap_or_else(PoisonError::into_inner);
        if *swaps != self.swaps {
            return Ok(Outcome::Outdated);
        }
        let bundle = json!(info);
        let pending =
            self.submit(Request::Swap { prepared: Box::new(prepared), info, bytes }).map_err(Refusal::Kept)?;
        let answer = awaited(&pending);
        if let Ok(Answer::Refused { code, message, mend }) = answer {
            return Err(refusal_of(Failure::new(code, message, mend)));
        }
        // Without an answer in time it may still come to pass: everyone is to look again.
        *swaps += 1;
        drop(swaps);
        service.peers.show_out_members_but(self.id);
        match answer {
            Ok(Answer::Json(mut value)) => {
                value["received"] = json!(received);
                value["bundle"] = bundle;
                answer_json(Kind::Flash, &value, Outcome::Last)
            }
            Ok(_) => unreachable!("a swap is answered by JSON"),
            Err(failure) => Err(Refusal::Closed(failure)),
        }
    }

    /// None: there was a swap since this peer came. As long as the guard lives, there is none.
    fn image_stays(&self) -> Option<RwLockReadGuard<'_, u64>> {
        let swaps = self.service.swaps.read().unwrap_or_else(PoisonError::into_inner);
        (*swaps == self.swaps).then_some(swaps)
    }

    /// Err: it will not be carried out.
    fn submit(&self, request: Request) -> Result<Receiver<Answer>> {
        let (answer, answers) = sync_channel(1);
        self.service.jobs.submit(Job { request, answer }).map_err(|_| busy("too many requests wait"))?;
        Ok(answers)
    }
}

fn awaited(answers: &Receiver<Answer>) -> Result<Answer> {
    answers
        .recv_timeout(ANSWER_TIME_MAX)
        .map_err(|_| busy("no answer came in time; whether the request was carried out is not known"))
}

fn busy(why: &str) -> Failure {
    Failure::new("E_LINK_BUSY", why, "Ask for the status, and try again.")
}

/// Of the packet thread.
fn refusal_of(failure: Failure) -> Refusal {
    if failure.code == "E_LINK_PAYLOAD" { Refusal::Closed(failure) } else { Refusal::Kept(failure) }
}

fn answer_json(kind: Kind, value: &Value, outcome: fn(Kind, Vec<u8>) -> Outcome) -> Handled {
    Ok(outcome(kind, value.to_string().into_bytes()))
}

fn checked_answer(kind: Kind, bytes: Vec<u8>) -> Handled {
    if bytes.len() <= ANSWER_BYTES_MAX {
        return Ok(Outcome::Answer(kind, bytes));
    }
    let message = format!("the answer has {} bytes, and a frame has room for {ANSWER_BYTES_MAX}", bytes.len());
    Err(Refusal::Kept(Failure::new("E_LINK_ANSWER", message, "Build the image for a smaller board.")))
}

fn failure_json(failure: &Failure) -> Vec<u8> {
    let Failure { code, message, mend } = failure;
    json!({ "code": code, "message": message, "mend": mend }).to_string().into_bytes()
}
