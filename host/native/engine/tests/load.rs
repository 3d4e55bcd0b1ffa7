//! What is no image of ours is refused before any of it runs.

mod common;

use common::Parts;
use dobbs_engine::{Bound, Engine, ImageError};

fn refusal(parts: Parts) -> ImageError {
    Engine::new(Some(Bound::default())).load(&parts.image()).err().expect("a refusal")
}

fn assert_refused(parts: Parts, code: &str, word: &str) {
    let error = refusal(parts);
    assert_eq!(error.code, code, "{error}");
    assert!(error.message.contains(word), "{error}");
}

#[test]
fn an_image_loads_and_tells_its_constants() {
    let image = Engine::new(None).load(&common::image()).unwrap();
    for (name, value) in common::CONSTANTS {
        assert_eq!(image.constants().get(*name), Some(value), "{name}");
    }
    assert_eq!(image.constants().len(), common::CONSTANTS.len());
    assert_eq!(image.memory().len(), 65536);
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let engine = Engine::new(None);
    assert_eq!(engine.load(b"").err().unwrap().code, ImageError::INVALID);
    assert_eq!(engine.load(b"\0asm\x01\0\0\0garbage").err().unwrap().code, ImageError::INVALID);
    let mut cut = common::image();
    cut.truncate(cut.len() - 3);
    assert_eq!(engine.load(&cut).err().unwrap().code, ImageError::INVALID);
}

#[test]
fn an_import_is_refused_by_name() {
    let head = r#"(import "env" "abort" (func))"#.into();
    assert_refused(Parts { head, ..Parts::default() }, ImageError::IMPORT, "env.abort");
}

#[test]
fn a_start_function_is_refused() {
    let manage = format!("{} (func $main) (start $main)", Parts::default().manage);
    assert_refused(Parts { manage, ..Parts::default() }, ImageError::START, "start");
}

#[test]
fn a_memory_that_can_grow_is_refused() {
    for memory in [r#"(memory (export "memory") 1 2)"#, r#"(memory (export "memory") 1)"#] {
        assert_refused(Parts { memory: memory.into(), ..Parts::default() }, ImageError::MEMORY, "grow");
    }
}

#[test]
fn a_missing_function_or_memory_is_refused() {
    let process = "".into();
    assert_refused(Parts { process, ..Parts::default() }, ImageError::EXPORT, "process");
    let manage = r#"(func (export "manage") (param i32) (result i32) (i32.const 0))"#.into();
    assert_refused(Parts { manage, ..Parts::default() }, ImageError::EXPORT, "manage");
    let memory = "(memory 1 1)".into();
    assert_refused(Parts { memory, ..Parts::default() }, ImageError::EXPORT, "memory");
}

#[test]
fn another_abi_version_is_refused() {
    let mut parts = Parts::default().without("ABI_VERSION");
    parts.constants.push(("ABI_VERSION", dobbs_engine::ABI_VERSION + 1));
    assert_refused(parts, ImageError::ABI, "ABI 2");
}

#[test]
fn each_missing_constant_is_refused_by_name() {
    for (name, _) in common::CONSTANTS {
        assert_refused(Parts::default().without(name), ImageError::NAME, name);
    }
}

#[test]
fn a_missing_empty_or_outlying_region_is_refused() {
    let region = |at: usize, change: fn(&mut [u32; 4])| {
        let mut parts = Parts::default();
        change(&mut parts.regions[at]);
        parts
    };
    assert_refused(region(0, |inbox| inbox[0] = 99), ImageError::REGION, "INBOX");
    assert_refused(region(1, |outbox| outbox[3] = 0), ImageError::REGION, "OUTBOX");
    assert_refused(region(3, |drops| drops[1] = 65536 - 31), ImageError::REGION, "DROP_COUNTER");
    assert_refused(region(3, |drops| drops[3] = u32::MAX), ImageError::REGION, "DROP_COUNTER");
    assert_refused(region(2, |verdicts| verdicts[2] = 4), ImageError::REGION, "VERDICT_COUNTER");
}

#[test]
fn a_layout_outside_of_the_memory_is_refused() {
    let mut parts = Parts::default().without("LAYOUT");
    parts.constants.push(("LAYOUT", -16));
    assert_refused(parts, ImageError::REGION, "layout");
}
