//! Another bundle while it runs.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bundles::parts;
use crate::client::{Client, FLASH, IMAGE, MESSAGE, STATUS};
use crate::common::Parts;
use crate::echo::{self, ASK, PLAIN, frame};
use crate::fabric::Fabric;
use crate::program::{Folder, Shim, command};

fn linked(mut command: std::process::Command, socket: &Path) -> std::process::Command {
    command.arg("--link").arg(format!("unix:{}", socket.display()));
    command
}

/// The answer to its last part.
fn flash(client: &mut Client, bundle: &[u8]) -> serde_json::Value {
    let mut last = serde_json::Value::Null;
    for part in parts(bundle, 60_000) {
        last = client.ask_json(FLASH, &part);
    }
    last
}

/// Of other code.
fn successor() -> Parts {
    let mut parts = echo::parts();
    parts.head = "(func $unused)".into();
    parts
}

/// Also when the test fails: nobody is left waiting.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_swap_under_traffic_loses_no_frame_and_keeps_the_tables() {
    let Some(fabric) = Fabric::new("a_swap_under_traffic_loses_no_frame_and_keeps_the_tables") else { return };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let socket = folder.join("shim.sock");
    let shim = Shim::start(linked(fabric.shim(&firmware, &["packet:wire", "packet:host"]), &socket));
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    let mut client = Client::unix(&socket);
    client.ask(MESSAGE, &[7]);

    let flashed = AtomicBool::new(false);
    let ended = SetAtEnd(&flashed);
    let sent = std::thread::scope(|scope| {
        // Moved into the scope, which waits for the sender.
        let ended = ended;
        let sender = scope.spawn(|| {
            let mut sent = 0;
            // And some after it.
            let mut left = 200;
            while left > 0 {
                left -= i32::from(flashed.load(Ordering::Relaxed));
                far.send(&frame(PLAIN, sent, 60));
                sent += 1;
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            sent
        });
        for version in ["2", "3", "4"] {
            let bundle = echo::bundle(&successor(), version);
            let mut client = Client::unix(&socket);
            let answer = flash(&mut client, &bundle);
            assert_eq!((&answer["tables"], &answer["stored"]), (&"kept".into(), &true.into()), "{answer}");
            assert_eq!(answer["bundle"]["digest"], echo::digest(&bundle));
            assert_eq!(std::fs::read(&firmware).unwrap(), bundle, "it is what a restart starts with");
        }
        drop(ended);
        sender.join().unwrap()
    });
    for number in 0..sent {
        assert_eq!(near.receive(), frame(PLAIN, number, 60), "of {sent}");
    }
    far.send(&frame(ASK, 0, 60));
    assert_eq!(near.receive()[16..20], 7u32.to_le_bytes());
    let (stopped, events) = shim.stop();
    assert_eq!((&stopped["swaps"], &stopped["bundle"]["version"]), (&3.into(), &"4".into()));
    let swapped = events.iter().find(|event| event["event"] == "swapped").unwrap();
    assert_eq!((&swapped["tables"], &swapped["replaced"]["version"]), (&"kept".into(), &"1".into()));
    assert!(swapped["pauseUs"].as_u64().is_some(), "{swapped}");
    let files: Vec<_> =
        std::fs::read_dir(firmware.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["blade.bundle"], "no half-written file stays");
}

#[test]
fn an_image_of_other_constants_starts_empty() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let socket = folder.join("shim.sock");
    let _shim = Shim::start(linked(command(&firmware, &["memory:w", "memory:w"]), &socket));
    let mut other = echo::parts();
    other.constants.push(("Drop.NEW", 2));
    let answer = flash(&mut Client::unix(&socket), &echo::bundle(&other, "2"));
    assert_eq!(answer["tables"], "lost", "{answer}");
    let mut client = Client::unix(&socket);
    assert_eq!(client.ask_json(IMAGE, &[])["constants"]["Drop.NEW"], 2);
    assert_eq!(client.ask_json(STATUS, &[])["swaps"], 1);
}

#[test]
fn what_is_refused_leaves_the_image_and_the_file_as_they_were() {
    let folder = Folder::new();
    let first = echo::bundle(&echo::parts(), "1");
    let firmware = folder.file("blade.bundle", &first);
    let socket = folder.join("shim.sock");
    let _shim = Shim::start(linked(command(&firmware, &["memory:w", "memory:w"]), &socket));
    let mut client = Client::unix(&socket);
    // Passes as an image, and has no egress records.
    let refused = echo::bundle(&echo::parts().without("Egress.slot"), "2");
    for part in parts(&refused, 60_000) {
        client.send(FLASH, &part);
    }
    assert_eq!(client.error(), "E_IMAGE_NAME");
    assert_eq!(client.ask_json(STATUS, &[])["bundle"]["digest"], echo::digest(&first));
    assert_eq!(std::fs::read(&firmware).unwrap(), first);
}

#[test]
fn a_volatile_shim_leaves_its_file_as_it_was() {
    let folder = Folder::new();
    let first = echo::bundle(&echo::parts(), "1");
    let firmware = folder.file("blade.bundle", &first);
    let socket = folder.join("shim.sock");
    let mut command = linked(command(&firmware, &["memory:w", "memory:w"]), &socket);
    command.arg("--volatile");
    let _shim = Shim::start(command);
    let answer = flash(&mut Client::unix(&socket), &echo::bundle(&successor(), "2"));
    assert_eq!(answer["tables"], "kept", "{answer}");
    assert_eq!(Client::unix(&socket).ask_json(STATUS, &[])["bundle"]["version"], "2");
    assert_eq!(std::fs::read(&firmware).unwrap(), first);
}

#[test]
fn the_image_tells_what_it_is() {
    let folder = Folder::new();
    let bundle = echo::bundle(&echo::parts(), "1");
    let firmware = folder.file("blade.bundle", &bundle);
    let socket = folder.join("shim.sock");
    let _shim = Shim::start(linked(command(&firmware, &["memory:w", "memory:w"]), &socket));
    let image = Client::unix(&socket).ask_json(IMAGE, &[]);
    assert_eq!((&image["memoryBytes"], &image["bundle"]["kind"]), (&(4 << 16).into(), &"blade".into()));
    assert_eq!(image["constants"]["Egress.source"], 10 | 6 << 16);
    use base64::Engine;
    let descriptor = base64::engine::general_purpose::STANDARD.decode(image["descriptor"].as_str().unwrap()).unwrap();
    let words = |record: &[u32; 4]| record.map(u32::to_le_bytes).concat();
    assert_eq!(descriptor, echo::parts().regions.iter().flat_map(words).collect::<Vec<u8>>());
}
