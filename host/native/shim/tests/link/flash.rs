//! A bundle over a link: verified and compiled, swapped in whole, or refused and forgotten.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::bundles::{bundle, bundle_of, flash, hex, image, manifest, parts};
use crate::client::{Client, FLASH, MESSAGE, STATUS};
use crate::double::Double;

/// Sends all parts; the answer to the last one is still to come.
fn send_all(client: &mut Client, bundle: &[u8], part_bytes: usize) {
    let parts = parts(bundle, part_bytes);
    let (last, others) = parts.split_last().unwrap();
    for (index, part) in others.iter().enumerate() {
        assert_eq!(client.ask_json(FLASH, part), json!({ "received": (index + 1) * part_bytes }));
    }
    client.send(FLASH, last);
}

fn assert_refused(double: &Double, bundle: &[u8], code: &str) {
    let mut client = double.unix();
    send_all(&mut client, bundle, 64 << 10);
    assert_eq!(client.error(), code);
    client.assert_alive();
    assert!(double.seen().swaps.is_empty());
}

#[test]
fn a_bundle_is_swapped_in_and_everyone_has_to_look_again() {
    let double = Double::start();
    let mut bystanders = [double.unix(), double.tls()];
    bystanders.iter_mut().for_each(Client::assert_alive);
    let bundle = bundle();

    let mut client = double.tls();
    send_all(&mut client, &bundle, 100);
    let (kind, answer) = client.receive().unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let info =
        json!({ "kind": "blade", "board": "tiny", "version": "0.3.0", "digest": hex(&bundle[bundle.len() - 32..]) });
    let expected = json!({ "received": bundle.len(), "bundle": info, "tables": "kept", "pauseUs": 42 });
    assert_eq!((kind, answer), (FLASH, expected));
    client.assert_closed();
    bystanders.iter_mut().for_each(Client::assert_closed);

    assert_eq!(double.seen().swaps.len(), 1);
    double.wait_for_links(0);
    double.unix().assert_alive();
    double.tls().assert_alive();
}

#[test]
fn a_message_for_the_old_image_never_reaches_the_new_one() {
    let double = Double::start();
    let mut bystander = double.unix();
    bystander.assert_alive();
    let mut client = double.tls();
    send_all(&mut client, &bundle(), 64 << 10);
    while double.seen().swaps.is_empty() {
        std::thread::yield_now();
    }
    // The new image runs, and nobody has been told yet.
    bystander.send(MESSAGE, b"in the old layout");
    bystander.assert_closed();
    assert_eq!(client.receive().unwrap().0, FLASH);
    double.unix().assert_alive();
    assert_eq!(double.seen().messages, [b"abc", b"abc"]);
}

#[test]
fn a_refused_bundle_changes_nothing_and_the_connection_stays() {
    let double = Double::start();
    let mut bystander = double.unix();
    bystander.assert_alive();

    assert_refused(&double, b"no bundle at all", "E_BUNDLE_MAGIC");
    let mut flipped = bundle();
    flipped[100] ^= 1;
    assert_refused(&double, &flipped, "E_BUNDLE_DIGEST");
    let blade = image(1);
    let mut of_switch = manifest(&blade);
    of_switch["kind"] = json!("switch");
    assert_refused(&double, &bundle_of(of_switch.to_string().as_bytes(), &blade), "E_BUNDLE_KIND");
    let switch = image(2);
    let disguised = bundle_of(manifest(&switch).to_string().as_bytes(), &switch);
    assert_refused(&double, &disguised, "E_BUNDLE_MANIFEST");
    let no_image = b"\0asm\x01\0\0\0garbage";
    let broken = bundle_of(manifest(no_image).to_string().as_bytes(), no_image);
    assert_refused(&double, &broken, "E_IMAGE_INVALID");
    double.refuse_swaps.store(true, Ordering::Relaxed);
    assert_refused(&double, &bundle(), "E_IMAGE_INSTANTIATE");

    bystander.assert_alive();
}

#[test]
fn parts_out_of_order_are_refused_and_what_was_staged_is_dropped() {
    let double = Double::start();
    let mut client = double.unix();
    let bundle = bundle();
    let parts = parts(&bundle, 200);
    let refuse = |client: &mut Client, payload: &[u8], code: &str| {
        client.send(FLASH, payload);
        assert_eq!(client.error(), code);
    };
    refuse(&mut client, &parts[1], "E_BUNDLE_PART");
    client.ask(FLASH, &parts[0]);
    refuse(&mut client, &parts[2], "E_BUNDLE_PART");
    refuse(&mut client, &parts[1], "E_BUNDLE_PART");
    client.ask(FLASH, &parts[0]);
    client.ask(FLASH, &parts[1]);
    refuse(&mut client, &parts[1], "E_BUNDLE_PART");
    client.ask(FLASH, &parts[0]);
    refuse(&mut client, &flash(200, bundle.len() + 1, &bundle[200..400]), "E_BUNDLE_PART");
    refuse(&mut client, &flash(0, (16 << 20) + 1, b"x"), "E_BUNDLE_LENGTH");
    refuse(&mut client, &flash(0, 3, b"four"), "E_BUNDLE_LENGTH");
    refuse(&mut client, &flash(u32::MAX as usize, u32::MAX as usize, b"x"), "E_BUNDLE_LENGTH");
    assert!(double.seen().swaps.is_empty());
    send_all(&mut client, &bundle, 64 << 10);
    assert_eq!(client.receive().unwrap().0, FLASH);
}

#[test]
fn a_payload_that_is_no_part_closes_the_connection() {
    let double = Double::start();
    for payload in [&b""[..], &[0; 8], &flash(0, 1 << 20, &vec![0; (64 << 10) + 1])] {
        let mut client = double.unix();
        client.send(FLASH, payload);
        assert_eq!(client.last_error(), "E_LINK_PAYLOAD");
    }
}

#[test]
fn one_bundle_at_a_time_until_its_client_has_gone() {
    let double = Double::start();
    let (mut first, mut second) = (double.unix(), double.tls());
    let bundle = bundle();
    let parts = parts(&bundle, 200);
    first.ask(FLASH, &parts[0]);
    second.send(FLASH, &parts[0]);
    assert_eq!(second.error(), "E_BUNDLE_BUSY");
    first.ask(FLASH, &parts[1]);
    drop(first);
    double.wait_for_links(1);
    send_all(&mut second, &bundle, 200);
    assert_eq!(second.receive().unwrap().0, FLASH);
    assert_eq!(double.seen().swaps.len(), 1);
}

#[test]
fn requests_go_on_between_the_parts() {
    let double = Double::start();
    let mut client = double.unix();
    for part in &parts(&bundle(), 1000)[..1] {
        client.ask(FLASH, part);
        client.ask(STATUS, b"");
        client.assert_alive();
    }
}
