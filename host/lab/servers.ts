/**
 * The servers of the lab: an nginx a host, or a program that the user names. All have the same files, so that a client cannot
 * tell one from another but by the header that the lab's nginx adds.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../emulator/random.ts";
import { hostNamespace, SERVICE_PORT, VIP } from "./addresses.ts";
import { runStep } from "./namespaces.ts";
import type { Service, Services } from "./services.ts";
import type { RunFolder } from "./run-folder.ts";

/** Which blade has answered. */
export const BLADE_HEADER = "X-Dobbs-Blade";
/** Of a paced transfer, bytes a second. */
export const PACE = 20_000;
export const SMALL_FILE = "small";
const SMALL_BYTES = 2_000;
const READY_MS = 10_000;

/** By name: SHA-256 in hex. */
export type Hashes = Readonly<Record<string, string>>;

/** Name of the file that a paced transfer takes `seconds` for. */
export function pacedFile(seconds: number): string {
  return `paced-${seconds}`;
}

/** Writes the small file and those of the paced transfers that take `seconds`. */
export function writeFiles(folder: RunFolder, seconds: Iterable<number>, seed: number): Hashes {
  const hashes: Record<string, string> = {};
  const write = (name: string, length: number): void => {
    const bytes = new Random(`lab ${seed} ${name}`).fill(new Uint8Array(length));
    writeFileSync(folder.join("files", name), bytes);
    hashes[name] = createHash("sha256").update(bytes).digest("hex");
  };
  write(SMALL_FILE, SMALL_BYTES);
  for (const second of new Set(seconds)) write(pacedFile(second), second * PACE);
  return hashes;
}

/** Where the files that clients have sent to a blade are. */
export function uploadsOf(folder: RunFolder, blade: string): string {
  return folder.join("blades", blade, "uploads");
}

/** Starts the server of a blade's host. `command`: a program for `sh -c` in place of nginx. */
export function startServer(folder: RunFolder, services: Services, blade: string, command: string | null): Service {
  const own = folder.join("blades", blade);
  mkdirSync(join(own, "uploads"), { recursive: true });
  const options = { name: `server-${blade}`, namespace: hostNamespace(blade) };
  if (command === null) {
    const config = join(own, "nginx.conf");
    writeFileSync(config, nginxConfig(own, folder.join("files"), blade));
    return services.start({ ...options, command: ["nginx", "-e", "stderr", "-p", own, "-c", config] });
  }
  const environment = {
    DOBBS_BLADE: blade,
    DOBBS_ADDRESS: VIP,
    DOBBS_PORT: String(SERVICE_PORT),
    DOBBS_FILES: folder.join("files"),
    DOBBS_UPLOADS: join(own, "uploads"),
  };
  return services.start({ ...options, command: ["sh", "-c", `exec ${command}`], environment });
}

/** Resolves when something listens at the VIP on the blade's host. */
export async function serverReady(server: Service, blade: string): Promise<void> {
  const listening = { namespace: hostNamespace(blade), command: ["ss", "-Hltn", `sport = :${SERVICE_PORT}`] } as const;
  await server.ready(() => runStep(listening).trim() !== "", READY_MS);
}

/** Whether the server takes a file: asked on its host, not over the fabric. */
export function takesUploads(folder: RunFolder, blade: string): boolean {
  const url = `http://${VIP}:${SERVICE_PORT}/uploads/probe`;
  const command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-T", folder.join("files", SMALL_FILE), url] as const;
  return runStep({ namespace: hostNamespace(blade), command }).startsWith("2");
}

/** `limit_rate` is what makes a download long. Connections are kept far longer than a lab lasts. */
function nginxConfig(own: string, files: string, blade: string): string {
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
    listen ${VIP}:${SERVICE_PORT};
    add_header ${BLADE_HEADER} ${blade} always;
    location /files/ { alias ${files}/; }
    location /paced/ { alias ${files}/; limit_rate ${PACE}; }
    location /uploads/ { alias ${own}/uploads/; dav_methods PUT; }
  }
}
`;
}
