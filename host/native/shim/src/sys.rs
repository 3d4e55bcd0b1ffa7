//! System calls that the standard library has no words for.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// -1 -> `errno`.
pub fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

pub fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = checked(result)?;
    // Just made, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub fn set_option<T>(fd: RawFd, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    checked(unsafe { libc::setsockopt(fd, level, option, (&raw const *value).cast(), size) })?;
    Ok(())
}

pub fn get_option<T: Copy>(fd: RawFd, level: libc::c_int, option: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut size = size_of::<T>() as libc::socklen_t;
    checked(unsafe { libc::getsockopt(fd, level, option, (&raw mut *value).cast(), &mut size) })?;
    Ok(())
}

/// Sends the parts as one datagram. Never waits.
pub fn send_parts(fd: RawFd, parts: &mut [libc::iovec]) -> io::Result<()> {
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len();
    let sent = unsafe { libc::sendmsg(fd, &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What is only read from.
pub fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// What is read into.
pub fn part_mut(bytes: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }
}

/// Waits until an fd is readable, or for `timeout_ms`; -1: for ever. A signal that is handled ends the wait.
pub fn poll(fds: &mut [libc::pollfd], timeout_ms: i32) -> io::Result<()> {
    match checked(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Err: why no file could be written at `path`. Makes none.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        Ok(_) => access(path, libc::W_OK),
        Err(_) => check_folder(path),
    }
}

/// Err: why nothing could be made at `path`, in the folder that it names.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
    }
    access(folder, libc::W_OK | libc::X_OK)
}

fn access(path: &Path, mode: libc::c_int) -> io::Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes())?;
    checked(unsafe { libc::faccessat(libc::AT_FDCWD, path.as_ptr(), mode, libc::AT_EACCESS) }).map(|_| ())
}

/// Some signals, as something to wait for.
pub struct Signals {
    fd: OwnedFd,
    set: libc::sigset_t,
}

impl Signals {
    /// To be called before any thread is started: threads inherit what is blocked.
    pub fn block(signals: &[libc::c_int]) -> io::Result<Self> {
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        unsafe { libc::sigemptyset(&mut set) };
        for signal in signals {
            checked(unsafe { libc::sigaddset(&mut set, *signal) })?;
        }
        let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        let fd = owned(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        Ok(Self { fd, set })
    }

    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub fn take(&self) -> Option<libc::c_int> {
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        let read = unsafe { libc::read(self.fd(), (&raw mut info).cast(), size) };
        (read == size as isize).then_some(info.ssi_signo as libc::c_int)
    }

    /// From here on they do to this thread what they do to any other process.
    pub fn unblock(&self) {
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &self.set, std::ptr::null_mut()) };
    }
}

/// ms since some start, wrapping as the image's clock does.
pub fn monotonic_ms() -> u32 {
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    (now.tv_sec as u64).wrapping_mul(1000).wrapping_add(now.tv_nsec as u64 / 1_000_000) as u32
}
