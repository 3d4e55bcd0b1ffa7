//! Frames through interfaces.

use crate::echo::{self, PLAIN, REWRITE, SLOT_BYTES, frame};
use crate::fabric::Fabric;
use crate::program::{Folder, Shim, refusal};

const PORTS: [&str; 2] = ["packet:wire", "packet:host"];

#[test]
fn frames_cross_from_interface_to_interface_as_they_are() {
    let Some(fabric) = Fabric::new("frames_cross_from_interface_to_interface_as_they_are") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let shim = Shim::start(fabric.shim(&firmware, &PORTS));
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    for (number, length) in [14, 60, 61, 1514].into_iter().enumerate() {
        let sent = frame(PLAIN, number as u32, length);
        far.send(&sent);
        assert_eq!(near.receive(), sent);
        near.send(&sent);
        assert_eq!(far.receive(), sent);
    }
    far.assert_silent();

    let sent = frame(REWRITE, 9, 60);
    far.send(&sent);
    let mut rewritten = sent.clone();
    rewritten[..6].fill(0xdd);
    rewritten[6..12].fill(0x55);
    assert_eq!(near.receive(), rewritten);

    let (stopped, _) = shim.stop();
    let counted = |port: usize, name: &str| stopped["ports"][port][name].as_u64().unwrap();
    assert_eq!([counted(0, "framesIn"), counted(0, "framesOut")], [5, 4], "{stopped}");
    assert_eq!([counted(1, "framesIn"), counted(1, "framesOut")], [4, 5], "{stopped}");
    assert_eq!((&stopped["frames"]["in"], &stopped["frames"]["out"]), (&9.into(), &9.into()));
    assert_eq!(stopped["ports"][1]["word"], "packet:host");
}

#[test]
fn what_others_send_by_an_interface_does_not_come_in_by_it() {
    let Some(fabric) = Fabric::new("what_others_send_by_an_interface_does_not_come_in_by_it") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let shim = Shim::start(fabric.shim(&firmware, &PORTS));
    let (wire, far, near) = (fabric.end("wire"), fabric.end("far"), fabric.end("near"));
    wire.send(&frame(PLAIN, 1, 60));
    assert_eq!(far.receive(), frame(PLAIN, 1, 60));
    near.assert_silent();
    assert_eq!(shim.stop().0["frames"]["in"], 0);
}

#[test]
fn vlan_tags_stay_where_they_are() {
    let Some(fabric) = Fabric::new("vlan_tags_stay_where_they_are") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let _shim = Shim::start(fabric.shim(&firmware, &PORTS));
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    let tagged = |tags: &[u8]| {
        let mut frame = frame(PLAIN, 1, 64);
        frame.splice(12..12, tags.iter().copied());
        frame
    };
    for tags in [
        &[0x81, 0x00, 0x20, 0x07][..],
        // Priority only: VLAN 0.
        &[0x81, 0x00, 0xe0, 0x00],
        &[0x88, 0xa8, 0x01, 0x23, 0x81, 0x00, 0x00, 0x07],
    ] {
        let sent = tagged(tags);
        far.send(&sent);
        assert_eq!(near.receive(), sent);
        near.send(&sent);
        assert_eq!(far.receive(), sent);
    }
}

#[test]
fn a_frame_longer_than_a_slot_is_dropped_and_counted_and_told_once() {
    let Some(fabric) = Fabric::new("a_frame_longer_than_a_slot_is_dropped_and_counted_and_told_once") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    for end in ["far", "wire"] {
        fabric.run("ip", &["link", "set", end, "mtu", "9000"]);
    }
    let mut shim = Shim::start(fabric.shim(&firmware, &PORTS));
    assert_eq!(shim.event("port-warning")["code"], "E_PORT_MTU");
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    for length in [SLOT_BYTES + 1, 8000] {
        far.send(&frame(PLAIN, 1, length));
    }
    far.send(&frame(PLAIN, 2, 60));
    assert_eq!(near.receive(), frame(PLAIN, 2, 60));
    near.assert_silent();
    assert!(shim.event("oversize")["mend"].as_str().unwrap().starts_with("ethtool -K wire gro off"));
    let (stopped, events) = shim.stop();
    assert_eq!((&stopped["ports"][0]["oversize"], &stopped["ports"][0]["framesIn"]), (&2.into(), &3.into()));
    assert_eq!(events.iter().filter(|event| event["event"] == "oversize").count(), 1);
}

#[test]
fn an_open_checksum_is_counted_and_told_once() {
    let Some(fabric) = Fabric::new("an_open_checksum_is_counted_and_told_once") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    // The kernel's own stack sends by `far`, and leaves checksums to the card.
    fabric.run("ethtool", &["-K", "far", "tx", "on"]);
    fabric.run("ip", &["addr", "add", "10.0.0.1/24", "dev", "far"]);
    fabric.run("ip", &["neigh", "add", "10.0.0.2", "lladdr", "02:00:00:00:00:01", "dev", "far"]);
    let mut shim = Shim::start(fabric.shim(&firmware, &PORTS));
    for _ in 0..2 {
        fabric.run("bash", &["-c", "echo hello > /dev/udp/10.0.0.2/9"]);
    }
    let told = shim.event("unready");
    assert_eq!(told["code"], "E_PORT_OFFLOAD");
    assert!(told["mend"].as_str().unwrap().contains("other end"), "{told}");
    let (stopped, events) = shim.stop();
    assert_eq!(stopped["ports"][0]["unready"], 2, "{stopped}");
    assert_eq!(events.iter().filter(|event| event["event"] == "unready").count(), 1);
}

