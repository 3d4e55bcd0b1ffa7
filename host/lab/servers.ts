/**
 * The servers of the lab: an nginx a host, or a program that the user names. All have the same files, so that a client cannot
 * tell one from another but by the header that the lab's nginx adds.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../emulator/random.ts";
import type { Family } from "../model/address.ts";
import { hostNamespace, inBrackets, SERVICE_PORT, VIP, VIPS } from "./addresses.ts";
import { runStep } from "./namespaces.ts";
import type { Service, Services } from "./services.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Server } from "./site.ts";

/** Which blade has answered. */
export const BLADE_HEADER = "X-Dobbs-Blade";
/** Of a paced transfer, bytes a second. */
export const PACE = 20_000;
export const SMALL_FILE = "small";
const SMALL_BYTES = 2_000;
/** In one segment, whatever the MTU. */
export const TINY_FILE = "tiny";
const TINY_BYTES = 200;
const READY_MS = 10_000;

export interface ServingPlace {
  readonly folder: RunFolder;
  readonly services: Services;
}

/** By name: SHA-256 in hex. */
export type Hashes = Readonly<Record<string, string>>;

/** Name of the file that a paced transfer takes `seconds` for. */
export function pacedFile(seconds: number): string {
  return `paced-${seconds}`;
}

/** Writes the small files and those of the paced transfers that take `seconds`. */
export function writeFiles(folder: RunFolder, seconds: Iterable<number>, seed: number): Hashes {
  const hashes: Record<string, string> = {};
  const write = (name: string, length: number): void => {
    const bytes = new Random(`lab ${seed} ${name}`).fill(new Uint8Array(length));
    writeFileSync(folder.join("files", name), bytes);
    hashes[name] = createHash("sha256").update(bytes).digest("hex");
  };
  write(TINY_FILE, TINY_BYTES);
  write(SMALL_FILE, SMALL_BYTES);
  for (const second of new Set(seconds)) write(pacedFile(second), second * PACE);
  return hashes;
}

/** Where the files that clients have sent to a blade are. */
export function uploadsOf(folder: RunFolder, blade: string): string {
  return folder.join("blades", blade, "uploads");
}

/** Starts the HTTP server of a blade's host, at the VIPs of these families. `command`: a program for `sh -c` in place of nginx. */
export function httpServer({ folder, services }: ServingPlace, blade: string, command: string | null, families: readonly Family[] = [4]): Server {
  const own = folder.join("blades", blade);
  mkdirSync(join(own, "uploads"), { recursive: true });
  const options = { name: `server-${blade}`, namespace: hostNamespace(blade) };
  if (command === null) {
    const config = join(own, "nginx.conf");
    writeFileSync(config, nginxConfig({ own, files: folder.join("files"), blade, families }));
    const server = services.start({ ...options, command: ["nginx", "-e", "stderr", "-p", own, "-c", config] });
    return { ready: () => listens(server, blade, families.length) };
  }
  const environment = {
    DOBBS_BLADE: blade,
    DOBBS_ADDRESS: VIP,
    DOBBS_PORT: String(SERVICE_PORT),
    DOBBS_FILES: folder.join("files"),
    DOBBS_UPLOADS: join(own, "uploads"),
  };
  const server = services.start({ ...options, command: ["sh", "-c", `exec ${command}`], environment });
  return { ready: () => listens(server, blade, 1) };
}

/** Resolves when something listens at so many VIPs on the blade's host. */
async function listens(server: Service, blade: string, vips: number): Promise<void> {
  const listening = { namespace: hostNamespace(blade), command: ["ss", "-Hltn", `sport = :${SERVICE_PORT}`] } as const;
  await server.ready(() => runStep(listening).trim().split("\n").filter(Boolean).length >= vips, READY_MS);
}

/** Whether the server takes a file: asked on its host, not over the fabric. */
export function takesUploads(folder: RunFolder, blade: string): boolean {
  const url = `http://${VIP}:${SERVICE_PORT}/uploads/probe`;
  const command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-T", folder.join("files", SMALL_FILE), url] as const;
  return runStep({ namespace: hostNamespace(blade), command }).startsWith("2");
}

interface NginxPlan {
  readonly own: string;
  readonly files: string;
  readonly blade: string;
  readonly families: readonly Family[];
}

/** `limit_rate` is what makes a download long. Connections are kept far longer than a lab lasts. */
function nginxConfig({ own, files, blade, families }: NginxPlan): string {
  const listen = families.map((family) => `listen ${inBrackets(VIPS[family])}:${SERVICE_PORT};`).join(" ");
  return `daemon off;
user root;
worker_processes 1;
pid ${own}/nginx.pid;
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path ${own}/bodies;
  client_body_timeout 300s;
  client_max_body_size 0;
  send_timeout 300s;
  keepalive_timeout 3600s;
  keepalive_time 1d;
  keepalive_requests 1000000;
  proxy_temp_path ${own}/proxy;
  fastcgi_temp_path ${own}/fastcgi;
  scgi_temp_path ${own}/scgi;
  uwsgi_temp_path ${own}/uwsgi;
  default_type application/octet-stream;
  server {
    ${listen}
    add_header ${BLADE_HEADER} ${blade} always;
    location /files/ { alias ${files}/; }
    location /paced/ { alias ${files}/; limit_rate ${PACE}; }
    location /uploads/ { alias ${own}/uploads/; dav_methods PUT; }
  }
}
`;
}
