//! What a peer can ask, and what it is answered.

use crate::client::{IMAGE, MESSAGE, STATUS};
use crate::double::{Double, HUGE, TOO_LONG, TRAP};

#[test]
fn messages_reach_the_image_as_they_are() {
    let double = Double::start();
    for mut client in [double.unix(), double.tls()] {
        assert_eq!(client.ask(MESSAGE, b"\x00\x01\xff"), b"\xff\x01\x00");
        assert_eq!(client.ask(MESSAGE, b""), b"");
    }
    assert_eq!(double.seen().messages.len(), 4);
}

#[test]
fn image_and_status_are_answered_by_json() {
    let double = Double::start();
    let mut client = double.tls();
    assert_eq!(client.ask_json(IMAGE, b"")["memoryBytes"], 65536);
    let mut another = double.unix();
    another.assert_alive();
    let status = client.ask_json(STATUS, b"");
    assert_eq!((&status["name"], &status["links"]), (&"ardsley".into(), &2.into()));
}

#[test]
fn a_trap_is_told_and_the_connection_stays() {
    let double = Double::start();
    let mut client = double.unix();
    client.send(MESSAGE, TRAP);
    assert_eq!(client.error(), "E_IMAGE_TRAPPED");
    client.assert_alive();
}

#[test]
fn an_answer_without_room_in_a_frame_is_told() {
    let double = Double::start();
    let mut client = double.unix();
    client.send(MESSAGE, HUGE);
    assert_eq!(client.error(), "E_LINK_ANSWER");
    client.assert_alive();
}

#[test]
fn a_message_longer_than_the_inbox_closes_the_connection() {
    let double = Double::start();
    let mut client = double.tls();
    client.send(MESSAGE, TOO_LONG);
    assert_eq!(client.last_error(), "E_LINK_PAYLOAD");
    double.tls().assert_alive();
}