#[test]
fn offloads_are_refused_with_the_command_that_mends_them() {
    let Some(fabric) = Fabric::new("offloads_are_refused_with_the_command_that_mends_them") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    fabric.run("ethtool", &["-K", "wire", "tx", "on", "gro", "on"]);

    let allowed = {
        let mut command = fabric.shim(&firmware, &PORTS);
        command.arg("--allow-offloads");
        command
    };
    assert_eq!(Shim::start(allowed).event("port-warning")["code"], "E_PORT_OFFLOAD");

    let (code, message, mend) = refusal(fabric.shim(&firmware, &PORTS));
    assert_eq!((code.as_str(), mend.as_str()), ("E_PORT_OFFLOAD", "ethtool -K wire gro off tx off"));
    assert!(message.contains("packet:wire"), "{message}");
    let words: Vec<&str> = mend.split(' ').collect();
    fabric.run(words[0], &words[1..]);
    Shim::start(fabric.shim(&firmware, &PORTS)).stop();
}

#[test]
fn what_is_wrong_with_an_interface_is_told_with_the_mend() {
    let Some(fabric) = Fabric::new("what_is_wrong_with_an_interface_is_told_with_the_mend") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let (code, message, _) = refusal(fabric.shim(&firmware, &["packet:wire", "packet:gone"]));
    assert_eq!(code, "E_PORT_MISSING");
    assert!(message.contains("packet:gone"), "{message}");

    fabric.run("ip", &["link", "set", "host", "down"]);
    let (code, _, mend) = refusal(fabric.shim(&firmware, &PORTS));
    assert_eq!((code.as_str(), mend.as_str()), ("E_PORT_DOWN", "ip link set host up"));

    let (code, ..) = refusal(fabric.shim(&firmware, &["packet:lo"]));
    assert_eq!(code, "E_PORT_ETHERNET");
}

#[test]
fn nothing_of_the_interfaces_is_changed_when_it_has_stopped() {
    let Some(fabric) = Fabric::new("nothing_of_the_interfaces_is_changed_when_it_has_stopped") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let state = || {
        let details = fabric.run("ip", &["-d", "link"]);
        details + &["wire", "host"].map(|end| fabric.run("ethtool", &["-k", end])).concat()
    };
    let before = state();
    let shim = Shim::start(fabric.shim(&firmware, &PORTS));
    assert_ne!(state(), before, "promiscuous while it runs");
    shim.stop();
    assert_eq!(state(), before);
}

#[test]
fn one_that_is_deleted_while_it_is_down_is_opened_anew_and_what_is_wrong_with_the_new_one_is_told() {
    let Some(fabric) = Fabric::new("one_that_is_deleted_while_it_is_down_is_opened_anew") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut shim = Shim::start(fabric.shim(&firmware, &PORTS));
    fabric.run("ip", &["link", "set", "host", "down"]);
    shim.trouble("E_PORT_DOWN");
    fabric.run("ip", &["link", "delete", "host"]);
    shim.trouble("E_PORT_MISSING");

    fabric.run("ip", &["link", "add", "host", "type", "veth", "peer", "name", "near"]);
    for end in ["host", "near"] {
        fabric.run("ip", &["link", "set", end, "up"]);
    }
    shim.trouble("E_PORT_OFFLOAD");
    for end in ["host", "near"] {
        fabric.run("ethtool", &["-K", end, "gro", "off", "tso", "off", "gso", "off", "tx", "off"]);
    }
    shim.event("port-back");
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    far.send(&frame(PLAIN, 1, 60));
    assert_eq!(near.receive(), frame(PLAIN, 1, 60));
}

#[test]
fn one_that_gets_another_name_is_the_same() {
    let Some(fabric) = Fabric::new("one_that_gets_another_name_is_the_same") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut shim = Shim::start(fabric.shim(&firmware, &PORTS));
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    fabric.run("ip", &["link", "set", "host", "down"]);
    shim.trouble("E_PORT_DOWN");
    fabric.run("ip", &["link", "set", "host", "name", "renamed"]);
    fabric.run("ip", &["link", "set", "renamed", "up"]);
    far.send(&frame(PLAIN, 1, 60));
    assert_eq!(near.receive(), frame(PLAIN, 1, 60));
}

#[test]
fn an_interface_that_goes_and_comes_back_is_opened_anew() {
    let Some(fabric) = Fabric::new("an_interface_that_goes_and_comes_back_is_opened_anew") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut shim = Shim::start(fabric.shim(&firmware, &PORTS));
    let far = fabric.end("far");
    let near = fabric.end("near");
    far.send(&frame(PLAIN, 1, 60));
    assert_eq!(near.receive(), frame(PLAIN, 1, 60));

    fabric.run("ip", &["link", "set", "host", "down"]);
    assert_eq!(shim.event("port-trouble")["code"], "E_PORT_DOWN");
    fabric.run("ip", &["link", "set", "host", "up"]);
    far.send(&frame(PLAIN, 2, 60));
    assert_eq!(near.receive(), frame(PLAIN, 2, 60));

    fabric.run("ip", &["link", "delete", "host"]);
    fabric.run("ip", &["link", "add", "host", "type", "veth", "peer", "name", "near"]);
    for end in ["host", "near"] {
        fabric.run("ethtool", &["-K", end, "gro", "off", "tso", "off", "gso", "off", "tx", "off"]);
        fabric.run("ip", &["link", "set", end, "up"]);
    }
    shim.event("port-back");
    let near = fabric.end("near");
    far.send(&frame(PLAIN, 3, 60));
    assert_eq!(near.receive(), frame(PLAIN, 3, 60));
    assert_eq!(shim.stop().0["ports"][1]["framesOut"], 3);
}
