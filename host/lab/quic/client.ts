/** A client: one connection, on which it makes short requests and, at the same time, long transfers in both directions. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Arrival } from "./arrival.ts";
import { QuicConnection } from "./connection.ts";
import { bodyOf, type Head, line, LINES_BYTES_MAX, writeAtPace } from "./exchange.ts";
import type { FromQuicClients, QuicSession } from "./messages.ts";
import { Endpoint, isSamePlace, parsePlace, type Place } from "./place.ts";
import { type Config, quiche } from "./quiche.ts";

export interface Trust {
  readonly config: Config;
  /** In servers' certificates. */
  readonly serverName: string;
}

const REQUEST_BYTES = 1_000;
const REQUEST_EVERY_MS = 150;
/** At the pace of both ends: about two seconds. */
const TRANSFER_BYTES = 40_000;
/** Streams of a client, in both directions, are numbered 0, 4, 8... */
const STREAM_STEP = 4;
const CLIENT_ID_BYTES = 8;

export class QuicClient {
  readonly #session: QuicSession;
  readonly #trust: Trust;
  readonly #tell: (message: FromQuicClients) => void;
  readonly #arrivals = new Map<number, Arrival>();
  readonly #server: Place;
  #endpoint!: Endpoint;
  /** Of the address that it has given up. */
  #before: Endpoint | null = null;
  #connection!: QuicConnection;
  #nextStream = 0;
  #wantsOther = false;
  #hasChanged = false;
  #isOver = false;
  #requests = 0;
  #downloadedBytes = 0;

  constructor(session: QuicSession, trust: Trust, tell: (message: FromQuicClients) => void) {
    this.#session = session;
    this.#trust = trust;
    this.#tell = tell;
    this.#server = parsePlace(session.server);
  }

  /** Takes its other address with the next request. */
  changeAddress(): void {
    this.#wantsOther = this.#session.next !== null;
  }

  finish(): void {
    this.#isOver = true;
  }

  /** Resolves when all is over, and told. */
  async run(): Promise<void> {
    let problem: string | null = null;
    try {
      await this.#converse();
    } catch (error) {
      problem = (error as Error).message;
      this.#connection?.close(problem);
    }
    this.#isOver = true;
    const { id } = this.#session;
    this.#tell({ kind: "ended", id, at: Date.now(), requests: this.#requests, downloadedBytes: this.#downloadedBytes, problem });
  }

  async #converse(): Promise<void> {
    this.#endpoint = await this.#open(this.#session.client);
    const ended = new Promise<string | null>((resolve) => (this.#connection = this.#connect(resolve)));
    this.#connection.advance();
    const { name: blade } = await this.#request();
    this.#tell({ kind: "connected", id: this.#session.id, at: Date.now(), blade });
    await Promise.all([this.#makeRequests(blade), this.#transfer(blade)]);
    this.#connection.close();
    const problem = await ended;
    if (problem !== null) throw new Error(problem);
  }

  #open(host: string): Promise<Endpoint> {
    return Endpoint.open({ host, port: 0 }, (datagram, from, to) => this.#connection.receive(datagram, from, to));
  }

  #connect(onEnd: (problem: string | null) => void): QuicConnection {
    const { config, serverName } = this.#trust;
    const connection = quiche.Connection.connect(serverName, randomBytes(CLIENT_ID_BYTES), this.#endpoint.place, this.#server, config);
    return new QuicConnection(connection, {
      // From an address that it has given up nothing goes out.
      send: (datagram, from, to) => isSamePlace(from, this.#endpoint.place) && this.#endpoint.send(datagram, to),
      take: (stream, bytes, isLast) => this.#arrivals.get(stream)?.take(bytes, isLast),
      makeId: () => randomBytes(CLIENT_ID_BYTES),
      // A socket has one connection: ids lead nowhere else.
      retireId: () => undefined,
      end: (problem) => {
        this.#before?.close();
        this.#endpoint.close();
        for (const arrival of this.#arrivals.values()) arrival.fail(new Error(problem ?? "the server has closed the connection"));
        onEnd(problem);
      },
    });
  }

  /** Short requests until all is over, and the change of address on the way. */
  async #makeRequests(blade: string): Promise<void> {
    for (let isLast = false; !isLast; ) {
      isLast = this.#isOver;
      if (this.#wantsOther && this.#connection.canChangeAddress) await this.#takeOther();
      const { name, peer } = await this.#request();
      checkServer(blade, name);
      if (this.#hasChanged && peer === this.#endpoint.place.host) {
        this.#tell({ kind: "changed-address", id: this.#session.id });
        this.#hasChanged = false;
      }
      if (!isLast) await sleep(REQUEST_EVERY_MS);
    }
  }

  async #request(): Promise<Head> {
    const head = await this.#exchange(REQUEST_BYTES);
    this.#requests++;
    return head;
  }

  /**
   * Nothing goes out from the one that it had. What is on its way there is still taken: quiche never sends that again, and the stream that
   * it was of would end there (https://github.com/cloudflare/quiche/issues/2452).
   */
  async #takeOther(): Promise<void> {
    const other = await this.#open(this.#session.next!);
    this.#before = this.#endpoint;
    this.#endpoint = other;
    this.#wantsOther = false;
    this.#hasChanged = true;
    this.#connection.changeAddress(this.#endpoint.place, this.#server);
  }

  /** One after another until all is over. */
  async #transfer(blade: string): Promise<void> {
    while (!this.#isOver) {
      checkServer(blade, (await this.#exchange(TRANSFER_BYTES)).name);
      this.#downloadedBytes += TRANSFER_BYTES;
    }
  }

  async #exchange(bytes: number): Promise<Head> {
    const stream = this.#nextStream;
    this.#nextStream += STREAM_STEP;
    const body = bodyOf(bytes);
    const arrival = new Arrival(bytes + LINES_BYTES_MAX);
    this.#arrivals.set(stream, arrival);
    this.#connection.write(stream, line({ bytes }), false);
    const written = writeAtPace(body, (chunk, isLast) => this.#connection.write(stream, chunk, isLast));
    const head = await arrival.check(body);
    await written;
    this.#arrivals.delete(stream);
    return head;
  }
}

function checkServer(expected: string, name: string): void {
  if (name !== expected) throw new Error(`${name} answers in place of ${expected}`);
}
