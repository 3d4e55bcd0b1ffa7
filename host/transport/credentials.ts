/** What a program authenticates itself with on TLS links: its key and certificate, and the CA that it believes. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { DobbsError } from "../errors.ts";

/** PEM, all three. */
export interface Credentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Paths, as the options `--tls-ca`, `--tls-cert` and `--tls-key` give them. */
export interface CredentialPaths {
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

const MAKE = "Make them with: dobbs keys init <dir>, dobbs keys issue <dir> <role> <name>.";
/** Permission bits of all but the owner. */
const OTHERS = 0o077;

/**
 * Null when none of the three is given. Throws E_TLS_MISSING (some are), E_TLS_READ, E_TLS_KEY_MODE (others can read
 * the key), E_TLS_CA, E_TLS_CERTIFICATE, E_TLS_KEY (unreadable, or of another certificate), E_TLS_EXPIRED.
 */
export function loadCredentials({ tlsCa, tlsCert, tlsKey }: CredentialPaths): Credentials | null {
  if (tlsCa === undefined && tlsCert === undefined && tlsKey === undefined) return null;
  if (tlsCa === undefined) throw missing("--tls-ca");
  if (tlsCert === undefined) throw missing("--tls-cert");
  if (tlsKey === undefined) throw missing("--tls-key");
  refuseReadableKey(tlsKey);
  const credentials = { ca: readText(tlsCa), certificate: readText(tlsCert), key: readText(tlsKey) };
  const ca = certificateOf(credentials.ca, tlsCa, "E_TLS_CA");
  const own = certificateOf(credentials.certificate, tlsCert, "E_TLS_CERTIFICATE");
  if (!own.checkPrivateKey(keyOf(credentials.key, tlsKey))) {
    throw new DobbsError("E_TLS_KEY", `${tlsKey} is not the key of ${tlsCert}`, "Give the certificate and the key of the same node.");
  }
  if (!own.verify(ca.publicKey)) {
    throw new DobbsError("E_TLS_CA", `${tlsCert} was not issued by ${tlsCa}`, "Give the CA of the appliance that the certificate was issued for.");
  }
  refuseExpired(own, tlsCert);
  refuseExpired(ca, tlsCa);
  return credentials;
}

/** The credentials; throws E_TLS_MISSING where a link needs some and none were given. */
export function requireCredentials(credentials: Credentials | null, word: string): Credentials {
  if (credentials) return credentials;
  throw new DobbsError("E_TLS_MISSING", `${word} is a TLS link, and there is no certificate to show`, `Give --tls-ca, --tls-cert and --tls-key. ${MAKE}`);
}

function missing(option: string): DobbsError {
  return new DobbsError("E_TLS_MISSING", `${option} is missing`, `Give --tls-ca, --tls-cert and --tls-key together. ${MAKE}`);
}

function refuseReadableKey(path: string): void {
  const mode = reading(path, () => statSync(path).mode) & 0o777;
  if ((mode & OTHERS) === 0) return;
  const message = `others than its owner may read the key ${path} (mode ${mode.toString(8).padStart(4, "0")})`;
  throw new DobbsError("E_TLS_KEY_MODE", message, `Run: chmod 600 ${path}`);
}

function readText(path: string): string {
  return reading(path, () => readFileSync(path, "utf8"));
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new DobbsError("E_TLS_READ", `cannot read ${path}: ${(error as Error).message}`, MAKE);
  }
}

function certificateOf(pem: string, path: string, code: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new DobbsError(code, `${path} is no certificate: ${(error as Error).message}`, MAKE);
  }
}

function keyOf(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new DobbsError("E_TLS_KEY", `${path} is no private key: ${(error as Error).message}`, MAKE);
  }
}

function refuseExpired({ validFrom, validTo }: X509Certificate, path: string): void {
  const now = Date.now();
  if (now > Date.parse(validTo)) {
    throw new DobbsError("E_TLS_EXPIRED", `${path} has expired at ${validTo}`, "Issue a new one: dobbs keys issue.");
  }
  if (now < Date.parse(validFrom)) {
    throw new DobbsError("E_TLS_EXPIRED", `${path} is valid from ${validFrom} only`, "Set this machine's clock, or issue a new one: dobbs keys issue.");
  }
}
