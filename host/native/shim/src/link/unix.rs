//! The Unix socket: for the shim's own user and root alone, from the moment it exists.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::socket::{checked, own_uid, peer_uid};
use crate::failure::{Failure, Result};
use crate::sys;

const MODE: libc::mode_t = 0o600;
const BACKLOG: i32 = 16;

/// Removes its file when it is dropped, if it is still the one that it made.
pub struct UnixDoor {
    pub listener: UnixListener,
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl UnixDoor {
    pub fn open(path: &Path) -> Result<Self> {
        if is_stale(path)? {
            // When this fails, so does the bind that follows, and says why.
            let _ = fs::remove_file(path);
        }
        let opened = bind(path).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener, fs::symlink_metadata(path)?))
        });
        match opened {
            Ok((listener, found)) => {
                Ok(Self { listener, path: path.into(), device_and_inode: (found.dev(), found.ino()) })
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(in_use(path, "a file is there")),
            Err(error) => Err(cannot_bind(path, &error)),
        }
    }
}

/// Err: why `UnixDoor::open` would fail. Makes and removes nothing.
pub fn check(path: &Path) -> Result<()> {
    is_stale(path)?;
    sys::check_folder(path).map_err(|error| cannot_bind(path, &error))
}

fn cannot_bind(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot listen on {}: {error}", path.display());
    Failure::new("E_LINK_BIND", message, "Name a socket in a folder that exists and that this user may write.")
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.device_and_inode);
        if ours {
            // Nobody is left who could be told; a stale file is removed by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Root, or the shim's own user: who could do as much without asking us. Ok: the user's number.
pub fn check_peer(stream: &UnixStream) -> Result<u32> {
    let mend = "Run the client as root, or as the user that runs the shim.";
    match peer_uid(stream) {
        Ok(uid) if uid == 0 || uid == own_uid() => Ok(uid),
        Ok(uid) => Err(Failure::new("E_LINK_PEER", format!("user {uid} may not manage this shim"), mend)),
        Err(error) => Err(Failure::new("E_LINK_PEER", format!("cannot tell who connects: {error}"), mend)),
    }
}

/// Whether a killed shim has left a socket there, on which nothing answers. Err: something else is there.
fn is_stale(path: &Path) -> Result<bool> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(false);
    };
    if !found.file_type().is_socket() {
        return Err(in_use(path, "it is no socket"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        _ => Err(in_use(path, "another program listens there")),
    }
}

fn in_use(path: &Path, why: &str) -> Failure {
    let message = format!("cannot listen on {}: {why}", path.display());
    Failure::new("E_LINK_IN_USE", message, "Stop the other program, or name another socket.")
}

/// The file takes its mode from the socket, so it is never open to others, not even for a moment.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let address = address(path.as_os_str())?;
    // SAFETY: `address` is a whole `sockaddr_un`, zero-ended; the descriptor is owned as soon as it is there.
    unsafe {
        let fd = checked(libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0))?;
        let socket = OwnedFd::from_raw_fd(fd);
        checked(libc::fchmod(socket.as_raw_fd(), MODE))?;
        let length = size_of_val(&address) as libc::socklen_t;
        checked(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length))?;
        checked(libc::listen(socket.as_raw_fd(), BACKLOG))?;
        Ok(UnixListener::from(socket))
    }
}

fn address(path: &OsStr) -> io::Result<libc::sockaddr_un> {
    let bytes = path.as_bytes();
    // SAFETY: all zeros is a valid `sockaddr_un`.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if bytes.is_empty() || bytes.len() >= address.sun_path.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, &byte) in address.sun_path.iter_mut().zip(bytes) {
        *place = byte as libc::c_char;
    }
    Ok(address)
}
