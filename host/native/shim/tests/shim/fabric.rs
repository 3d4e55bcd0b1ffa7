//! A network namespace with two veth pairs, `wire` to `far` and `host` to `near`: the shim has one end of each, and the
//! test the other. It goes with the test.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::program::{PATIENCE, SHIM, with_arguments};

const RECEIVE_BUFFER_BYTES: libc::c_int = 64 << 20;
/// How long a frame that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(150);

pub struct Fabric {
    name: String,
}

/// Why there can be no fabric here.
fn hindrance() -> Option<&'static str> {
    if unsafe { libc::geteuid() } != 0 {
        return Some("it needs root, for a network namespace");
    }
    for tool in ["ip", "ethtool"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Some("it needs iproute2 and ethtool");
        }
    }
    None
}

impl Fabric {
    /// `None`, and a line that says so, where it cannot be made. `test`: who asks.
    pub fn new(test: &str) -> Option<Self> {
        if let Some(reason) = hindrance() {
            // Past the test harness, which keeps what a passing test prints to itself.
            let _ = io::stdout().write_all(format!("\nSKIPPED {test}: {reason}\n").as_bytes());
            return None;
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("dobbs-shim-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]);
        let fabric = Self { name };
        for family in ["all", "default"] {
            fabric.run("sysctl", &["-qw", &format!("net.ipv6.conf.{family}.disable_ipv6=1")]);
        }
        for (end, other) in [("wire", "far"), ("host", "near")] {
            fabric.run("ip", &["link", "add", end, "type", "veth", "peer", "name", other]);
            for end in [end, other] {
                let offloads = ["-K", end, "gro", "off", "tso", "off", "gso", "off", "tx", "off"];
                fabric.run("ethtool", &offloads);
                fabric.run("ip", &["link", "set", end, "up"]);
            }
        }
        Some(fabric)
    }

    /// What `program` prints.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// A shim in this namespace.
    pub fn shim(&self, firmware: &Path, ports: &[&str]) -> Command {
        with_arguments(self.command(SHIM), firmware, ports)
    }

    /// The test's end of a link.
    pub fn end(&self, interface: &str) -> End {
        let (path, interface) = (format!("/run/netns/{}", self.name), interface.to_owned());
        // Namespaces are a thread's: this one ends with its.
        std::thread::spawn(move || {
            let namespace = File::open(path).unwrap();
            assert_eq!(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }, 0);
            End::open(&interface)
        })
        .join()
        .unwrap()
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

fn ip(arguments: &[&str]) {
    assert!(Command::new("ip").args(arguments).status().unwrap().success(), "ip {arguments:?}");
}

/// Sends and receives whole frames of one interface.
pub struct End {
    socket: OwnedFd,
}

impl End {
    fn open(interface: &str) -> Self {
        unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
            assert!(fd >= 0, "{}", io::Error::last_os_error());
            let end = Self { socket: OwnedFd::from_raw_fd(fd) };
            let name = std::ffi::CString::new(interface).unwrap();
            let mut place: libc::sockaddr_ll = std::mem::zeroed();
            place.sll_family = libc::AF_PACKET as u16;
            place.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            place.sll_ifindex = libc::if_nametoindex(name.as_ptr()) as i32;
            assert_ne!(place.sll_ifindex, 0, "no interface {interface}");
            end.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1);
            end.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, 1);
            end.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
            let size = size_of::<libc::sockaddr_ll>() as u32;
            assert_eq!(libc::bind(fd, (&raw const place).cast(), size), 0, "{}", io::Error::last_os_error());
            end
        }
    }

    fn set(&self, level: libc::c_int, option: libc::c_int, value: libc::c_int) {
        let size = size_of::<libc::c_int>() as u32;
        let set = unsafe { libc::setsockopt(self.socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
    }

    pub fn send(&self, frame: &[u8]) {
        let sent = unsafe { libc::send(self.socket.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize, "{}", io::Error::last_os_error());
    }

    /// The next frame, its VLAN tag put back where it was.
    pub fn receive(&self) -> Vec<u8> {
        self.receive_within(PATIENCE).expect("a frame")
    }

    pub fn assert_silent(&self) {
        assert_eq!(self.receive_within(SILENCE), None);
    }

    pub fn receive_within(&self, time: Duration) -> Option<Vec<u8>> {
        let fd = self.socket.as_raw_fd();
        let mut waiting = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        if unsafe { libc::poll(&mut waiting, 1, time.as_millis() as i32) } != 1 {
            return None;
        }
        let mut frame = vec![0u8; 65536];
        let mut control = [0u64; 16];
        unsafe {
            let mut part = libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() };
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = size_of_val(&control) as _;
            let length = libc::recvmsg(fd, &mut message, 0);
            assert!(length >= 0, "{}", io::Error::last_os_error());
            frame.truncate(length as usize);
            let header = libc::CMSG_FIRSTHDR(&message);
            if !header.is_null() {
                let aux = libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned();
                if aux.tp_status & libc::TP_STATUS_VLAN_VALID != 0 {
                    let tag = [aux.tp_vlan_tpid.to_be_bytes(), aux.tp_vlan_tci.to_be_bytes()].concat();
                    frame.splice(12..12, tag);
                }
            }
        }
        Some(frame)
    }
}
