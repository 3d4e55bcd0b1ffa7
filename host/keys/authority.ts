/**
 * The appliance's own CA, as files in one folder: `ca.pem`, `ca.key`, and `<role>-<name>.pem|.key` for each node. Nothing
 * here is ever overwritten.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DobbsError } from "../errors.ts";
import { type Role, ROLES } from "../transport/peer.ts";
import { NODE_NAME } from "../transport/word.ts";
import { makeAuthority, makeLeaf, type Issued } from "./certificate.ts";

export interface KeyFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Names and addresses at which the node is reached, beside its own name. */
  readonly addresses: readonly string[];
  readonly days: number;
}

/** A certificate in the folder. `role` null: the CA's. */
export interface KeyEntry extends KeyFiles {
  readonly role: Role | null;
  readonly name: string;
  readonly addresses: readonly string[];
  /** RFC 3339. */
  readonly validTo: string;
  readonly expired: boolean;
  /** Whether the key is there, and for its owner alone. */
  readonly keyState: "ok" | "missing" | "readable";
}

const CA_DAYS = 3_650;
const CA = "ca";
const OWNER_ONLY = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;

/** Makes the folder, when there is none, and a CA in it. Throws E_KEYS_EXISTS or E_KEYS_WRITE. */
export async function initAuthority(folder: string): Promise<KeyFiles> {
  const files = filesOf(folder, CA);
  refuseExisting(files);
  writing(folder, () => mkdirSync(folder, { recursive: true, mode: FOLDER_MODE }));
  return write(files, await makeAuthority(CA_DAYS));
}

/** Throws E_KEYS_NAME, E_KEYS_ADDRESS, E_KEYS_NONE (no CA there), E_KEYS_CA (an unusable one), E_KEYS_EXISTS or E_KEYS_WRITE. */
export async function issueKeys(folder: string, role: Role, name: string, { addresses, days }: IssueOptions): Promise<KeyFiles> {
  if (!NODE_NAME.test(name)) {
    const mend = "Use up to 63 letters, digits, dots and hyphens, with a letter or digit first.";
    throw new DobbsError("E_KEYS_NAME", `"${name}" is no name of a node`, mend);
  }
  const authority = readAuthority(folder);
  const files = filesOf(folder, `${role}-${name}`);
  refuseExisting(files);
  return write(files, await makeLeaf(authority, { role, name, addresses, days }));
}

/** All certificates in the folder, the CA's first. Throws E_KEYS_NONE or E_KEYS_CA. */
export function listKeys(folder: string): KeyEntry[] {
  readAuthority(folder);
  const known = readdirSync(folder).flatMap((file) => {
    const [, role, name] = new RegExp(`^(${ROLES.join("|")})-(.+)\\.pem$`).exec(file) ?? [];
    return role === undefined ? [] : [{ role: role as Role, name: name! }];
  });
  const nodes = known.sort((a, b) => (a.role + a.name < b.role + b.name ? -1 : 1));
  return [entryOf(null, "", filesOf(folder, CA)), ...nodes.map(({ role, name }) => entryOf(role, name, filesOf(folder, `${role}-${name}`)))];
}

function filesOf(folder: string, base: string): KeyFiles {
  return { certificate: join(folder, `${base}.pem`), key: join(folder, `${base}.key`) };
}

function refuseExisting({ certificate, key }: KeyFiles): void {
  const there = [key, certificate].find((path) => existsSync(path));
  if (there === undefined) return;
  const mend = "Use another folder or name, or move that file away; what it was issued for then needs new ones.";
  throw new DobbsError("E_KEYS_EXISTS", `${there} exists, and is left as it is`, mend);
}

function write(files: KeyFiles, { certificate, key }: Issued): KeyFiles {
  // Born with its mode, so that at no time another one can read it; a strange umask could only take more away.
  writing(files.key, () => writeFileSync(files.key, key, { flag: "wx", mode: OWNER_ONLY }));
  try {
    chmodSync(files.key, OWNER_ONLY);
    writing(files.certificate, () => writeFileSync(files.certificate, certificate, { flag: "wx" }));
  } catch (error) {
    rmSync(files.key, { force: true });
    throw error;
  }
  return files;
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new DobbsError("E_KEYS_EXISTS", `${path} exists, and is left as it is`, "Use another folder or name.");
    throw new DobbsError("E_KEYS_WRITE", `cannot write ${path}: ${message}`, "Check that the folder is yours.");
  }
}

/** The CA's certificate and key. */
function readAuthority(folder: string): { readonly certificate: string; readonly key: KeyObject } {
  const files = filesOf(folder, CA);
  if (!existsSync(files.certificate) || !existsSync(files.key)) {
    throw new DobbsError("E_KEYS_NONE", `${folder} has no CA: ca.pem and ca.key are not both there`, `Make one: dobbs keys init ${folder}`);
  }
  try {
    const certificate = readFileSync(files.certificate, "utf8");
    const key = createPrivateKey(readFileSync(files.key));
    if (!new X509Certificate(certificate).checkPrivateKey(key)) throw new Error("ca.key is not the key of ca.pem");
    return { certificate, key };
  } catch (error) {
    throw new DobbsError("E_KEYS_CA", `the CA in ${folder} cannot be used: ${(error as Error).message}`, `Restore its files, or make another one in another folder: dobbs keys init`);
  }
}

function entryOf(role: Role | null, name: string, files: KeyFiles): KeyEntry {
  let found: X509Certificate;
  try {
    found = new X509Certificate(readFileSync(files.certificate));
  } catch (error) {
    throw new DobbsError("E_KEYS_CA", `${files.certificate} cannot be read: ${(error as Error).message}`, "Move that file away.");
  }
  const validTo = new Date(found.validTo);
  return {
    ...files,
    role,
    name,
    addresses: addressesOf(found),
    validTo: validTo.toISOString(),
    expired: validTo.getTime() < Date.now(),
    keyState: !existsSync(files.key) ? "missing" : (statSync(files.key).mode & OTHERS) === 0 ? "ok" : "readable",
  };
}

/** `DNS:west, IP Address:192.0.2.1` -> `["west", "192.0.2.1"]` */
function addressesOf({ subjectAltName }: X509Certificate): string[] {
  return (subjectAltName ?? "").split(", ").filter(Boolean).map((entry) => entry.slice(entry.indexOf(":") + 1));
}
