//! Another image takes the place of the running one: with all that was retained, or with nothing; never with a half.

mod common;

use common::{APPLIED, INBOX, LAST_NOW, MESSAGES, Parts};
use dobbs_engine::{Bound, Engine, ImageError, Instance};

const DROP_COUNTER: u32 = 7;
const EVENT_COUNTER: u32 = 8;
const DROP: usize = 1;
const MESSAGE_IN: usize = 1;

fn engine() -> Engine {
    Engine::new(Some(Bound::default()))
}

fn manage(image: &mut Instance, byte: u8) -> Option<u32> {
    image.write(INBOX as usize, &[byte]);
    image.manage(1, 10).unwrap()
}

fn word(image: &Instance, at: usize) -> u32 {
    u32::from_le_bytes(image.memory()[at..at + 4].try_into().unwrap())
}

fn counted(image: &Instance, region: u32, index: usize) -> u64 {
    image.counters(region).unwrap()[index]
}

/// The same but for its code: it counts no frame.
fn successor() -> Parts {
    let process = r#"(func (export "process") (param i32 i32 i32) (result i32) (i32.const 0))"#;
    Parts { process: process.into(), ..Parts::default() }
}

/// Given messages 3, 1 and 2, and a batch of 5 frames.
fn running(engine: &Engine) -> Instance {
    let mut image = engine.load(&common::image()).unwrap();
    for byte in [3, 1, 2] {
        manage(&mut image, byte);
    }
    image.process(0, 5, 1).unwrap();
    image
}

#[test]
fn an_image_of_the_same_constants_gets_what_was_retained_and_the_counters_go_on() {
    let engine = engine();
    let mut image = running(&engine);
    assert!(image.swap(engine.prepare(&successor().image()).unwrap(), 77).unwrap());
    assert_eq!((word(&image, APPLIED), word(&image, LAST_NOW)), (312, 77));
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 5);
    assert_eq!(counted(&image, EVENT_COUNTER, MESSAGE_IN), 3, "the replay is not counted");
    assert_eq!(image.process(0, 5, 2).unwrap(), Some(0), "the other code runs");
    manage(&mut image, 4);
    assert_eq!(counted(&image, EVENT_COUNTER, MESSAGE_IN), 4);
    assert_eq!((image.restarts(), image.frames_lost()), (0, 0));
}

#[test]
fn what_was_kept_survives_a_later_trap_and_a_later_swap() {
    let engine = engine();
    let mut image = running(&engine);
    assert!(image.swap(engine.prepare(&successor().image()).unwrap(), 1).unwrap());
    assert!(image.swap(engine.prepare(&common::image()).unwrap(), 2).unwrap());
    assert_eq!(image.process(66, 1, 3).unwrap(), None);
    assert_eq!((image.restarts(), word(&image, APPLIED)), (1, 312));
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 5);
}

#[test]
fn an_image_of_other_constants_starts_empty_and_nothing_is_retained() {
    let engine = engine();
    let mut image = running(&engine);
    let mut parts = Parts::default();
    parts.constants.push(("Retain.NEW", 8));
    assert!(!image.swap(engine.prepare(&parts.image()).unwrap(), 5).unwrap());
    assert_eq!((word(&image, APPLIED), word(&image, MESSAGES)), (0, 0));
    assert_eq!(counted(&image, DROP_COUNTER, DROP), 0, "the codes may mean something else now");
    assert_eq!(image.process(66, 1, 6).unwrap(), None);
    assert_eq!(word(&image, APPLIED), 0, "the old messages do not come back with a restart");
    assert_eq!(image.constants().get("Retain.NEW"), Some(&8));
}

#[test]
fn an_image_that_refuses_a_retained_message_starts_empty() {
    let engine = engine();
    let mut image = running(&engine);
    // Takes none: no answer says HOLD.
    let manage_none = r#"(func (export "manage") (param i32 i32) (result i32)
        (i32.store (i32.const 4096) (i32.const 99)) (i32.const 32))"#;
    let parts = Parts { manage: manage_none.into(), ..Parts::default() };
    assert!(!image.swap(engine.prepare(&parts.image()).unwrap(), 5).unwrap());
    assert_eq!(word(&image, APPLIED), 0, "nothing of what it was asked is left");
}

#[test]
fn an_image_that_traps_on_a_retained_message_starts_empty() {
    let engine = engine();
    let mut image = engine.load(&common::image()).unwrap();
    // 0x50 traps as the first message that an instance sees: here 1 is closed anew behind it.
    for byte in [1, 0x50, 1] {
        manage(&mut image, byte);
    }
    assert!(!image.swap(engine.prepare(&common::image()).unwrap(), 5).unwrap());
    assert_eq!((word(&image, APPLIED), image.restarts()), (0, 0));
    assert_eq!(image.process(66, 1, 6).unwrap(), None);
    assert_eq!(word(&image, MESSAGES), 0, "nothing was replayed");
}

#[test]
fn a_table_that_was_not_committed_is_forgotten() {
    let engine = engine();
    let mut image = running(&engine);
    manage(&mut image, 0x40);
    assert!(image.swap(engine.prepare(&common::image()).unwrap(), 5).unwrap());
    assert_eq!(word(&image, MESSAGES), 3);
    // The last chunk alone closes a table of one message.
    manage(&mut image, 0x41);
    image.process(66, 1, 6).unwrap();
    assert_eq!(word(&image, MESSAGES), 4);
}

#[test]
fn what_cannot_be_prepared_does_not_touch_the_running_image() {
    let engine = engine();
    let image = running(&engine);
    let refused = engine.prepare(&Parts::default().without("Retain.HOLD").image()).err().unwrap();
    assert_eq!(refused.code, ImageError::NAME);
    assert_eq!(word(&image, APPLIED), 312);
}

#[test]
fn an_image_is_prepared_in_another_thread() {
    let engine = engine();
    let mut image = running(&engine);
    let prepared =
        std::thread::scope(|scope| scope.spawn(|| engine.prepare(&successor().image()).unwrap()).join().unwrap());
    assert_eq!(prepared.constants(), image.constants());
    assert!(image.swap(prepared, 5).unwrap());
}
