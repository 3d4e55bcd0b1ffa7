//! Captures and wires: ports that need no privilege.

use std::path::Path;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;

use crate::echo::{self, DROP, PLAIN, REWRITE, frame};
use crate::program::{Folder, Shim, command, refusal};

pub fn write_pcap(path: &Path, frames: &[Vec<u8>], datalink: DataLink) {
    let header = PcapHeader { datalink, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(std::fs::File::create(path).unwrap(), header).unwrap();
    for (index, bytes) in frames.iter().enumerate() {
        let time = Duration::from_secs(1_000_000 + index as u64);
        writer.write_packet(&PcapPacket::new(time, bytes.len() as u32, bytes)).unwrap();
    }
}

fn write_pcapng(path: &Path, frames: &[Vec<u8>]) {
    let mut writer = PcapNgWriter::new(std::fs::File::create(path).unwrap()).unwrap();
    let interface = |linktype| InterfaceDescriptionBlock { linktype, snaplen: 0, options: vec![] };
    writer.write_pcapng_block(interface(DataLink::USER0)).unwrap();
    writer.write_pcapng_block(interface(DataLink::ETHERNET)).unwrap();
    for bytes in frames {
        for interface_id in [0, 1] {
            let packet = EnhancedPacketBlock {
                interface_id,
                timestamp: Duration::from_secs(1),
                original_len: bytes.len() as u32,
                data: bytes.into(),
                options: vec![],
            };
            writer.write_pcapng_block(packet).unwrap();
        }
    }
}

fn read_pcap(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = PcapReader::new(std::fs::File::open(path).unwrap()).unwrap();
    assert_eq!(reader.header().datalink, DataLink::ETHERNET);
    std::iter::from_fn(|| Some(reader.next_packet()?.unwrap().data.into_owned())).collect()
}

#[test]
fn captures_run_through_the_image_and_end_the_shim() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    // More than a batch.
    let frames: Vec<_> = (0..200).map(|number| frame(PLAIN, number, 60 + number as usize)).collect();
    let others = [frame(REWRITE, 1, 60), frame(DROP, 2, 60), frame(PLAIN, 3, 2049), frame(PLAIN, 4, 1514)];
    write_pcap(&folder.join("a.pcap"), &frames, DataLink::ETHERNET);
    write_pcapng(&folder.join("b.pcapng"), &others);
    let at = |name: &str| folder.join(name).display().to_string();
    let ports = [format!("pcap:{},{}", at("a.pcap"), at("out-a")), format!("pcap:{},{}", at("b.pcapng"), at("out-b"))];

    let (status, events) = Shim::spawn(command(&firmware, &[&ports[0], &ports[1]])).end();
    assert_eq!(status.code(), Some(0), "{events:#?}");
    assert_eq!(read_pcap(&folder.join("out-b")), frames);
    let mut rewritten = others[0].clone();
    rewritten[..6].fill(0xdd);
    rewritten[6..12].fill(0x55);
    assert_eq!(read_pcap(&folder.join("out-a")), [rewritten, others[3].clone()]);
    let stopped = events.last().unwrap();
    assert_eq!((&stopped["frames"]["in"], &stopped["ports"][1]["oversize"]), (&204.into(), &1.into()), "{stopped}");
    let oversize = events.iter().find(|event| event["event"] == "oversize").unwrap();
    assert!(oversize["mend"].as_str().unwrap().contains("tcpdump"), "{oversize}");
}

#[test]
fn a_wire_inside_the_shim_joins_two_ports() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let frames: Vec<_> = (0..100).map(|number| frame(PLAIN, number, 60)).collect();
    let (input, output) = (folder.join("in.pcap"), folder.join("out.pcap"));
    write_pcap(&input, &frames, DataLink::ETHERNET);
    write_pcap(&folder.join("none.pcap"), &[], DataLink::ETHERNET);
    let first = format!("pcap:{}", input.display());
    let last = format!("pcap:{},{}", folder.join("none.pcap").display(), output.display());
    // 0 -> 1 = wire = 2 -> 3
    let shim = Shim::start(command(&firmware, &[&first, "memory:w", "memory:w", &last]));
    std::thread::sleep(Duration::from_millis(100));
    let (stopped, _) = shim.stop();
    assert_eq!(stopped["ports"][3]["framesOut"], 100, "{stopped}");
    assert_eq!(read_pcap(&output), frames);

    let (code, message, _) = refusal(command(&firmware, &["memory:w", "memory:v", "memory:w"]));
    assert_eq!(code, "E_PORT_WORD");
    assert!(message.contains("memory:v"), "{message}");
}

#[test]
fn frames_wait_for_a_signal_when_the_shim_is_told_to_hold() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    write_pcap(&folder.join("in.pcap"), &[frame(PLAIN, 1, 60)], DataLink::ETHERNET);
    let word = format!("pcap:{}", folder.join("in.pcap").display());
    let held = || {
        let mut command = command(&firmware, &[&word]);
        command.arg("--hold");
        Shim::start(command)
    };
    assert_eq!(held().stop().0["frames"]["in"], 0);

    let shim = held();
    shim.signal(libc::SIGUSR1);
    let (status, events) = shim.end();
    assert_eq!(status.code(), Some(0));
    assert_eq!(events.last().unwrap()["frames"]["in"], 1, "{events:#?}");
}

#[test]
fn what_is_no_capture_is_refused_with_the_mend() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    write_pcap(&folder.join("raw.pcap"), &[frame(PLAIN, 1, 60)], DataLink::RAW);
    folder.file("text", b"this is no capture");
    folder.file("empty", b"");
    for (name, expected) in [
        ("missing", "E_PORT_MISSING"),
        ("text", "E_PORT_CAPTURE"),
        ("empty", "E_PORT_CAPTURE"),
        ("raw.pcap", "E_PORT_CAPTURE"),
    ] {
        let word = format!("pcap:{}", folder.join(name).display());
        let (code, message, _) = refusal(command(&firmware, &[&word]));
        assert_eq!(code, expected, "{message}");
        assert!(message.contains(&word), "{message}");
    }
}

#[test]
fn a_capture_that_is_cut_off_ends_with_what_is_whole() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let path = folder.join("cut.pcap");
    write_pcap(&path, &[frame(PLAIN, 1, 60), frame(PLAIN, 2, 60)], DataLink::ETHERNET);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let mut shim = Shim::spawn(command(&firmware, &[&format!("pcap:{}", path.display())]));
    assert_eq!(shim.event("port-trouble")["code"], "E_PORT_CAPTURE");
    let (status, events) = shim.end();
    assert_eq!((status.code(), &events.last().unwrap()["frames"]["in"]), (Some(0), &1.into()));
}
