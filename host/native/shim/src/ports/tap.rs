//! A TAP interface: its other side is this host's network stack. It attaches to one that is there, or makes one, which
//! goes with the shim. Of one that is there, offloads stay off that were on.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::interface::{self, Interface};
use super::word::PortWord;
use super::{Port, PortCounters, PortOptions};
use crate::failure::{Failure, Result};
use crate::frames::{ADDRESSES_BYTES, Room};
use crate::sys;

const DEVICE: &std::ffi::CStr = c"/dev/net/tun";
/// Where what does not fit into a slot goes, so that the real length is known.
const REST_BYTES: usize = 64 * 1024;
/// What the stack may leave to who reads the TAP, by their names in `ethtool -K`.
const STACKS_OFFLOADS: [&str; 2] = ["tx", "tso"];

pub struct TapPort {
    file: OwnedFd,
    name: String,
    slot_bytes: usize,
    was_made: bool,
    is_gone: bool,
    rest: Box<[u8]>,
    counters: PortCounters,
}

impl TapPort {
    /// E_PORT_MISSING (no TAP in this kernel), E_PORT_DOWN, E_PORT_BUSY, E_PORT_PERMISSION or E_PORT_OPEN.
    pub fn open(word: &PortWord, name: &str, options: &PortOptions) -> Result<Self> {
        let found =
            Interface::find(name).map_err(|error| interface::failed(word, "asking for the interface", &error))?;
        if found.as_ref().is_some_and(|found| !found.is_up) {
            return Err(interface::down(word, name));
        }
        let file =
            sys::owned(unsafe { libc::open(DEVICE.as_ptr(), libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC) })
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => {
                        let message = format!("port {word}: this kernel has no TAP: /dev/net/tun is not there");
                        Failure::new("E_PORT_MISSING", message, "modprobe tun")
                    }
                    _ => interface::failed(word, "opening /dev/net/tun", &error),
                })?;
        attach(&file, name).map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY) => {
                let message = format!("port {word}: another process has {name}");
                Failure::new(
                    "E_PORT_BUSY",
                    message,
                    format!("Stop it: `fuser -v /dev/net/tun`; or name another than {name}."),
                )
            }
            Some(libc::EINVAL) => {
                let message = format!("port {word}: {name} is no TAP interface");
                Failure::new("E_PORT_OPEN", message, format!("ip tuntap add {name} mode tap"))
            }
            _ => interface::failed(word, "attaching to the interface", &error),
        })?;
        let was_made = found.is_none();
        if was_made {
            interface::bring_up(name).map_err(|error| interface::failed(word, "bringing it up", &error))?;
        }
        let rest = vec![0; REST_BYTES].into();
        let counters = PortCounters::default();
        Ok(Self { file, name: name.into(), slot_bytes: options.slot_bytes, was_made, is_gone: false, rest, counters })
    }
}

fn attach(file: &OwnedFd, name: &str) -> io::Result<()> {
    let mut request = interface::request(name);
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    sys::checked(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) })?;
    // One that is there may have been left with offloads: the stack is to give us whole frames. They do not come back when the
    // shim ends; where there are none, nothing is touched.
    let offloads = Interface::find(name)?.map_or(Ok(Vec::new()), |tap| tap.offloads())?;
    if offloads.iter().any(|one| STACKS_OFFLOADS.contains(one)) {
        sys::checked(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETOFFLOAD, 0) })?;
    }
    Ok(())
}

impl Port for TapPort {
    fn fd(&self) -> Option<RawFd> {
        (!self.is_gone).then(|| self.file.as_raw_fd())
    }

    fn receive(&mut self, room: &mut Room) {
        while let Some(slot) = room.slot() {
            let parts = [sys::part_mut(slot), sys::part_mut(&mut self.rest)];
            let read = unsafe { libc::readv(self.file.as_raw_fd(), parts.as_ptr(), parts.len() as libc::c_int) };
            let Ok(length) = usize::try_from(read) else { return };
            room.fill(length);
            self.counters.frames_in += 1;
            self.counters.oversize += u64::from(length > self.slot_bytes);
        }
    }

    fn send(&mut self, addresses: Option<&[u8]>, frame: &[u8]) {
        let parts = match addresses {
            None => [sys::part(frame), sys::part(&[])],
            Some(addresses) => [sys::part(addresses), sys::part(&frame[ADDRESSES_BYTES..])],
        };
        let written = unsafe { libc::writev(self.file.as_raw_fd(), parts.as_ptr(), parts.len() as libc::c_int) };
        if written < 0 {
            self.counters.send_failed += 1;
        } else {
            self.counters.frames_out += 1;
        }
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }

    fn take_trouble(&mut self, is_failing: bool) -> Option<Failure> {
        // Only of an interface that was deleted.
        if !is_failing {
            return None;
        }
        self.is_gone = true;
        let message = format!("TAP interface {} was deleted", self.name);
        Some(Failure::new("E_PORT_MISSING", message, "Make it anew if it is to outlive the shim, which makes one now."))
    }

    fn is_gone(&self) -> bool {
        self.is_gone
    }

    fn offload_mend(&self) -> String {
        format!("ip link set {} mtu {}", self.name, super::usual_mtu(self.slot_bytes))
    }

    fn resize(&mut self, slot_bytes: usize) {
        self.slot_bytes = slot_bytes;
    }

    fn describe(&self) -> String {
        let how = if self.was_made { "made" } else { "attached to" };
        format!("{how} TAP interface {}", self.name)
    }
}
