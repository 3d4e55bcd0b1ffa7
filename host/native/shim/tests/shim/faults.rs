//! Traps.

use crate::client::{Client, MESSAGE, STATUS};
use crate::echo::{self, ASK, PLAIN, TRAP, frame};
use crate::fabric::Fabric;
use crate::program::{Folder, Shim, command};

#[test]
fn a_trap_costs_its_batch_and_the_image_goes_on_with_what_it_was_told() {
    let Some(fabric) = Fabric::new("a_trap_costs_its_batch_and_the_image_goes_on_with_what_it_was_told") else {
        return;
    };
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let socket = folder.join("shim.sock");
    let mut command = fabric.shim(&firmware, &["packet:wire", "packet:host"]);
    command.arg("--link").arg(format!("unix:{}", socket.display()));
    let mut shim = Shim::start(command);
    let (far, near) = (fabric.end("far"), fabric.end("near"));
    let mut client = Client::unix(&socket);
    for byte in [4, 2] {
        assert_eq!(client.ask(MESSAGE, &[byte]).len(), 32);
    }

    far.send(&frame(TRAP, 1, 60));
    let trap = shim.event("trap");
    assert!(trap["reason"].as_str().unwrap().contains("unreachable"), "{trap}");
    assert_eq!((&trap["framesLost"], &trap["restarts"]), (&1.into(), &1.into()), "{trap}");
    assert!(trap["pauseUs"].as_u64().unwrap() > 0, "{trap}");
    near.assert_silent();

    far.send(&frame(PLAIN, 2, 60));
    assert_eq!(near.receive(), frame(PLAIN, 2, 60));
    far.send(&frame(ASK, 3, 60));
    assert_eq!(near.receive()[16..20], 42u32.to_le_bytes());
    let status = client.ask_json(STATUS, &[]);
    assert_eq!((&status["restarts"], &status["framesLost"], &status["links"]), (&1.into(), &1.into(), &1.into()));
    assert!(status["lastTrap"].as_str().unwrap().contains("unreachable"), "{status}");
}

#[test]
fn a_message_that_traps_is_answered_and_the_link_stays() {
    let folder = Folder::new();
    let firmware = folder.file("blade.bundle", &echo::bundle(&echo::parts(), "1"));
    let socket = folder.join("shim.sock");
    let mut command = command(&firmware, &["memory:w", "memory:w"]);
    command.arg("--link").arg(format!("unix:{}", socket.display()));
    let mut shim = Shim::start(command);
    let mut client = Client::unix(&socket);
    client.send(MESSAGE, &[0xee]);
    assert_eq!(client.error(), "E_IMAGE_TRAPPED");
    assert_eq!(client.ask(MESSAGE, &[1]).len(), 32);
    assert_eq!(shim.event("trap")["message"], true);

    // Longer than the inbox of 64 bytes: whoever sends it does not know this image.
    client.send(MESSAGE, &[1; 65]);
    assert_eq!(client.last_error(), "E_LINK_PAYLOAD");
}
