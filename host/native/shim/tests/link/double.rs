//! A shim without packets: real listeners, and a thread that answers their jobs as the packet thread would.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use dobbs_engine::Engine;
use dobbs_shim::bundle::{BundleInfo, ImageKind};
use dobbs_shim::job::{Answer, Job, Request};
use dobbs_shim::link::{Credentials, LinkWord, Listeners, Service};
use dobbs_shim::wake::{Jobs, job_queue};
use serde_json::json;

use super::authority::Authority;
use super::client::Client;

pub const NAME: &str = "ardsley";

/// What messages mean to the double.
pub const NO_ANSWER: &[u8] = b"no answer";
pub const TRAP: &[u8] = b"trap";
pub const TOO_LONG: &[u8] = b"longer than the inbox";
/// Answered by as many bytes as a frame from the shim may have, and one more.
pub const HUGE: &[u8] = b"huge";

/// From a swap to its answer: whoever asks something meanwhile does it in time.
const SWAP_TIME: Duration = Duration::from_millis(300);

#[derive(Default)]
pub struct Seen {
    pub messages: Vec<Vec<u8>>,
    pub others: usize,
    pub swaps: Vec<BundleInfo>,
    /// Jobs that are not to be answered: their senders are kept, as in a thread that is slow.
    held: Vec<Job>,
}

pub struct Double {
    pub listeners: Option<Listeners>,
    pub authority: Authority,
    pub folder: Folder,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    /// The next swaps are refused by the packet thread.
    pub refuse_swaps: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Double {
    pub fn start() -> Self {
        Self::of(ImageKind::Blade)
    }

    pub fn of(kind: ImageKind) -> Self {
        let folder = Folder::new();
        let authority = Authority::new();
        let credentials = authority.write(&folder.path, &authority.issue("shim", NAME));
        let (queue, jobs) = job_queue().unwrap();
        let service = Service::new(NAME, kind, Arc::new(Engine::new(None)), queue, None);
        let words = [LinkWord::Unix(folder.socket()), "tls:127.0.0.1:0".parse().unwrap()];
        let listeners = Listeners::start(&words, Some(&credentials), service).unwrap();

        let seen = Arc::<Mutex<Seen>>::default();
        let (stop, refuse_swaps) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let thread = {
            let (seen, stop, refuse_swaps) = (seen.clone(), stop.clone(), refuse_swaps.clone());
            std::thread::spawn(move || answer_all(&jobs, &seen, &stop, &refuse_swaps))
        };
        Self { listeners: Some(listeners), authority, folder, seen, stop, refuse_swaps, thread: Some(thread) }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub fn port(&self) -> u16 {
        match self.listeners.as_ref().unwrap().words() {
            [_, LinkWord::Tls { port, .. }] => *port,
            words => panic!("{words:?}"),
        }
    }

    pub fn unix(&self) -> Client {
        Client::unix(&self.folder.socket())
    }

    /// As the appliance's manager.
    pub fn tls(&self) -> Client {
        Client::tls(self.port(), self.authority.client(Some(&self.authority.issue("manager", "ops")))).unwrap()
    }

    pub fn links(&self) -> usize {
        self.listeners.as_ref().unwrap().links()
    }

    /// Places are given free a moment after a client has gone.
    pub fn wait_for_links(&self, count: usize) {
        for _ in 0..2000 {
            if self.links() == count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} links, not {count}", self.links());
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.listeners = None;
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer_all(jobs: &Jobs, seen: &Mutex<Seen>, stop: &AtomicBool, refuse_swaps: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut polled = libc::pollfd { fd: jobs.fd(), events: libc::POLLIN, revents: 0 };
        unsafe { libc::poll(&mut polled, 1, 50) };
        jobs.clear();
        while let Some(job) = jobs.take() {
            let mut seen = seen.lock().unwrap();
            let answer = match &job.request {
                Request::Message(message) => {
                    seen.messages.push(message.clone());
                    match message.as_slice() {
                        NO_ANSWER => {
                            seen.held.push(job);
                            continue;
                        }
                        TRAP => refused("E_IMAGE_TRAPPED"),
                        TOO_LONG => refused("E_LINK_PAYLOAD"),
                        HUGE => Answer::Message(vec![7; (1 << 20) + 1]),
                        echo => Answer::Message(echo.iter().rev().copied().collect()),
                    }
                }
                Request::Image => {
                    seen.others += 1;
                    Answer::Json(json!({ "memoryBytes": 65536 }))
                }
                Request::Status => {
                    seen.others += 1;
                    Answer::Json(json!({ "name": NAME, "links": null }))
                }
                Request::Install { .. } => unreachable!("no link asks for it"),
                Request::Swap { .. } if refuse_swaps.load(Ordering::Relaxed) => refused("E_IMAGE_INSTANTIATE"),
                Request::Swap { prepared, info, bytes } => {
                    assert!(prepared.constants().contains_key("ABI_VERSION"));
                    assert!(bytes.starts_with(b"DOBBSBDL"));
                    seen.swaps.push(info.clone());
                    Answer::Json(json!({ "tables": "kept", "pauseUs": 42 }))
                }
            };
            drop(seen);
            if matches!(job.request, Request::Swap { .. }) {
                std::thread::sleep(SWAP_TIME);
            }
            // The peer may be gone.
            let _ = job.answer.send(answer);
        }
    }
}

fn refused(code: &'static str) -> Answer {
    Answer::Refused { code, message: "the double refuses it".into(), mend: "Send something else.".into() }
}

/// Listens without credentials on one word, and answers nothing.
pub fn listen(word: &str, credentials: Option<&Credentials>) -> dobbs_shim::failure::Result<Listeners> {
    let (queue, _) = job_queue().unwrap();
    let service = Service::new(NAME, ImageKind::Blade, Arc::new(Engine::new(None)), queue, None);
    Listeners::start(&[word.parse()?], credentials, service)
}

/// Removed with all that is in it.
pub struct Folder {
    pub path: PathBuf,
}

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dobbs-link-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self { path }
    }

    pub fn socket(&self) -> PathBuf {
        Path::join(&self.path, "shim.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
