/**
 * A blade's image, brought into any state that the model can tell, given a frame or a message, and read again. All by real bytes: management
 * messages bring it there, and say where it is.
 *
 * The model has one bucket (0); bucket 1 is there to fill the flow table with rows that may not be evicted.
 */
import type { Firmware, FrameOut } from "../../host/engine/firmware.ts";
import {
  bucketRequests,
  bucketsRequest,
  decodeFlows,
  flowRequests,
  listRequest,
  type BucketCommand,
  type Flow,
  type FlowStateName,
} from "../../host/management/commands.ts";
import { decodeAnswer, encodeRequest, type Answer, type Request } from "../../host/management/envelope.ts";
import { concat, Records } from "../../host/management/records.ts";
import { assignmentTable, identityTable, putRequests } from "../../host/management/tables.ts";
import type { AssignedOwner } from "../../host/model/assignment.ts";
import { ACK, ethernet, ETHERTYPE, FIN, SYN, tcp, udp, type Ip, type Ports } from "../packets/packets.ts";
import { FLOW_ROWS, loadModelFirmware, type ModelInstance } from "./image.ts";
import {
  BLADES_MAX,
  FLAGS,
  keyOf,
  LIST_HELD,
  LIST_MISSING,
  ROW_COOKIE,
  ROW_NONE,
  ROW_OPENING,
  ROW_OTHER,
  ROW_OVER,
  ROW_STATE_MASK,
  ROW_TOUCHED,
  Segment,
  TUPLES,
  type Input,
  type IpdOptions,
  type IpdState,
  type Outcome,
  type Redirect,
} from "./ipd-state.ts";

/** By `Socket`, from 1 on: what a traffic manager seeds. */
const SOCKET_STATES: readonly FlowStateName[] = ["half-open", "established", "closing"];
const OPENING: ReadonlySet<FlowStateName> = new Set(["provisional", "half-open"]);
const VIP = "10.0.0.100";
const VMAC = "02:00:00:00:00:64";
const CLIENT_MAC = "06:00:00:00:01:01";
const VIP_PORT = 443;
const FIRST_CLIENT_PORT = 40_000;
const TCP = 6;
const UDP = 17;
const NOW = 1_000_000;
/** ms: a row that was not touched since the mark was touched this long ago; REMOVE asks for half of it. A SYN cookie may be
 *  out that long, and a flow of UDP is over by then. */
const LONG_AGO = 100_000;
/** ms: no SYN cookie of that time is out any more. */
const BEFORE_COOKIES = 200_000;

const OWNERS: readonly AssignedOwner[] = Array.from({ length: BLADES_MAX }, (_, n) => ({
  name: `blade-${n}`,
  mac: `02:00:00:00:0${n + 1}:00`,
  blade: `blade-${n}`,
  port: n + 1,
  since: 1,
}));

export class IpdImage {
  readonly #firmware: Firmware;
  readonly #records: Records;
  /** By owner: sets the image back to where only its identity was put. */
  readonly #fresh: (() => void)[];
  readonly #tags: ReadonlyMap<string, number>;
  readonly #client: string;
  readonly #filler: string;
  readonly #instance: ModelInstance;
  readonly #options: IpdOptions;
  #sequence = 0;

