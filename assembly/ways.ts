/** The ways of a set, matched by tag: eight 16-bit tags at once where the board has SIMD, by SWAR where it has not. */

/** A bit a way (0 to 7) of the tags at `tags` that equal `tag`. */
// @ts-ignore: decorator
@inline
export function tagWays(tags: usize, tag: u32): u32 {
  if (ASC_FEATURE_SIMD) {
    const equal = i16x8.eq(v128.load(tags), i16x8.splat(<i16>tag));
    return i8x16.bitmask(i8x16.narrow_i16x8_s(equal, i16x8.splat(0)));
  }
  return fourWays(load<u64>(tags), tag) | (fourWays(load<u64>(tags, 8), tag) << 4);
}

const LANES: u64 = 0x0001000100010001;
const LANE_LOW: u64 = 0x7fff7fff7fff7fff;
const LANE_HIGH: u64 = 0x8000800080008000;

/** Which 16-bit lanes of `lanes` equal `tag`, exactly (no borrow crosses a lane). */
// @ts-ignore: decorator
@inline
function fourWays(lanes: u64, tag: u32): u32 {
  const difference = lanes ^ (<u64>tag * LANES);
  const nonzero = ((difference & LANE_LOW) + LANE_LOW) | difference;
  const equal = (~nonzero & LANE_HIGH) >>> 15;
  // Gathers bits 0, 16, 32, 48 into bits 48..51.
  return <u32>((equal * 0x0001000200040008) >>> 48) & 0xf;
}

/** The lowest way of a nonempty set of ways. */
// @ts-ignore: decorator
@inline
export function firstWay(ways: u32): u32 {
  return ctz(ways);
}

/** A set of ways without its lowest. */
// @ts-ignore: decorator
@inline
export function nextWay(ways: u32): u32 {
  return ways & (ways - 1);
}
