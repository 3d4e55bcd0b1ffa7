/**
 * How a QUIC connection id says which server has the connection: the section `connectionIds:` of an appliance file, from the
 * file's form to ours, and what can be wrong beyond the schema.
 */
import { fieldName, type Path, type Problem } from "../files/problem.ts";
import { type ConnectionIdConfig, NONCE_BYTES_MIN, PLAINTEXT_BYTES_MAX } from "../quic/connection-id.ts";
import { PROTOCOLS, protocolOf, type ServiceEntry } from "./service.ts";

/** One configuration of QUIC-LB (draft-ietf-quic-load-balancers-21). */
export interface ConnectionIds {
  /** 0 to 6. */
  readonly config: number;
  readonly serverIdBytes: number;
  readonly nonceBytes: number;
  /** 32 hex digits. Absent: anyone can see which server has a connection. */
  readonly key?: string;
  /** Server ids in hex, by owner's name: each owner has one, and no two the same. */
  readonly servers: Readonly<Record<string, string>>;
}

/** An entry that has passed the schema. */
export type ConnectionIdsEntry = Omit<ConnectionIds, "servers"> & Partial<Pick<ConnectionIds, "servers">>;

type Problems = Generator<Problem, void>;

/** As whoever makes or reads connection ids wants it. */
export function connectionIdConfig({ config, serverIdBytes, nonceBytes, key }: ConnectionIds): ConnectionIdConfig {
  const bytes = key === undefined ? {} : { key: new Uint8Array(Buffer.from(key, "hex")) };
  return { id: config, serverIdBytes, nonceBytes, ...bytes };
}

/** `owners`: names of all owners, in file order. Each gets a server id: `checkConnectionIds` has seen to it that it fits. */
export function connectionIdsInForm(entry: ConnectionIdsEntry, owners: readonly string[]): ConnectionIds {
  const { config, serverIdBytes, nonceBytes, key } = entry;
  const servers = owners.map((owner, place) => [owner, serverIdOf(entry, owner, place)!] as const);
  return {
    config,
    serverIdBytes,
    nonceBytes,
    ...(key !== undefined && { key: key.toLowerCase() }),
    servers: Object.fromEntries(servers),
  };
}

/** The server id that the file gives an owner, or else the owner's place in the file, counted from 1. Undefined: that does
 *  not fit. */
function serverIdOf({ servers, serverIdBytes }: ConnectionIdsEntry, owner: string, place: number): string | undefined {
  const given = servers?.[owner];
  if (given !== undefined) return given.toLowerCase();
  const id = (place + 1).toString(16).padStart(2 * serverIdBytes, "0");
  return id.length > 2 * serverIdBytes ? undefined : id;
}

export function* checkConnectionIds(
  services: readonly ServiceEntry[],
  entries: readonly ConnectionIdsEntry[],
  owners: readonly string[],
): Problems {
  yield* checkServices(services, entries);
  const places = new Map<number, Path>();
  for (const [i, entry] of entries.entries()) {
    const path = ["connectionIds", i];
    const first = places.get(entry.config);
    if (first) {
      const message = `${fieldName(first)} has the number ${entry.config} already`;
      yield problem([...path, "config"], message, "Give each configuration a number of its own.");
    }
    places.set(entry.config, [...path, "config"]);
    yield* checkLayout(entry, path);
    yield* checkServers(entry, owners, path);
  }
}

/** Only UDP carries QUIC, and someone must say how its connection ids are made. */
function* checkServices(services: readonly ServiceEntry[], entries: readonly ConnectionIdsEntry[]): Problems {
  for (const [i, service] of services.entries()) {
    if (service.class !== "cid") continue;
    const place = { code: "E_APPLIANCE_SERVICE", path: ["services", i, "class"] };
    if (protocolOf(service) !== PROTOCOLS.udp) {
      yield { ...place, message: "only UDP carries QUIC", mend: "Write `protocol: udp`, or use the class flow." };
    }
    if (entries.length === 0) {
      const mend = "Add the section `connectionIds`, which says how the servers make their connection ids.";
      yield { ...place, message: "nothing says how connection ids name a server", mend };
    }
  }
}

function* checkLayout({ serverIdBytes, nonceBytes }: ConnectionIdsEntry, path: Path): Problems {
  const bytes = serverIdBytes + nonceBytes;
  if (bytes <= PLAINTEXT_BYTES_MAX) return;
  const message = `server id and nonce have ${bytes} bytes together, and ${PLAINTEXT_BYTES_MAX} at most fit into a connection id`;
  yield problem([...path, "nonceBytes"], message, `Make one of them shorter: a nonce has ${NONCE_BYTES_MIN} bytes or more.`);
}

function* checkServers(entry: ConnectionIdsEntry, owners: readonly string[], path: Path): Problems {
  const { serverIdBytes, servers = {} } = entry;
  for (const name of Object.keys(servers)) {
    if (owners.includes(name)) continue;
    const mend = `Name one of ${owners.join(", ")}.`;
    yield { code: "E_APPLIANCE_REFERENCE", path: [...path, "servers", name], message: `there is no owner "${name}"`, mend };
  }
  const taken = new Map<string, string>();
  for (const [place, owner] of owners.entries()) {
    const id = serverIdOf(entry, owner, place);
    const where = servers[owner] === undefined ? path : [...path, "servers", owner];
    if (id === undefined) {
      const message = `${owner} is number ${place + 1}, which does not fit into a server id of ${serverIdBytes} bytes`;
      yield problem([...path, "serverIdBytes"], message, "Make server ids longer.");
      continue;
    }
    if (id.length !== 2 * serverIdBytes) {
      const message = `"${id}" has not ${serverIdBytes} bytes, as serverIdBytes says`;
      yield problem(where, message, `Write ${2 * serverIdBytes} hex digits, in quotes.`);
    }
    const other = taken.get(id);
    if (other !== undefined) {
      const message = `${other} and ${owner} have the server id ${id}`;
      yield problem(where, message, "Give each owner one of its own; one that is given none has its place in the file, from 1.");
    }
    taken.set(id, owner);
  }
}

function problem(path: Path, message: string, mend: string): Problem {
  return { code: "E_APPLIANCE_SERVER_ID", path, message, mend };
}
