//! Frames: the golden ones, and each way to be none. Both sides' tests read the same vectors.

use dobbs_shim::link::frame;
use serde_json::Value;

use crate::client::{ERROR, MESSAGE, STATUS};
use crate::double::Double;

const VECTORS: &str = include_str!("../../../../../tests/vectors/link-frames.json");

fn vectors(list: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let list = vectors[list].as_array().unwrap().clone();
    assert!(list.len() >= 8);
    list
}

fn bytes(vector: &Value, member: &str) -> Vec<u8> {
    let hex = vector[member].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn frames_are_encoded_as_in_the_vectors() {
    for vector in vectors("frames") {
        let number = |member: &str| vector[member].as_u64().unwrap();
        let encoded = frame::encode(number("kind") as u8, number("sequence") as u32, &bytes(&vector, "payload"));
        assert_eq!(encoded, bytes(&vector, "frame"), "{}", vector["name"]);
    }
}

#[test]
fn each_defect_of_a_frame_has_its_code_and_closes_the_connection() {
    let double = Double::start();
    for mut client in [double.unix(), double.tls()] {
        client.assert_alive();
    }
    for vector in vectors("refused") {
        for mut client in [double.unix(), double.tls()] {
            client.write(&bytes(&vector, "frame")).unwrap();
            assert_eq!(client.last_error(), vector["code"].as_str().unwrap(), "{}", vector["name"]);
        }
    }
    assert_eq!(double.seen().messages.len(), 2);
    assert_eq!(double.seen().others, 0);
}

#[test]
fn a_replayed_frame_is_refused() {
    let double = Double::start();
    let mut client = double.tls();
    let frame = frame::encode(MESSAGE, 1, b"once");
    client.write(&frame).unwrap();
    client.receive().unwrap();
    client.write(&frame).unwrap();
    assert_eq!(client.last_error(), "E_LINK_SEQUENCE");
    assert_eq!(double.seen().messages, [b"once"]);
}

#[test]
fn reordered_frames_are_refused_and_none_of_them_takes_effect() {
    let double = Double::start();
    let mut client = double.unix();
    let frames = [frame::encode(MESSAGE, 2, b"second"), frame::encode(MESSAGE, 1, b"first")];
    client.write(&frames.concat()).unwrap();
    assert_eq!(client.last_error(), "E_LINK_SEQUENCE");
    assert!(double.seen().messages.is_empty());
}

#[test]
fn a_frame_of_another_connection_is_refused() {
    let double = Double::start();
    let mut first = double.unix();
    first.assert_alive();
    let mut second = double.unix();
    second.write(&frame::encode(MESSAGE, 2, b"abc")).unwrap();
    assert_eq!(second.last_error(), "E_LINK_SEQUENCE");
    assert_eq!(double.seen().messages.len(), 1);
}

#[test]
fn the_longest_frame_is_taken_and_a_longer_one_refused_unread() {
    let double = Double::start();
    let mut client = double.tls();
    let longest = vec![9; frame::REQUEST_BYTES_MAX];
    assert_eq!(client.ask(MESSAGE, &longest), longest);
    // Its header alone is answered.
    client.write(&frame::encode(MESSAGE, 2, &vec![9; frame::REQUEST_BYTES_MAX + 1])[..frame::HEADER_BYTES]).unwrap();
    assert_eq!(client.last_error(), "E_LINK_LENGTH");
}

#[test]
fn a_truncated_frame_takes_no_effect() {
    let double = Double::start();
    let whole = frame::encode(MESSAGE, 1, b"never whole");
    for cut in 1..whole.len() {
        let mut client = if cut % 4 == 0 { double.tls() } else { double.unix() };
        client.write(&whole[..cut]).unwrap();
        client.end();
        client.assert_closed();
    }
    double.unix().assert_alive();
    assert_eq!(double.seen().messages, [b"abc"]);
}

#[test]
fn frames_may_come_in_any_pieces_and_are_answered_in_order() {
    let double = Double::start();
    let mut client = double.unix();
    let bytes: Vec<u8> = (1..=5).flat_map(|number| frame::encode(MESSAGE, number, &[0, number as u8])).collect();
    for piece in bytes.chunks(7) {
        client.write(piece).unwrap();
    }
    for number in 1..=5 {
        assert_eq!(client.receive().unwrap(), (MESSAGE, vec![number, 0]));
    }
}

#[test]
fn kinds_that_only_the_shim_sends_and_payloads_that_a_kind_has_not_are_refused() {
    let double = Double::start();
    let mut client = double.unix();
    client.send(ERROR, b"{}");
    assert_eq!(client.last_error(), "E_LINK_KIND");
    let mut client = double.unix();
    client.send(STATUS, b"?");
    assert_eq!(client.last_error(), "E_LINK_PAYLOAD");
    assert_eq!(double.seen().others, 0);
}
