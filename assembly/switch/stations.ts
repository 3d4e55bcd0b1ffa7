/**
 * The switch's L2 table: 4-way set-associative, learned and static stations. Static ones (owners, FORWARD entries)
 * neither age nor move.
 *
 * ```
 *  0          6      7       8         12
 *  +----------+------+-------+---------+
 *  |   mac    | port | kind  |  seen   |
 *  +----------+------+-------+---------+
 * ```
 */
import { Event } from "../abi";
import { count } from "../counters";
import { STATIONS_MAX } from "../sizes";

@unmanaged
export class Station {
  mac: u32;
  macHigh: u16;
  port: u8;
  /** `StationKind`. */
  kind: u8;
  /** ms */
  seen: u32;
}

enum StationKind {
  FREE = 0,
  LEARNED = 1,
  STATIC = 2,
}

const WAYS: u32 = 4;
const SETS: u32 = STATIONS_MAX / WAYS;

/** IEEE 802.1Q: the recommended ageing time. */
const AGE_MS_MAX: u32 = 300000;

export const STATIONS: usize = memory.data(STATIONS_MAX * offsetof<Station>(), 16);

if (STATIONS_MAX & (STATIONS_MAX - 1)) ERROR("stations: a power of two");

// @ts-ignore: decorator
@inline
function stationAt(set: u32, way: u32): Station {
  return changetype<Station>(STATIONS + (set * WAYS + way) * offsetof<Station>());
}

// @ts-ignore: decorator
@inline
function macOf(station: Station): u64 {
  return <u64>station.mac | (<u64>station.macHigh << 32);
}

// @ts-ignore: decorator
@inline
function setOf(mac: u64): u32 {
  const mixed = mac * 0x9e3779b97f4a7c15;
  return <u32>(mixed >>> 40) & (SETS - 1);
}

// @ts-ignore: decorator
@inline
function isLive(station: Station, now: u32): bool {
  return station.kind == StationKind.STATIC || (station.kind == StationKind.LEARNED && now - station.seen < AGE_MS_MAX);
}

/** Port of a station, or -1. */
export function stationPort(mac: u64, now: u32): i32 {
  const set = setOf(mac);
  for (let way: u32 = 0; way < WAYS; way++) {
    const station = stationAt(set, way);
    if (macOf(station) == mac && isLive(station, now)) return station.port;
  }
  return -1;
}

/** Notes that a frame from `mac` came in by `port`. */
export function learn(mac: u64, port: u32, now: u32): void {
  const set = setOf(mac);
  for (let way: u32 = 0; way < WAYS; way++) {
    const station = stationAt(set, way);
    if (macOf(station) != mac || station.kind == StationKind.FREE) continue;
    if (station.kind == StationKind.STATIC) return;
    if (station.port != port) count(Event.STATION_LEARNED);
    station.port = <u8>port;
    station.seen = now;
    return;
  }
  if (place(set, mac, port, StationKind.LEARNED, now)) count(Event.STATION_LEARNED);
}

/** Enters a static station; false when its set is full of static ones: it is then learned or flooded. */
export function enterStatic(mac: u64, port: u32): bool {
  const set = setOf(mac);
  for (let way: u32 = 0; way < WAYS; way++) {
    const station = stationAt(set, way);
    if (macOf(station) == mac) station.kind = <u8>StationKind.FREE;
  }
  return place(set, mac, port, StationKind.STATIC, 0);
}

/** Takes a free way, else the learned station that was silent longest. */
function place(set: u32, mac: u64, port: u32, kind: u32, now: u32): bool {
  let best: i32 = -1;
  let bestAge: u32 = 0;
  for (let way: u32 = 0; way < WAYS; way++) {
    const station = stationAt(set, way);
    if (station.kind == StationKind.STATIC) continue;
    const age = station.kind == StationKind.FREE ? u32.MAX_VALUE : now - station.seen;
    if (best >= 0 && age <= bestAge) continue;
    best = way;
    bestAge = age;
  }
  if (best < 0) return false;
  const station = stationAt(set, best);
  station.mac = <u32>mac;
  station.macHigh = <u16>(mac >>> 32);
  station.port = <u8>port;
  station.kind = <u8>kind;
  station.seen = now;
  return true;
}

/** Frees all static stations, before they are entered anew. */
export function clearStatic(): void {
  for (let i: u32 = 0; i < STATIONS_MAX; i++) {
    const station = changetype<Station>(STATIONS + i * offsetof<Station>());
    if (station.kind == StationKind.STATIC) station.kind = <u8>StationKind.FREE;
  }
}
