//! The kernel takes the outer VLAN tag out of a received frame, and hands it over beside the frame. Here it goes back.

/// Destination and source: the tag stands behind them.
const TAG_AT: usize = 12;
pub const TAG_BYTES: usize = 4;
/// 802.1Q, for a kernel that does not say.
pub const TPID_DEFAULT: u16 = 0x8100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub tpid: u16,
    pub tci: u16,
}

/// Copies `frame` into `slot` with `tag` in its place, as far as it fits. One copy, as without a tag.
pub fn copy_tagged(slot: &mut [u8], frame: &[u8], tag: Tag) {
    let head = frame.len().min(TAG_AT).min(slot.len());
    slot[..head].copy_from_slice(&frame[..head]);
    if head < TAG_AT {
        return;
    }
    let mut bytes = [0; TAG_BYTES];
    bytes[..2].copy_from_slice(&tag.tpid.to_be_bytes());
    bytes[2..].copy_from_slice(&tag.tci.to_be_bytes());
    let behind = &mut slot[TAG_AT..];
    let fits = behind.len().min(TAG_BYTES);
    behind[..fits].copy_from_slice(&bytes[..fits]);
    let behind = &mut behind[fits..];
    let rest = &frame[TAG_AT..];
    let fits = behind.len().min(rest.len());
    behind[..fits].copy_from_slice(&rest[..fits]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Tag = Tag { tpid: 0x88a8, tci: 0xe123 };
    const FRAME: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0x00, 0x00, 0x07];
    const TAGGED: [u8; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x88, 0xa8, 0xe1, 0x23, 0x81, 0x00, 0x00, 0x07];

    #[test]
    fn the_tag_stands_behind_the_addresses_and_before_an_inner_one() {
        let mut slot = [0xff; 24];
        copy_tagged(&mut slot, &FRAME, TAG);
        assert_eq!(slot[..20], TAGGED);
        assert_eq!(slot[20..], [0xff; 4]);
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        for room in 0..20 {
            let mut slot = vec![0xff; room];
            copy_tagged(&mut slot, &FRAME, TAG);
            assert_eq!(slot, TAGGED[..room]);
        }
    }

    #[test]
    fn a_frame_without_whole_addresses_gets_no_tag() {
        let mut slot = [0xff; 24];
        copy_tagged(&mut slot, &FRAME[..5], TAG);
        assert_eq!(slot[..6], [1, 2, 3, 4, 5, 0xff]);
    }
}