  constructor(wasm: Uint8Array, options: IpdOptions) {
    const { firmware, instance } = loadModelFirmware(wasm);
    this.#firmware = firmware;
    this.#instance = instance;
    this.#options = options;
    this.#records = new Records(firmware.layout);
    this.#tags = new Map(firmware.layout.names("RedirectKind").map((name) => [name, firmware.layout.code("RedirectKind", name)]));
    const pristine = instance.keep();
    this.#fresh = OWNERS.map((_, owner) => {
      pristine();
      this.#identify(owner);
      return instance.keep();
    });
    [this.#client, this.#filler] = this.#findClients();
  }

  /** The image with an assignment, and without anything else. */
  initial(owner: number, generation: number, history: readonly number[]): IpdState {
    this.#start(owner, generation, history, false);
    return this.#read(owner, generation, history);
  }

  /** The same, started anew while SYN cookies may be out. */
  #restarted({ owner, generation, history }: IpdState): IpdState {
    this.#start(owner, generation, history, this.#options.cookies);
    return this.#read(owner, generation, history);
  }

  /** What the image does in a state. Throws when it cannot be brought there. */
  react(state: IpdState, input: Input): Outcome & { readonly after: IpdState } {
    const { owner } = state;
    if (input.kind === "pressure") return this.#press(state, input.tuple);
    if (input.kind === "restart") return { after: this.#restarted(state), verdict: "OK", redirect: null };
    this.#enter(state);
    const outcome = this.#give(state, input);
    const put = input.kind === "install" && outcome.verdict === "OK" ? input : state;
    return { ...outcome, after: this.#read(owner, put.generation, put.history) };
  }

  #give({ owner, generation }: IpdState, input: Exclude<Input, { kind: "pressure" | "restart" }>): Outcome {
    const scope = { generation, owner: 0 };
    switch (input.kind) {
      case "frame":
        return this.#frame(owner, input);
      case "reply": {
        const flags = [SYN | ACK, ACK, FIN | ACK][input.reply]!;
        const ip = { source: VIP, destination: this.#client };
        const ports = { sourcePort: VIP_PORT, destinationPort: FIRST_CLIENT_PORT + input.tuple };
        const link = { destination: CLIENT_MAC, source: OWNERS[owner]!.mac };
        if (input.crowded) this.#crowd(generation);
        return this.#process(1, ethernet(link, ETHERTYPE.ipv4, this.#packet(ip, ports, flags)));
      }
      case "command": {
        const [request] = bucketRequests(this.#records, input.command, { ...scope, openOnly: input.command === "COMPLETE" }, [0]);
        return { verdict: this.#tell(request!).status, redirect: null };
      }
      case "seed": {
        const flows = input.sockets.flatMap((socket, tuple) => (socket === 0 ? [] : [this.#flow(tuple, SOCKET_STATES[socket - 1]!)]));
        return { verdict: this.#flows("SEED", scope, flows), redirect: null };
      }
      case "remove": {
        const flows = input.dead.flatMap((dead, tuple) => (dead ? [this.#flow(tuple, "closing")] : []));
        return { verdict: this.#flows("REMOVE", { ...scope, untouchedMs: LONG_AGO / 2 }, flows), redirect: null };
      }
      case "list":
        return { verdict: this.#handOver(input.sender, input.generation, input.flows), redirect: null };
      case "install":
        return { verdict: this.#install(input.generation, input.history), redirect: null };
    }
  }

  #frame(owner: number, { segment, tuple, tag, generation }: Omit<Extract<Input, { kind: "frame" }>, "kind">): Outcome {
    const flags = [SYN, ACK, FIN | ACK][segment]!;
    const ip = { source: this.#client, destination: VIP };
    const ports = { sourcePort: FIRST_CLIENT_PORT + tuple, destinationPort: VIP_PORT };
    const isDirect = tag === "DIRECT";
    // The sender does not matter: nothing in the image reads it.
    const link = {
      destination: isDirect ? VMAC : OWNERS[owner]!.mac,
      source: isDirect ? CLIENT_MAC : tagMac(this.#tags.get(tag)!, (owner + 1) % BLADES_MAX, generation),
    };
    return this.#process(0, ethernet(link, ETHERTYPE.ipv4, this.#packet(ip, ports, flags)));
  }

  #packet(ip: Ip, ports: Ports, flags: number): Uint8Array {
    return this.#options.udp ? udp(ip, ports) : tcp(ip, ports, flags);
  }

  #process(port: number, bytes: Uint8Array): Outcome {
    const { verdicts, outputs } = this.#firmware.process([{ port, bytes }], NOW);
    const { verdict, drop } = verdicts[0]!;
    if (verdict !== "REDIRECT") return { verdict: verdict === "DROP" ? `DROP ${drop}` : verdict, redirect: null };
    return { verdict, redirect: this.#redirect(outputs[0]!) };
  }

  #redirect({ bytes }: FrameOut): Redirect {
    const destination = Buffer.from(bytes.subarray(0, 6)).toString("hex").replace(/..(?!$)/g, "$&:");
    const code = bytes[7]! & 7;
    const kind = [...this.#tags].find(([, value]) => value === code)![0];
    return {
      kind,
      target: OWNERS.findIndex(({ mac }) => mac === destination),
      generation: (bytes[10]! << 8) | bytes[11]!,
    };
  }

  /** A row goes if the image lets it go when all other places are taken by rows that must stay. */
  #press(state: IpdState, tuple: number): Outcome & { readonly after: IpdState } {
    const { owner, generation, history } = state;
    const alone = { ...state, lists: state.lists.map(() => LIST_MISSING), rows: state.rows.map((row, other) => (other === tuple ? row : ROW_NONE)) };
    this.#enter(alone);
    this.#crowd(generation);
    const isKept = this.#read(owner, generation, history).rows[tuple] !== ROW_NONE;
    const rows = state.rows.map((row, other) => (other === tuple && !isKept ? ROW_NONE : row));
    return { after: { ...state, rows }, verdict: isKept ? "KEPT" : "EVICTED", redirect: null };
  }

  /** Puts rows in that must stay, wherever there is room. */
  #crowd(generation: number): void {
    const fillers = Array.from({ length: FLOW_ROWS }, (_, n) => ({ ...this.#flow(n, "established"), client: this.#filler }));
    for (const filler of fillers) this.#flows("SEED", { generation, owner: 0 }, [filler]);
  }

  /** Brings the image into a state, and makes sure that it is there. */
  #enter(state: IpdState): void {
    const { owner, generation, history, complete, sealed, pinned, open, lost } = state;
    const isListed = state.lists.some((list) => list !== LIST_MISSING);
    if (isListed && history[0] !== owner) {
      // Left over from when it was the current owner.
      this.#start(owner, generation - 1, promoted(owner, history), lost);
      this.#putLists(state.lists, generation - 1);
      this.#install(generation, history);
    } else {
      this.#start(owner, generation, history, lost);
      this.#putLists(state.lists, generation);
    }
    if (generation === 0) return;
    const scope = { generation, owner: 0 };
    const command = (name: BucketCommand): void => {
      const [request] = bucketRequests(this.#records, name, scope, [0]);
      this.#tell(request!);
    };
    if (sealed) {
      command("COMPLETE");
      command("SEAL");
    }
    if (open) command("UNSEAL");
    if (complete) command("COMPLETE");
    if (pinned) command("PIN");
    state.rows.forEach((row, tuple) => {
      if (row === ROW_NONE) return;
      const at = row & ROW_TOUCHED ? NOW : NOW - LONG_AGO;
      this.#flows("SEED", scope, [this.#flow(tuple, this.#rowName(row & ROW_STATE_MASK))], at);
    });
    const there = keyOf(this.#read(owner, generation, history));
    if (there !== keyOf(state)) throw new Error(`the image is in state ${there}, and not in ${keyOf(state)}`);
  }

  #rowName(state: number): FlowStateName {
    if (state === ROW_OPENING) return this.#options.cookies ? "provisional" : "half-open";
    return state === ROW_COOKIE ? "half-open" : "established";
  }

  /** `lost`: it has just begun, and of what was before it knows nothing. */
  #start(owner: number, generation: number, history: readonly number[], lost: boolean): void {
    this.#fresh[owner]!();
    this.#owner = owner;
    if (generation !== 0) this.#install(generation, history, lost ? NOW : NOW - BEFORE_COOKIES);
  }

  #putLists(lists: readonly number[], generation: number): void {
    lists.forEach((list, sender) => {
      if (list !== LIST_MISSING) this.#handOver(sender, generation, list & ~LIST_HELD);
    });
  }

  /** Hands in a previous owner's list. Returns the status. */
  #handOver(sender: number, generation: number, flows: number): string {
    const records = this.#records;
    const header = new Uint8Array(records.size("Handover"));
    records.write(header, "Handover", 0, { generation, owner: sender, bucket: 0, part: 0, parts: 1 });
    const listed = this.#allTuples().filter((tuple) => (flows >> tuple) & 1);
    const [seed] = flowRequests(records, "SEED", { generation, owner: 0 }, listed.map((tuple) => this.#flow(tuple, "established")));
    const rows = seed ? seed.payload.subarray(records.size("FlowBatch")) : new Uint8Array();
    return this.#tell({ type: "HANDOVER", payload: concat([header, rows]) }).status;
  }

  /**
   * The lists that are held, by what they do: an image does not tell. Frames of flows that it does not know are put to it, and it is set
   * back. With an empty list of one previous owner, what is asked of the next one can be seen. Of an image that is not the
   * current owner's it is looked for lists that would still be held if it became that.
   */
  #lists({ owner, generation, history }: Pick<IpdState, "owner" | "generation" | "history">): number[] {
    const lists = Array.from({ length: BLADES_MAX }, () => LIST_MISSING);
    if (!this.#options.lists || generation === 0) return lists;
    const back = this.#instance.keep();
    const current = promoted(owner, history);
    const at = history[0] === owner ? generation : generation + 1;
    if (at !== generation) this.#install(at, current);
    this.#flows("REMOVE", { generation: at, owner: 0, untouchedMs: 0 }, this.#allTuples().map((tuple) => this.#flow(tuple, "closing")));
    for (const previous of current.slice(1)) {
      const asks = (tuple: number): boolean =>
        this.#frame(owner, { segment: Segment.ACK, tuple, tag: "DIRECT", generation: 0 }).redirect?.target === previous;
      // One that nobody lists is asked for where the list is missing.
      if (!asks(TUPLES)) lists[previous] = this.#allTuples().reduce((bits, tuple) => bits | (asks(tuple) ? 1 << tuple : 0), LIST_HELD);
      this.#handOver(previous, at, 0);
    }
    back();
    return lists;
  }

  #allTuples(): number[] {
    return Array.from({ length: TUPLES }, (_, tuple) => tuple);
  }

  #read(owner: number, generation: number, history: readonly number[]): IpdState {
    const rows = Array.from({ length: TUPLES }, () => ROW_NONE);
    const none = { complete: false, sealed: false, pinned: false, open: false, lost: false };
    const lists = this.#lists({ owner, generation, history });
    if (generation === 0) return { owner, generation, history, ...none, rows, lists };
    const flags = this.#bucketFlags();
    const flows = decodeFlows(this.#records, "FlowScan", this.#tell(listRequest(this.#records, 0, {})).payload);
    for (const { client, clientPort, state, untouchedMs } of flows) {
      if (client !== this.#client) continue;
      rows[clientPort - FIRST_CLIENT_PORT] = this.#rowState(state, untouchedMs) | (untouchedMs < LONG_AGO / 2 ? ROW_TOUCHED : 0);
    }
    const [complete, sealed, pinned, open] = FLAGS.map((flag) => flags.has(flag.toUpperCase()));
    const lost = this.#options.cookies && this.#hasLostCookies(owner, generation, history);
    return { owner, generation, history, complete: complete!, sealed: sealed!, pinned: pinned!, open: open!, lost, rows, lists };
  }

  #rowState(state: FlowStateName, untouchedMs: number): number {
    const { cookies, rowStates, udp: isUdp } = this.#options;
    if (isUdp) return untouchedMs < LONG_AGO / 2 ? ROW_OTHER : ROW_OVER;
    if (cookies && state === "half-open") return ROW_COOKIE;
    return rowStates && OPENING.has(state) ? ROW_OPENING : ROW_OTHER;
  }

  /** Only of a previous owner the image says it: one that is none is made one, and set back. */
  #hasLostCookies(owner: number, generation: number, history: readonly number[]): boolean {
    if (history.indexOf(owner) > 0) return this.#bucketFlags().has("COOKIES_LOST");
    const back = this.#instance.keep();
    this.#install(generation + 1, [(owner + 1) % BLADES_MAX, owner]);
    const lost = this.#bucketFlags().has("COOKIES_LOST");
    back();
    return lost;
  }

  /** Names of the flags that bucket 0 has. */
  #bucketFlags(): Set<string> {
    const records = this.#records;
    const { payload } = this.#tell(bucketsRequest(records, 0, 0));
    const flags = records.number(payload, "BucketRow", records.size("BucketScan"), "flags");
    return new Set(records.layout.names("BucketFlag").filter((name) => flags & records.code("BucketFlag", name)));
  }

  #install(generation: number, history: readonly number[], now = NOW): string {
    // In bucket 1 the blade is a previous owner: what is there may not be evicted.
    const owner = this.#owner;
    const buckets = [history, [(owner + 1) % BLADES_MAX, owner]];
    return this.#put("ASSIGNMENT", assignmentTable(this.#records, { generation, owners: OWNERS, buckets }), now);
  }

  #owner = 0;
  #identify(owner: number): void {
    this.#owner = owner;
    this.#put(
      "IDENTITY",
      identityTable(this.#records, {
        vmac: VMAC,
        vips: [VIP],
        hash: "low-bits",
        seed: new Uint8Array(16),
        redirect: true,
        ...(this.#options.cookies && { cookiesSinceMs: Infinity }),
        ports: ["fabric", "host"],
        localOwners: [{ mac: OWNERS[owner]!.mac, owner, port: 1 }],
      }),
    );
  }

  /** An address in each bucket. */
  #findClients(): [string, string] {
    this.#fresh[0]!();
    this.#owner = 0;
    this.#install(1, [0]);
    const found: (string | undefined)[] = [undefined, undefined];
    for (let n = 1; n < 9; n++) {
      const client = `10.1.0.${n}`;
      const [request] = flowRequests(this.#records, "LOCATE", { generation: 1, owner: 0 }, [{ ...this.#flow(0, "established"), client }]);
      const [row] = decodeFlows(this.#records, "FlowBatch", this.#tell(request!).payload);
      found[row!.bucket] ??= client;
    }
    return [found[0]!, found[1]!];
  }

  #flow(n: number, state: FlowStateName): Flow {
    return { client: this.#client, clientPort: FIRST_CLIENT_PORT + n, vip: VIP, vipPort: VIP_PORT, protocol: this.#options.udp ? UDP : TCP, state };
  }

  #flows(
    type: "SEED" | "REMOVE",
    batch: { generation: number; owner: number; untouchedMs?: number },
    flows: readonly Flow[],
    now = NOW,
  ): string {
    if (flows.length === 0) return "OK";
    const [request] = flowRequests(this.#records, type, batch, flows);
    return this.#tell(request!, now).status;
  }

  #put(table: string, bytes: Uint8Array, now = NOW): string {
    return putRequests(this.#records, table, bytes).map((request) => this.#tell(request, now).status).at(-1)!;
  }

  #tell(request: Request, now = NOW): Answer {
    const bytes = this.#firmware.manage(encodeRequest(this.#records, ++this.#sequence, request), now);
    const answer = bytes && decodeAnswer(this.#records, bytes);
    if (!answer) throw new Error(`no answer to ${request.type}`);
    return answer;
  }
}

/** `history` with `owner` as the current one. */
function promoted(owner: number, history: readonly number[]): number[] {
  return [owner, ...history.filter((other) => other !== owner)];
}

function tagMac(kind: number, sender: number, generation: number): string {
  const bytes = [0xd2, 0xb0 | kind, sender >> 8, sender & 0xff, generation >> 8, generation & 0xff];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
