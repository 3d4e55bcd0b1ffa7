/**
 * The traffic manager of a blade in the model: the messages of `host/supervisor/previous-owner.ts`, `preparation.ts`,
 * `current-owner.ts` and `handover-giver.ts`, one by one, with anything in between.
 */
import {
  Cookie,
  describe,
  hasOld,
  nameOf,
  Pc,
  renewed,
  Socket,
  SOCKET_STATE_MASK,
  waiting,
  zeros,
  type AddStep,
  type BladeState,
} from "./blade-state.ts";
import type { Configuration, Weakening } from "./configuration.ts";
import type { Ipds } from "./ipd.ts";
import { isLiveRow, ROW_COOKIE, ROW_NONE, ROW_OPENING, ROW_OVER, ROW_STATE_MASK, TUPLES, type IpdState } from "./ipd-state.ts";

export class TrafficManagers {
  readonly #ipds: Ipds;
  readonly #configuration: Configuration;
  readonly #weakening: Weakening | null;

  constructor(ipds: Ipds, configuration: Configuration, weakening: Weakening | null) {
    this.#ipds = ipds;
    this.#configuration = configuration;
    this.#weakening = weakening;
  }

  /** What the traffic manager of a blade can do next. */
  steps(state: BladeState, step: AddStep): void {
    const configuration = this.#configuration;
    const weakening = this.#weakening;
    const ipd = this.#ipds.states[state.ipd]!;
    if (ipd.generation === 0) return;
    const index = ipd.history.indexOf(state.owner);
    const command = (name: "UNSEAL" | "COMPLETE" | "SEAL" | "PIN"): { status: string; ipd: number } => {
      const { after, verdict } = this.#ipds.react(state.ipd, { kind: "command", command: name });
      return { status: verdict, ipd: after };
    };
    const at = (pc: number, changes: Partial<BladeState> = {}): BladeState => ({ ...state, pc, ...changes });
    const live = (sockets: readonly number[]): boolean => sockets.some((socket) => socket !== Socket.NONE);
    // Of UDP no host has a table: what the mirror has stands for it.
    const mirrored = (): number[] => (weakening === "no-mirror" ? zeros(TUPLES) : [...state.mirror]);
    const readNow = (): number[] => (configuration.udp ? mirrored() : state.sockets.map((socket) => socket & SOCKET_STATE_MASK));
    const tm = "its traffic manager";
    const source = configuration.udp ? "its mirror" : "the sockets";
    const isUnsealed = weakening === "drain-without-the-seal";

    if (state.pc !== Pc.IDLE && configuration.crash) step(`${tm} ends its look, or is started anew`, this.idle(state));

    switch (state.pc) {
      case Pc.IDLE: {
        if (configuration.udp && index >= 0) this.#scanSteps(state, ipd, step);
        if (index > 0 && !ipd.complete && !ipd.sealed && !(ipd.lost && ipd.open) && configuration.seeding) {
          const { ipd: after } = command("UNSEAL");
          step(`${tm} sends UNSEAL, and waits for the queue`, waiting(at(Pc.FILL_WAIT, { ipd: after })));
        }
        if (index > 0 && (ipd.complete || ipd.sealed)) {
          if (configuration.drain) {
            const { mirror } = configuration.udp ? this.#scanned(state, ipd) : state;
            const read = configuration.udp ? mirror : readNow();
            step(`${tm} looks at the buckets, and reads ${source}: ${describe(read)}`, at(Pc.DECIDE, { read, mirror, sealedSeen: ipd.sealed }));
          }
          if (configuration.tidy && !configuration.udp && ipd.rows.some((row) => row !== ROW_NONE)) {
            step(`(rows touched from here on are not to be removed)`, waiting(at(Pc.MARKED, { ipd: this.#ipds.marked(state.ipd) })));
          }
        }
        if (index > 0 && configuration.lists) this.#listStep(state, ipd, step);
        if (index === 0 && configuration.refill && !live(ipd.rows)) {
          step(`${tm} waits for the queue, to refill the table`, waiting(at(Pc.REFILL_WAIT)));
        }
        if (index === 0 && configuration.prepare && !ipd.pinned) step(`${tm} sends PIN`, at(Pc.PREPARE_READ, { ipd: command("PIN").ipd }));
        return;
      }
      case Pc.FILL_WAIT:
        if (hasOld(state) && weakening !== "seeding-before-the-queue-has-drained") return;
        return step(`${tm} reads ${source}: ${describe(readNow())}`, renewed(at(Pc.SEED, { read: readNow() })));
      case Pc.SEED: {
        const then = { read: zeros(TUPLES) };
        if (weakening === "no-seeding") return step(`${tm} sends no SEED`, at(Pc.COMPLETE, then));
        const { after } = this.#ipds.react(state.ipd, { kind: "seed", sockets: state.read });
        return step(`${tm} sends SEED: ${describe(state.read)}`, at(Pc.COMPLETE, { ...then, ipd: after }));
      }
      case Pc.COMPLETE: {
        const { status, ipd: after } = command("COMPLETE");
        return step(`${tm} sends COMPLETE: ${status}`, this.idle({ ...state, ipd: after }));
      }
      case Pc.MARKED:
        if (hasOld(state)) return;
        return step(
          `${tm} looks at the buckets, and reads ${source}: ${describe(readNow())}`,
          renewed(at(Pc.DECIDE_MARKED, { read: readNow(), sealedSeen: ipd.sealed })),
        );
      case Pc.DECIDE_MARKED: {
        const isCookie = (row: number): boolean => (row & ROW_STATE_MASK) === ROW_COOKIE && weakening !== "cookies-removed-as-dead";
        const dead = ipd.rows.map((row, tuple) => row !== ROW_NONE && state.read[tuple] === Socket.NONE && !isCookie(row));
        const { after } = this.#ipds.react(state.ipd, { kind: "remove", dead });
        return step(
          `${tm} sends REMOVE for what has no socket: ${describe(dead.map(Number))}`,
          at(Pc.DECIDE, { ipd: this.#ipds.unmarked(after) }),
        );
      }
      case Pc.DECIDE: {
        if (!configuration.drain) return step(`${tm} ends its look`, this.idle(state));
        if (live(state.read)) {
          if (!state.sealedSeen) return step(`${tm} ends its look`, this.idle(state));
          const { ipd: after } = command("UNSEAL");
          if (weakening !== "unseal-with-an-early-look") return step(`${tm} sends UNSEAL`, this.idle({ ...state, ipd: after }));
          return step(`${tm} sends UNSEAL`, at(Pc.SEED, { ipd: after, sealedSeen: false }));
        }
        const waitingFor = { read: zeros(TUPLES), sealedSeen: false };
        if (state.sealedSeen || isUnsealed) return step(`${tm} waits for the queue`, waiting(at(Pc.PROVE_WAIT, waitingFor)));
        const { status, ipd: after } = command("SEAL");
        if (status !== "OK") return step(`${tm} sends SEAL: ${status}`, this.idle({ ...state, ipd: after }));
        return step(`${tm} sends SEAL, and waits for the queue`, waiting(at(Pc.PROVE_WAIT, { ...waitingFor, ipd: after })));
      }
      case Pc.PROVE_WAIT:
        if (weakening === "seal-without-the-second-look") return step(`${tm} looks no second time`, renewed(at(Pc.PROVE)));
        if (hasOld(state)) return;
        return step(`${tm} reads ${source}: ${describe(readNow())}`, renewed(at(Pc.PROVE, { read: readNow() })));
      case Pc.PROVE: {
        if (live(state.read)) return step(`${tm} sends UNSEAL`, at(Pc.SEED, { ipd: command("UNSEAL").ipd }));
        if (isUnsealed) return step(`${tm} looks once more`, at(Pc.CONFIRM));
        const { status, ipd: after } = command("COMPLETE");
        if (status === "OK") return step(`${tm} sends COMPLETE: OK`, at(Pc.CONFIRM, { ipd: after }));
        if (status === "BUCKET_NOT_EMPTY") return step(`${tm} sends COMPLETE: ${status}`, at(Pc.UNSEAL, { ipd: after }));
        return step(`${tm} sends COMPLETE: ${status}`, this.idle({ ...state, ipd: after }));
      }
      case Pc.UNSEAL:
        return step(`${tm} sends UNSEAL`, this.idle({ ...state, ipd: command("UNSEAL").ipd }));
      case Pc.CONFIRM:
        return this.#reportStep(state, ipd, step, ipd.complete && index > 0 && (isUnsealed || (ipd.sealed && !live(ipd.rows))));
      case Pc.REFILL_WAIT:
        if (hasOld(state)) return;
        return step(`${tm} reads ${source}: ${describe(readNow())}`, renewed(at(Pc.REFILL_SEED, { read: readNow() })));
      case Pc.PREPARE_READ:
        return step(`${tm} reads ${source}: ${describe(readNow())}`, at(Pc.PREPARE_SEED, { read: readNow() }));
      case Pc.OVER: {
        const { after } = this.#ipds.react(state.ipd, { kind: "remove", dead: state.read.map(Boolean) });
        return step(`${tm} sends REMOVE for what is over: ${describe(state.read)}`, this.idle({ ...state, ipd: after }));
      }
      case Pc.REFILL_SEED:
      case Pc.PREPARE_SEED: {
        const { after } = this.#ipds.react(state.ipd, { kind: "seed", sockets: state.read });
        return step(`${tm} sends SEED: ${describe(state.read)}`, this.idle({ ...state, ipd: after }));
      }
    }
  }

  #reportStep(state: BladeState, { generation }: IpdState, step: AddStep, proved: boolean): void {
    const after = this.idle(state);
    if (!proved) return step("its traffic manager has proved nothing", after);
    const { sockets, cookies } = state;
    const alive = sockets.findIndex((socket, tuple) => (socket & SOCKET_STATE_MASK) !== Socket.NONE || cookies[tuple] !== Cookie.NONE);
    step(
      `its traffic manager reports under generation ${generation} that the bucket has drained`,
      after,
      { kind: "drained", generation },
      alive < 0 ? null : `a bucket is reported as drained whose host has ${nameOf(alive)(null)}`,
    );
  }

  /** What the mirror has after a scan of the flow table: that a scan misses a flow says nothing. */
  #scanned(state: BladeState, { rows }: IpdState): BladeState {
    return { ...state, mirror: state.mirror.map((socket, tuple) => (isLiveRow(rows[tuple]!) ? Socket.ESTABLISHED : socket)) };
  }

  #scanSteps(state: BladeState, ipd: IpdState, step: AddStep): void {
    const scanned = this.#scanned(state, ipd);
    const over = ipd.rows.map((row) => Number((row & ROW_STATE_MASK) === ROW_OVER));
    const text = `its traffic manager scans the flow table: ${describe(scanned.mirror)}`;
    if (this.#configuration.tidy && over.includes(1)) step(text, { ...scanned, pc: Pc.OVER, read: over });
    else step(text, scanned);
  }

  #listStep(state: BladeState, { complete, generation, rows }: IpdState, step: AddStep): void {
    const weakening = this.#weakening;
    if (!complete && weakening !== "list-from-an-incomplete-table") return;
    const isListed = (tuple: number): boolean => {
      if (weakening === "list-from-the-socket-table") return (state.sockets[tuple]! & SOCKET_STATE_MASK) !== Socket.NONE;
      const row = rows[tuple]! & ROW_STATE_MASK;
      return row !== ROW_NONE && !(weakening === "list-without-half-open-rows" && row === ROW_OPENING);
    };
    const flows = rows.reduce((bits, _, tuple) => bits | (isListed(tuple) ? 1 << tuple : 0), 0);
    const last = weakening === "list-tagged-by-the-traffic-manager" ? this.#configuration.generations : generation;
    for (let tag = generation; tag <= last; tag++) {
      const text = `its traffic manager sends a list under generation ${tag}: ${describe(rows.map((_, tuple) => (flows >> tuple) & 1))}`;
      step(text, state, { kind: "list", generation: tag, flows });
    }
  }

  /** Between two looks: nothing is remembered. */
  idle(state: BladeState): BladeState {
    const idle = { pc: Pc.IDLE, read: zeros(TUPLES), sealedSeen: false, ipd: this.#ipds.unmarked(state.ipd) };
    return renewed({ ...state, ...idle });
  }
}
