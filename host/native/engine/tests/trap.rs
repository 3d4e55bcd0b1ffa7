//! A trap costs the frames of one call, and nothing else.

mod common;

use common::{APPLIED, INBOX, LAST_NOW, MESSAGES, Parts};
use dobbs_engine::{Bound, Engine, Instance};

const DROP_COUNTER: u32 = 7;
const EVENT_COUNTER: u32 = 8;
const DROP: usize = 1;
const FRAME_IN: usize = 0;
const MESSAGE_IN: usize = 1;

fn start() -> Instance {
    Engine::new(Some(Bound::default())).load(&common::image()).unwrap()
}

fn manage(image: &mut Instance, byte: u8, now: u32) -> Option<u32> {
    image.write(INBOX as usize, &[byte]);
    image.manage(1, now).unwrap()
}

fn word(image: &Instance, at: usize) -> u32 {
    u32::from_le_bytes(image.memory()[at..at + 4].try_into().unwrap())
}

fn counted(image: &Instance, region: u32, index: usize) -> u64 {
    image.counters(region).unwrap()[index]
}

#[test]
fn a_batch_is_counted() {
    let mut image = start();
    assert_eq!(image.process(0, 5, 1).unwrap(), Some(5));
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 5);
    assert_eq!(image.counters(99), None);
}

#[test]
fn a_trap_restarts_the_image_and_loses_the_batch() {
    let mut image = start();
    image.process(0, 5, 1).unwrap();
    assert_eq!(image.process(64, 6, 2).unwrap(), None);
    assert_eq!((image.restarts(), image.frames_lost()), (1, 6));
    assert!(image.last_trap().unwrap().contains("unreachable"), "{:?}", image.last_trap());
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 5, "frames of the lost batch count as lost only");
    assert_eq!(image.process(0, 3, 3).unwrap(), Some(3));
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 8);
    assert_eq!(counted(&image, EVENT_COUNTER, FRAME_IN), 8);
}

#[test]
fn an_endless_loop_ends_like_a_trap() {
    let mut image = start();
    assert_eq!(image.process(77, 1, 2).unwrap(), None);
    assert_eq!((image.restarts(), image.frames_lost()), (1, 1));
    assert!(image.last_trap().unwrap().contains("fuel"), "{:?}", image.last_trap());
    assert_eq!(manage(&mut image, 0xef, 3), None);
    assert_eq!((image.restarts(), image.frames_lost()), (2, 1));
}

#[test]
fn retained_messages_come_back_in_order_with_the_time_of_the_trap() {
    let mut image = start();
    for byte in [3, 1, 2] {
        assert_eq!(manage(&mut image, byte, 10), Some(32));
    }
    assert_eq!(word(&image, APPLIED), 312);
    image.process(66, 1, 77).unwrap();
    assert_eq!(word(&image, APPLIED), 312);
    assert_eq!(word(&image, LAST_NOW), 77);

    manage(&mut image, 3, 80);
    image.process(66, 1, 90).unwrap();
    assert_eq!(word(&image, APPLIED), 123, "the newer 3 took the place of the older");
}

#[test]
fn a_replay_is_not_counted_twice() {
    let mut image = start();
    for byte in [1, 2] {
        manage(&mut image, byte, 10);
    }
    for _ in 0..3 {
        image.process(66, 1, 11).unwrap();
        assert_eq!(counted(&image, EVENT_COUNTER, MESSAGE_IN), 2);
    }
    manage(&mut image, 4, 12);
    assert_eq!(counted(&image, EVENT_COUNTER, MESSAGE_IN), 3);
}

#[test]
fn a_table_that_was_not_committed_is_not_replayed() {
    let mut image = start();
    manage(&mut image, 1, 1);
    manage(&mut image, 0x40, 1);
    image.process(66, 1, 2).unwrap();
    assert_eq!(word(&image, MESSAGES), 1, "messages that this instance has seen");
    // The last chunk alone now closes a table of one message; what was staged before the trap is gone.
    manage(&mut image, 0x41, 3);
    image.process(66, 1, 4).unwrap();
    assert_eq!(word(&image, MESSAGES), 2);
}

