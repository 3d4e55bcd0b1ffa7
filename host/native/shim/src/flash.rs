//! The shim's flash is the file that it was started with: what takes the place of the running image is there when the
//! shim is started again. The disk is waited for in a thread of its own, never by the packets.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use dobbs_engine::Prepared;
use serde_json::json;

use crate::bundle::BundleInfo;
use crate::failure::Failure;
use crate::job::{Answer, Job, Request};
use crate::log::{Level, Log};
use crate::wake::JobQueue;

#[derive(Clone)]
pub struct Flash {
    path: PathBuf,
    jobs: JobQueue,
    log: Log,
}

impl Flash {
    /// `path`: the `--firmware` file. `jobs`: how the packet thread is asked to change over.
    pub fn new(path: &Path, jobs: JobQueue, log: Log) -> Self {
        Self { path: path.into(), jobs, log }
    }

    /// Writes the bundle beside the file, has the image installed, and then puts the one in the place of the other. So
    /// what is refused leaves the file as it was; and only what runs is kept. `answer` gets what the link is told.
    pub fn install(&self, prepared: Box<Prepared>, info: BundleInfo, bytes: Vec<u8>, answer: SyncSender<Answer>) {
        let flash = self.clone();
        let giving_up = answer.clone();
        let work = move || {
            // Who does not wait for it any more does not miss it.
            let _ = answer.try_send(flash.install_now(prepared, info, &bytes).unwrap_or_else(Answer::from));
        };
        if let Err(error) = std::thread::Builder::new().name("flash".into()).spawn(work) {
            let _ = giving_up.try_send(not_stored(&self.path, &error).into());
        }
    }

    fn install_now(&self, prepared: Box<Prepared>, info: BundleInfo, bytes: &[u8]) -> Result<Answer, Failure> {
        let fresh = self.path.with_extension(format!("{}.new", std::process::id()));
        let discard = |failure| {
            // It may not even be there.
            let _ = fs::remove_file(&fresh);
            failure
        };
        write(&fresh, bytes).map_err(|error| discard(not_stored(&self.path, &error)))?;
        let (installed, answers) = sync_channel(1);
        let job = Job { request: Request::Install { prepared, info }, answer: installed };
        self.jobs.submit(job).map_err(|_| {
            discard(Failure::new("E_LINK_BUSY", "too many requests wait", "Ask for the status, and try again."))
        })?;
        // Answered, or dropped when the shim ends.
        let mut answer =
            answers.recv().map_err(|_| discard(Failure::new("E_LINK_BUSY", "the shim ends", "Start it.")))?;
        match &mut answer {
            Answer::Json(value) => {
                let stored = replace(&fresh, &self.path);
                value["stored"] = json!(stored.is_ok());
                if let Err(error) = stored {
                    self.log.failure(Level::Error, "flash-not-stored", &discard(not_stored(&self.path, &error)));
                }
            }
            Answer::Refused { .. } | Answer::Message(_) => {
                let _ = fs::remove_file(&fresh);
            }
        }
        Ok(answer)
    }
}

fn not_stored(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write {}: {error}", path.display());
    let mend = "Let the shim write to that folder, with room for a bundle there, or start it with --volatile.";
    Failure::new("E_BUNDLE_STORE", message, mend)
}

/// It is on the disk when this returns.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn replace(fresh: &Path, path: &Path) -> io::Result<()> {
    fs::rename(fresh, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
