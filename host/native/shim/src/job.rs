//! What crosses from the link threads to the packet thread, and back.

use std::sync::mpsc::SyncSender;

use dobbs_engine::Prepared;

use crate::bundle::BundleInfo;
use crate::failure::Failure;

/// What a link asks of the packet thread. Done between two batches, at most a few at a time.
pub enum Request {
    /// A management message for the image, at most as long as its inbox.
    Message(Vec<u8>),
    /// What the image says of itself: `Answer::Json`.
    Image,
    /// Counters of the shim and its ports: `Answer::Json`.
    Status,
    /// A verified and compiled image, to take the place of the running one.
    Swap { prepared: Box<Prepared>, info: BundleInfo, bytes: Vec<u8> },
    /// Asked by the shim itself (`flash.rs`): the same, once the bundle is on its way to the disk.
    Install { prepared: Box<Prepared>, info: BundleInfo },
}

pub enum Answer {
    /// The image's answer to a message.
    Message(Vec<u8>),
    Json(serde_json::Value),
    /// A stable code, what is wrong, and the mend.
    Refused {
        code: &'static str,
        message: String,
        mend: String,
    },
}

impl From<Failure> for Answer {
    fn from(Failure { code, message, mend }: Failure) -> Self {
        Self::Refused { code, message, mend }
    }
}

pub struct Job {
    pub request: Request,
    /// Has room for the one answer: the packet thread never waits for it to be taken.
    pub answer: SyncSender<Answer>,
}
