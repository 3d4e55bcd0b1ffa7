//! What the kernel says of a network interface, in the shim's network namespace.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::word::PortWord;
use crate::failure::{Failure, Result};
use crate::sys;

/// linux/ethtool.h
const ETHTOOL_GTXCSUM: u32 = 0x16;
const ETHTOOL_GTSO: u32 = 0x1e;
const ETHTOOL_GGSO: u32 = 0x23;
const ETHTOOL_GFLAGS: u32 = 0x25;
const ETHTOOL_GGRO: u32 = 0x2b;
const ETH_FLAG_LRO: u32 = 1 << 15;

/// Offloads that merge received frames, or leave checksums and segments open, by their names in `ethtool -K`; with the
/// command that asks for each, and the bit of the answer that tells.
const OFFLOADS: [(&str, u32, u32); 5] = [
    ("gro", ETHTOOL_GGRO, u32::MAX),
    ("lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO),
    ("tso", ETHTOOL_GTSO, u32::MAX),
    ("gso", ETHTOOL_GGSO, u32::MAX),
    ("tx", ETHTOOL_GTXCSUM, u32::MAX),
];

#[derive(Debug)]
pub struct Interface {
    pub name: String,
    pub index: libc::c_int,
    pub mtu: usize,
    pub is_up: bool,
    pub is_ethernet: bool,
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

impl Interface {
    /// `None`: there is none of this name.
    pub fn find(name: &str) -> io::Result<Option<Self>> {
        let socket = control()?;
        let mut request = request(name);
        let Some(index) = ask(&socket, libc::SIOCGIFINDEX, &mut request)? else { return Ok(None) };
        let index = unsafe { index.ifr_ifru.ifru_ifindex };
        let flags = ask(&socket, libc::SIOCGIFFLAGS, &mut request)?.map(|answer| unsafe { answer.ifr_ifru.ifru_flags });
        let mtu = ask(&socket, libc::SIOCGIFMTU, &mut request)?.map(|answer| unsafe { answer.ifr_ifru.ifru_mtu });
        let kind = ask(&socket, libc::SIOCGIFHWADDR, &mut request)?;
        let kind = kind.map(|answer| unsafe { answer.ifr_ifru.ifru_hwaddr.sa_family });
        Ok(Some(Self {
            name: name.into(),
            index,
            mtu: mtu.unwrap_or(0) as usize,
            is_up: i32::from(flags.unwrap_or(0)) & libc::IFF_UP != 0,
            is_ethernet: kind == Some(libc::ARPHRD_ETHER),
        }))
    }

    /// Those of `OFFLOADS` that are on.
    pub fn offloads(&self) -> io::Result<Vec<&'static str>> {
        let socket = control()?;
        let mut on = Vec::new();
        for (name, command, mask) in OFFLOADS {
            let mut value = EthtoolValue { command, data: 0 };
            let mut request = request(&self.name);
            request.ifr_ifru.ifru_data = (&raw mut value).cast();
            // What a driver does not know, it does not do.
            if ask(&socket, libc::SIOCETHTOOL, &mut request).is_ok_and(|answer| answer.is_some())
                && value.data & mask != 0
            {
                on.push(name);
            }
        }
        Ok(on)
    }
}

pub fn bring_up(name: &str) -> io::Result<()> {
    let socket = control()?;
    let mut request = request(name);
    ask(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short };
    ask(&socket, libc::SIOCSIFFLAGS, &mut request)?;
    Ok(())
}

pub fn missing(word: &PortWord, interface: &str) -> Failure {
    let message = format!("port {word}: there is no interface {interface} in this network namespace");
    Failure::new("E_PORT_MISSING", message, "See `ip link`; in another namespace, start the shim by `ip netns exec`.")
}

pub fn down(word: &PortWord, interface: &str) -> Failure {
    Failure::new("E_PORT_DOWN", format!("port {word}: {interface} is down"), format!("ip link set {interface} up"))
}

/// A system call that failed for no reason that has a code of its own.
pub fn failed(word: &PortWord, what: &str, error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            let mend = "Run it as root, or give it CAP_NET_RAW and CAP_NET_ADMIN (as its systemd unit does).";
            Failure::new("E_PORT_PERMISSION", format!("port {word}: {what} is not permitted"), mend)
        }
        _ => Failure::new("E_PORT_OPEN", format!("port {word}: {what}: {error}"), "See what the kernel says: `dmesg`."),
    }
}

pub fn find(word: &PortWord, name: &str) -> Result<Interface> {
    let found = Interface::find(name).map_err(|error| failed(word, "asking for the interface", &error))?;
    found.ok_or_else(|| missing(word, name))
}

fn control() -> io::Result<OwnedFd> {
    sys::owned(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })
}

/// `name` fits: it was checked as a word.
pub fn request(name: &str) -> libc::ifreq {
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

/// `None`: there is no such interface.
fn ask<'a>(socket: &OwnedFd, what: libc::Ioctl, request: &'a mut libc::ifreq) -> io::Result<Option<&'a libc::ifreq>> {
    match sys::checked(unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw mut *request) }) {
        Ok(_) => Ok(Some(request)),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}
