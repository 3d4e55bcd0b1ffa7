//! Each defect of a bundle has its code.

use dobbs_shim::bundle::{Bundle, ImageKind};
use serde_json::{Value, json};

use crate::bundles::{bundle, bundle_of, header, hex, image, manifest, sealed};

fn refused(bytes: &[u8]) -> &'static str {
    let failure = Bundle::parse(bytes).expect_err("a refusal");
    assert!(!failure.message.is_empty() && !failure.mend.is_empty());
    failure.code
}

fn changed(member: &str, value: Value) -> Vec<u8> {
    let image = image(1);
    let mut manifest = manifest(&image);
    manifest[member] = value;
    bundle_of(manifest.to_string().as_bytes(), &image)
}

#[test]
fn a_bundle_tells_what_it_holds() {
    let bytes = bundle();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.image, image(1));
    assert_eq!(bundle.info.kind, ImageKind::Blade);
    let digest = hex(&bytes[bytes.len() - 32..]);
    let expected = json!({ "kind": "blade", "board": "tiny", "version": "0.3.0", "digest": digest });
    assert_eq!(json!(bundle.info), expected);
    assert_eq!(bundle.manifest.features, ["bulk-memory"]);
    assert_eq!(bundle.manifest.memory_bytes, 65536);
}

#[test]
fn what_does_not_begin_like_a_bundle_is_none() {
    assert_eq!(refused(b""), "E_BUNDLE_MAGIC");
    assert_eq!(refused(b"DOBBS"), "E_BUNDLE_MAGIC");
    assert_eq!(refused(b"\0asm\x01\0\0\0 and more, so that a header would fit, and a digest"), "E_BUNDLE_MAGIC");
}

#[test]
fn another_format_is_refused() {
    for (format, reserved) in [(0, 0), (2, 0), (1, 1)] {
        assert_eq!(refused(&sealed(&header(format, 2, 1, reserved), b"{}", b"i")), "E_BUNDLE_FORMAT");
    }
}

#[test]
fn a_bundle_of_any_other_length_than_its_header_says_is_refused() {
    let whole = bundle();
    for cut in 8..whole.len() {
        assert_eq!(refused(&whole[..cut]), "E_BUNDLE_LENGTH", "cut at {cut}");
    }
    assert_eq!(refused(&[&whole[..], b"x"].concat()), "E_BUNDLE_LENGTH");
    for (manifest_bytes, image_bytes) in [(65_537, 0), (0, (16 << 20) + 1), (usize::MAX, usize::MAX)] {
        assert_eq!(refused(&sealed(&header(1, manifest_bytes, image_bytes, 0), b"", b"")), "E_BUNDLE_LENGTH");
    }
}

#[test]
fn no_bit_of_a_bundle_can_change_unnoticed() {
    let whole = bundle();
    for bit in 24 * 8..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refused(&changed), "E_BUNDLE_DIGEST", "bit {bit}");
    }
}

#[test]
fn a_manifest_that_is_none_is_refused() {
    let image = image(1);
    for manifest in ["", "[]", "{}", "{\"kind\":\"blade\"", &"[".repeat(60_000)] {
        assert_eq!(refused(&bundle_of(manifest.as_bytes(), &image)), "E_BUNDLE_MANIFEST");
    }
    for member in ["kind", "board", "version", "abi", "imageSha256", "features", "memoryBytes"] {
        let mut without = manifest(&image);
        without.as_object_mut().unwrap().remove(member);
        assert_eq!(refused(&bundle_of(without.to_string().as_bytes(), &image)), "E_BUNDLE_MANIFEST", "{member}");
    }
    assert_eq!(refused(&changed("kind", json!("router"))), "E_BUNDLE_MANIFEST");
    assert_eq!(refused(&changed("board", json!(""))), "E_BUNDLE_MANIFEST");
    assert_eq!(refused(&changed("version", json!("1\u{1b}[2J"))), "E_BUNDLE_MANIFEST");
    assert_eq!(refused(&changed("version", json!("1".repeat(65)))), "E_BUNDLE_MANIFEST");
}

#[test]
fn another_abi_and_another_image_are_refused() {
    assert_eq!(refused(&changed("abi", json!(dobbs_engine::ABI_VERSION + 1))), "E_BUNDLE_ABI");
    assert_eq!(refused(&changed("imageSha256", json!("00".repeat(32)))), "E_BUNDLE_IMAGE");
}

#[test]
fn a_bundle_of_the_other_kind_is_refused() {
    let bytes = bundle();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.require_kind(ImageKind::Blade), Ok(()));
    assert_eq!(bundle.require_kind(ImageKind::Switch).unwrap_err().code, "E_BUNDLE_KIND");
}
