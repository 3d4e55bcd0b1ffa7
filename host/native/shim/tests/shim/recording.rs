//! What `--record` writes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::client::{Client, MESSAGE};
use crate::echo::{self, DROP, PLAIN, TRAP, frame};
use crate::fabric::Fabric;
use crate::program::{Folder, Shim};

struct Packet {
    interface: u32,
    bytes: Vec<u8>,
    length: u32,
    /// Without its `now`, which was a number.
    comment: String,
}

/// Comment of the section, link types of the interfaces, packets.
fn read(path: &Path) -> (String, Vec<DataLink>, Vec<Packet>) {
    let mut reader = PcapNgReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let comment = reader.section().options.iter().find_map(|option| match option {
        SectionHeaderOption::Comment(text) => Some(text.to_string()),
        _ => None,
    });
    let mut packets = Vec::new();
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap().into_owned() else { continue };
        let [EnhancedPacketOption::Comment(comment)] = &packet.options[..] else { panic!("{:?}", packet.options) };
        let mut comment = comment.to_string();
        if let Some(rest) = comment.strip_prefix("now=") {
            let (now, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            now.parse::<u32>().unwrap();
            comment = rest.to_owned();
        }
        let (interface, length) = (packet.interface_id, packet.original_len);
        packets.push(Packet { interface, bytes: packet.data.to_vec(), length, comment });
    }
    let interfaces = reader.interfaces().iter().map(|interface| interface.linktype).collect();
    (comment.expect("a comment"), interfaces, packets)
}

#[test]
fn a_recording_has_all_that_the_image_was_given_and_what_became_of_it() {
    let Some(fabric) = Fabric::new("a_recording_has_all_that_the_image_was_given_and_what_became_of_it") else {
        return;
    };
    let folder = Folder::new();
    let bundle = echo::bundle(&echo::parts(), "1");
    let firmware = folder.file("blade.bundle", &bundle);
    let (socket, path) = (folder.join("shim.sock"), folder.join("r.pcapng"));
    let mut command = fabric.shim(&firmware, &["packet:wire", "packet:host"]);
    command.arg("--link").arg(format!("unix:{}", socket.display())).arg("--record").arg(&path);
    let mut shim = Shim::start(command);
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    let mut client = Client::unix(&socket);

    let mut tagged = frame(PLAIN, 1, 60);
    tagged.splice(12..12, [0x81, 0, 0, 5]);
    far.send(&tagged);
    near.receive();
    client.ask(MESSAGE, &[3]);
    near.send(&frame(DROP, 2, 60));
    near.send(&frame(PLAIN, 3, 60));
    far.receive();
    far.send(&frame(TRAP, 4, 60));
    shim.event("trap");
    client.send(MESSAGE, &[0xee]);
    assert_eq!(client.error(), "E_IMAGE_TRAPPED");
    shim.stop();

    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the hash seed is in it");
    let (comment, interfaces, packets) = read(&path);
    assert_eq!(comment, echo::digest(&bundle));
    assert_eq!(interfaces, [DataLink::ETHERNET, DataLink::ETHERNET, DataLink::USER0]);
    // The two that follow each other may come in one batch.
    let batch = packets[2].comment.split(' ').next().unwrap().to_owned();
    let expected = [
        (0, tagged, "batch=1 verdict=FORWARD drop=NONE".to_owned()),
        (2, vec![3], String::new()),
        (1, frame(DROP, 2, 60), format!("{batch} verdict=DROP drop=OVERSIZE")),
        (1, frame(PLAIN, 3, 60), packets[3].comment.clone()),
        (0, frame(TRAP, 4, 60), packets[4].comment.clone()),
        (2, vec![], "restart".into()),
        (2, vec![0xee], String::new()),
        (2, vec![], "restart".into()),
    ];
    assert_eq!(packets.len(), expected.len());
    for (packet, (interface, bytes, comment)) in packets.iter().zip(expected) {
        assert_eq!((packet.interface, packet.length as usize), (interface, bytes.len()));
        assert_eq!((&packet.bytes, &packet.comment), (&bytes, &comment));
    }
    assert!(packets[3].comment.ends_with("verdict=FORWARD drop=NONE"), "{}", packets[3].comment);
    assert!(packets[4].comment.ends_with("verdict=LOST drop=NONE"), "{}", packets[4].comment);
}

#[test]
fn a_recording_that_finds_no_room_is_told_and_ends_and_the_frames_go_on() {
    let Some(fabric) = Fabric::new("a_recording_that_finds_no_room_is_told_and_ends_and_the_frames_go_on") else {
        return;
    };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let mut command = fabric.shim(&firmware, &["packet:wire", "packet:host"]);
    command.args(["--record", "/dev/full"]);
    let mut shim = Shim::start(command);
    // Told as soon as there is time to write, not when some buffer is full, which may be never.
    let ended = shim.event("recording-ended");
    assert_eq!(ended["code"], "E_RECORD_FILE");
    assert!(ended["message"].as_str().unwrap().contains("No space left"), "{ended}");
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    far.send(&frame(PLAIN, 1, 60));
    assert_eq!(near.receive(), frame(PLAIN, 1, 60));
    let (_, events) = shim.stop();
    assert_eq!(events.iter().filter(|event| event["event"] == "recording-ended").count(), 1);
}
