//! How jobs reach the packet thread, which waits in `poll`: a bounded channel, and an eventfd beside it.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::job::Job;

/// Jobs that wait for the packet thread, of all links together.
const JOBS_MAX: usize = 64;

/// The packet thread has more to do than it can, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The links' end. Each clone speaks to the same packet thread.
#[derive(Clone)]
pub struct JobQueue {
    jobs: SyncSender<Job>,
    waker: Arc<OwnedFd>,
}

/// The packet thread's end.
pub struct Jobs {
    jobs: Receiver<Job>,
    waker: Arc<OwnedFd>,
}

pub fn job_queue() -> io::Result<(JobQueue, Jobs)> {
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let waker = Arc::new(unsafe { OwnedFd::from_raw_fd(fd) });
    let (sender, jobs) = sync_channel(JOBS_MAX);
    Ok((JobQueue { jobs: sender, waker: waker.clone() }, Jobs { jobs, waker }))
}

impl JobQueue {
    /// Hands a job to the packet thread, and wakes it. Never waits.
    pub fn submit(&self, job: Job) -> Result<(), Full> {
        match self.jobs.try_send(job) {
            Ok(()) => {
                let one = 1u64.to_ne_bytes();
                // It can fail only when the count is at its top: then the thread is awake.
                unsafe { libc::write(self.waker.as_raw_fd(), one.as_ptr().cast(), one.len()) };
                Ok(())
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Full),
        }
    }
}

impl Jobs {
    /// Readable when there may be a job.
    pub fn fd(&self) -> RawFd {
        self.waker.as_raw_fd()
    }

    /// To be called before jobs are taken, so that none is slept over.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        unsafe { libc::read(self.waker.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    pub fn take(&self) -> Option<Job> {
        self.jobs.try_recv().ok()
    }
}
