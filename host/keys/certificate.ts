/** X.509 certificates of an appliance: ECDSA on P-256. */
// The decorators of @peculiar/x509's classes want it first.
import "reflect-metadata";
import { type KeyObject, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import { DobbsError } from "../errors.ts";
import type { Role } from "../transport/peer.ts";

/** Both PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

export interface LeafOptions {
  readonly role: Role;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly days: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const SERIAL_BYTES = 16;
const DAY_MS = 86_400_000;
/** Machines' clocks differ. */
const EARLIER_MS = 300_000;
const DNS_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

const crypto = webcrypto;
x509.cryptoProvider.set(crypto);

export async function makeAuthority(days: number): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const serialNumber = serial();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber,
      // Each CA has a name of its own: a chain to another appliance's is told apart by name already.
      name: [{ CN: [`Dobbs appliance CA ${serialNumber.slice(0, 8)}`] }],
      ...validity(days),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
}

/** Throws E_KEYS_ADDRESS. */
export async function makeLeaf(authority: { certificate: string; key: KeyObject }, { role, name, addresses, days }: LeafOptions): Promise<Issued> {
  const names = [...new Set([...(DNS_NAME.test(name) ? [name] : []), ...addresses])].map(generalName);
  const ca = new x509.X509Certificate(authority.certificate);
  const signingKey = await importKey(authority.key);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serial(),
      issuer: ca.subject,
      subject: [{ OU: [role] }, { CN: [name] }],
      ...validity(days, ca.notAfter),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // Every program of an appliance listens on some links and opens others.
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(ca, false, crypto),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      ],
    },
    crypto,
  );
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) };
}

/** Not longer than its issuer's. */
function validity(days: number, most?: Date): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  const wanted = now + days * DAY_MS;
  return { notBefore: new Date(now - EARLIER_MS), notAfter: new Date(most ? Math.min(wanted, most.getTime()) : wanted) };
}

function generalName(address: string): x509.GeneralName {
  if (isIP(address)) return new x509.GeneralName("ip", address);
  if (DNS_NAME.test(address)) return new x509.GeneralName("dns", address);
  const mend = "Write a host's name, an IPv4 or an IPv6 address, without a port.";
  throw new DobbsError("E_KEYS_ADDRESS", `"${address}" is no name and no address of a host`, mend);
}

/** Random, positive, and the same length always. */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function importKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return crypto.subtle.importKey("pkcs8", key.export({ type: "pkcs8", format: "der" }), ALGORITHM, false, ["sign"]);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`;
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}