#[test]
fn a_message_that_traps_is_not_retained() {
    let mut image = start();
    manage(&mut image, 1, 1);
    assert_eq!(manage(&mut image, 0xee, 2), None);
    assert_eq!((image.restarts(), image.frames_lost()), (1, 0));
    assert_eq!(word(&image, APPLIED), 1);
    assert_eq!(manage(&mut image, 2, 3), Some(32));
    image.process(66, 1, 4).unwrap();
    assert_eq!((image.restarts(), word(&image, APPLIED)), (2, 12));
}

#[test]
fn a_message_that_traps_in_the_replay_is_forgotten_and_the_others_stay() {
    let mut image = start();
    manage(&mut image, 1, 1);
    assert_eq!(manage(&mut image, 0x50, 2), Some(32));
    manage(&mut image, 1, 3);
    manage(&mut image, 2, 3);
    // Now 0x50 comes first, where it traps: one restart for the frame, one without the message.
    image.process(66, 1, 4).unwrap();
    assert_eq!((image.restarts(), word(&image, APPLIED)), (2, 12));
    image.process(66, 1, 5).unwrap();
    assert_eq!((image.restarts(), word(&image, APPLIED)), (3, 12));
}

#[test]
fn an_access_outside_of_the_memory_traps() {
    let process = r#"(func (export "process") (param $first i32) (param i32 i32) (result i32)
        (i32.load (local.get $first)))"#;
    let image = Parts { process: process.into(), ..Parts::default() }.image();
    for bound in [None, Some(Bound::default())] {
        let mut image = Engine::new(bound).load(&image).unwrap();
        assert_eq!(image.process(1024, 1, 0).unwrap(), Some(4), "the first region's id");
        for address in [65533, 65536, u32::MAX] {
            assert_eq!(image.process(address, 1, 0).unwrap(), None);
        }
        assert_eq!(image.restarts(), 3);
        assert!(image.last_trap().unwrap().contains("out of bounds memory access"), "{:?}", image.last_trap());
    }
}

#[test]
fn endless_recursion_traps() {
    let process = r#"(func $deep (export "process") (param i32 i32 i32) (result i32)
        (i32.add (i32.const 1) (call $deep (local.get 0) (local.get 1) (local.get 2))))"#;
    let parts = Parts { process: process.into(), ..Parts::default() };
    let mut image = Engine::new(None).load(&parts.image()).unwrap();
    assert_eq!(image.process(0, 1, 0).unwrap(), None);
    assert!(image.last_trap().unwrap().contains("stack"), "{:?}", image.last_trap());
}

#[test]
fn the_memory_moves_only_with_a_restart() {
    let mut image = start();
    let place = image.memory_place();
    image.process(0, 60, 1).unwrap();
    manage(&mut image, 1, 1);
    assert_eq!(image.memory_place(), place);
    assert_eq!(place.1, 65536);
}

#[test]
fn fuel_is_measured_when_calls_are_bounded() {
    let mut image = start();
    image.process(0, 1, 1).unwrap();
    let one = image.fuel_used();
    image.process(0, 11, 1).unwrap();
    let eleven = image.fuel_used();
    image.process(0, 21, 1).unwrap();
    assert!(one > 0);
    assert_eq!(image.fuel_used() - eleven, eleven - one, "the same for each frame");

    let mut unbounded = Engine::new(None).load(&common::image()).unwrap();
    unbounded.process(0, 1, 1).unwrap();
    assert_eq!(unbounded.fuel_used(), 0);
}

#[test]
fn the_bound_grows_with_the_batch() {
    let bound = Bound { process: 100, frame: 100, manage: 10_000 };
    let mut image = Engine::new(Some(bound)).load(&common::image()).unwrap();
    assert_eq!(image.process(0, 50, 1).unwrap(), Some(50));
    assert!(image.fuel_used() > 200, "{}", image.fuel_used());
}

#[test]
fn many_restarts_do_not_use_up_the_address_space() {
    let mut image = start();
    for _ in 0..40_000 {
        assert_eq!(image.process(66, 1, 1).unwrap(), None);
    }
    assert_eq!(image.restarts(), 40_000);
}
