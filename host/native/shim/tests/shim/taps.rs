//! TAP interfaces: this host's stack is on their other side.

use std::time::{Duration, Instant};

use crate::echo::{self, PLAIN, frame};
use crate::fabric::Fabric;
use crate::program::{Folder, PATIENCE, Shim, refusal};

#[test]
fn frames_cross_between_taps_that_go_or_stay_as_they_came() {
    let Some(fabric) = Fabric::new("frames_cross_between_taps_that_go_or_stay_as_they_came") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    fabric.run("ip", &["tuntap", "add", "kept", "mode", "tap"]);
    let (code, _, mend) = refusal(fabric.shim(&firmware, &["tap:kept", "tap:made"]));
    assert_eq!((code.as_str(), mend.as_str()), ("E_PORT_DOWN", "ip link set kept up"));
    fabric.run("ip", &["link", "set", "kept", "up"]);
    let offloads = fabric.run("ethtool", &["-k", "kept"]);

    let shim = Shim::start(fabric.shim(&firmware, &["tap:kept", "tap:made"]));
    // The kernel takes up to a second to see that there is someone behind it.
    let until = Instant::now() + PATIENCE;
    while fabric.run("ip", &["link", "show", "kept"]).contains("state DOWN") {
        assert!(Instant::now() < until, "kept never comes up");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (kept, made) = (fabric.end("kept"), fabric.end("made"));
    for length in [14, 60, 1514] {
        let sent = frame(PLAIN, 1, length);
        kept.send(&sent);
        assert_eq!(made.receive(), sent);
        made.send(&sent);
        assert_eq!(kept.receive(), sent);
    }
    let (code, message, _) = refusal(fabric.shim(&firmware, &["tap:made"]));
    assert_eq!(code, "E_PORT_BUSY", "{message}");

    let (stopped, _) = shim.stop();
    assert_eq!(stopped["ports"][0]["framesIn"], 3, "{stopped}");
    let links = fabric.run("ip", &["-br", "link"]);
    assert!(links.contains("kept") && !links.contains("made"), "{links}");
    assert_eq!(fabric.run("ethtool", &["-k", "kept"]), offloads);
}

#[test]
fn a_frame_that_is_longer_than_a_slot_has_its_real_length() {
    let Some(fabric) = Fabric::new("a_frame_that_is_longer_than_a_slot_has_its_real_length") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut shim = Shim::start(fabric.shim(&firmware, &["tap:tap0", "tap:tap1"]));
    fabric.run("ip", &["link", "set", "tap0", "mtu", "9000"]);
    let (a, b) = (fabric.end("tap0"), fabric.end("tap1"));
    a.send(&frame(PLAIN, 1, echo::SLOT_BYTES + 1));
    a.send(&frame(PLAIN, 2, 60));
    assert_eq!(b.receive(), frame(PLAIN, 2, 60));
    assert_eq!(shim.event("oversize")["mend"], "ip link set tap0 mtu 1500");
    assert_eq!(shim.stop().0["ports"][0]["oversize"], 1);
}

#[test]
fn one_that_is_deleted_is_made_anew() {
    let Some(fabric) = Fabric::new("one_that_is_deleted_is_made_anew") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut shim = Shim::start(fabric.shim(&firmware, &["packet:wire", "tap:tap0"]));
    fabric.run("ip", &["link", "delete", "tap0"]);
    assert_eq!(shim.event("port-trouble")["code"], "E_PORT_MISSING");
    shim.event("port-back");
    let (far, tap) = (fabric.end("far"), fabric.end("tap0"));
    far.send(&frame(PLAIN, 1, 60));
    assert_eq!(tap.receive(), frame(PLAIN, 1, 60));
}

#[test]
fn an_interface_that_is_no_tap_is_refused() {
    let Some(fabric) = Fabric::new("an_interface_that_is_no_tap_is_refused") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let (code, message, mend) = refusal(fabric.shim(&firmware, &["tap:wire"]));
    assert_eq!((code.as_str(), mend.as_str()), ("E_PORT_OPEN", "ip tuntap add wire mode tap"), "{message}");
}
