//! The sockets of links: never blocking, with a deadline for a whole step instead of one for each read, so that a peer
//! that drips bytes gains no time.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use super::frame::Timely;

/// A TCP peer that has vanished is noticed after about IDLE + INTERVAL * COUNT seconds, and does not hold its place.
const KEEPALIVE_IDLE_S: i32 = 30;
const KEEPALIVE_INTERVAL_S: i32 = 10;
const KEEPALIVE_COUNT: i32 = 3;

pub enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    pub fn unix(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::Unix(stream))
    }

    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        set_option(&stream, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
        set_option(&stream, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, KEEPALIVE_IDLE_S)?;
        set_option(&stream, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)?;
        set_option(&stream, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, KEEPALIVE_COUNT)?;
        Ok(Self::Tcp(stream))
    }

    /// From any thread: who reads or writes it ends.
    pub fn shut(&self, how: Shutdown) {
        // The peer may have been quicker.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        };
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => (&*stream).read(buffer),
            Self::Tcp(stream) => (&*stream).read(buffer),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => (&*stream).write(bytes),
            Self::Tcp(stream) => (&*stream).write(bytes),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(stream) => stream.as_raw_fd(),
            Self::Tcp(stream) => stream.as_raw_fd(),
        }
    }
}

/// A socket with a deadline.
pub struct Timed {
    socket: Arc<Socket>,
    deadline: Option<Instant>,
}

impl Timed {
    pub fn new(socket: Arc<Socket>) -> Self {
        Self { socket, deadline: None }
    }

    fn retried<T>(&self, events: i16, mut step: impl FnMut(&Socket) -> io::Result<T>) -> io::Result<T> {
        loop {
            match step(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if !ready(&[self.socket.as_raw_fd()], events, self.deadline)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retried(libc::POLLIN, |socket| socket.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retried(libc::POLLOUT, |socket| socket.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Timely for Timed {
    fn set_deadline(&mut self, at: Option<Instant>) {
        self.deadline = at;
    }
}

/// Waits until one of `fds` (at most two) is ready or has an error. False: the deadline has passed.
pub fn ready(fds: &[RawFd], events: i16, deadline: Option<Instant>) -> io::Result<bool> {
    let mut polled = [libc::pollfd { fd: -1, events, revents: 0 }; 2];
    for (entry, &fd) in polled.iter_mut().zip(fds) {
        entry.fd = fd;
    }
    loop {
        let wait = match deadline {
            None => -1,
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                // Rounded up: it must not spin through the last millisecond.
                i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
            }
        };
        // SAFETY: `polled` is an array of that many entries; those with fd -1 are passed over.
        let count = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, wait) };
        if count >= 0 {
            return Ok(count > 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The user of the process at the other end, as it was when that one connected.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    let mut credentials = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of_val(&credentials) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, a whole `ucred`.
    let status = unsafe {
        let place = (&raw mut credentials).cast();
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, place, &mut length)
    };
    checked(status)?;
    Ok(credentials.uid)
}

pub fn own_uid() -> u32 {
    // SAFETY: it cannot fail, and touches no memory of ours.
    unsafe { libc::geteuid() }
}

/// Readable once `ring` was called, and ever after.
pub struct Bell(OwnedFd);

impl Bell {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers; the descriptor is ours.
        unsafe {
            let fd = checked(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?;
            Ok(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    pub fn ring(&self) {
        // SAFETY: eight bytes, as an eventfd takes them. It fails only when it has been rung very often.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const RUNG).cast(), size_of_val(&RUNG)) };
    }
}

static RUNG: u64 = 1;

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn set_option(stream: &TcpStream, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads one i32.
    let status = unsafe {
        let place = (&raw const value).cast();
        libc::setsockopt(stream.as_raw_fd(), level, option, place, size_of_val(&value) as libc::socklen_t)
    };
    checked(status).map(|_| ())
}

pub fn checked(status: i32) -> io::Result<i32> {
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(status) }
}
