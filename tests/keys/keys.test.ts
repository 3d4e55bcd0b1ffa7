import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { initAuthority, issueKeys, listKeys } from "../../host/keys/authority.ts";
import { loadCredentials } from "../../host/transport/credentials.ts";
import { temporaryFolder } from "../transport/support.ts";

const noOpenssl = spawnSync("openssl", ["version"]).error ? "there is no openssl" : false;
const OPTIONS = { addresses: ["10.0.0.7", "west.example", "2001:db8::7"], days: 30 };
const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** A folder with a CA. */
async function authority(folder: string) {
  await initAuthority(folder);
  return folder;
}

describe("keys", () => {
  const root = temporaryFolder();
  let made = 0;
  const fresh = (): string => join(root, `keys-${made++}`);

  test("are for their owner alone, whatever the umask", async () => {
    const folder = fresh();
    for (const umask of [0, 0o077, 0o777]) {
      const before = process.umask(umask);
      try {
        const name = `node-${umask}`;
        if (umask === 0) await initAuthority(folder);
        const { key } = await issueKeys(folder, "blade", name, OPTIONS);
        assert.equal(modeOf(key), 0o600);
      } finally {
        process.umask(before);
      }
    }
    assert.equal(modeOf(join(folder, "ca.key")), 0o600);
    assert.equal(modeOf(folder), 0o700);
  });

  test("are accepted by openssl, for both ends of a link", { skip: noOpenssl }, async () => {
    const folder = await authority(fresh());
    const { certificate } = await issueKeys(folder, "shim", "ardsley", OPTIONS);
    for (const purpose of ["sslserver", "sslclient"]) {
      const args = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", join(folder, "ca.pem"), certificate];
      const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
      assert.equal(status, 0, stdout + stderr);
    }
    const other = await authority(fresh());
    const { status } = spawnSync("openssl", ["verify", "-CAfile", join(other, "ca.pem"), certificate]);
    assert.notEqual(status, 0, "another appliance's CA does not stand for it");
  });

  test("say which role and node they are for, and where it is reached", async () => {
    const folder = await authority(fresh());
    const { certificate, key } = await issueKeys(folder, "shim", "Ardsley-1", OPTIONS);
    const made = new X509Certificate(readFileSync(certificate));
    assert.equal(made.subject, "OU=shim\nCN=Ardsley-1");
    assert.equal(made.ca, false);
    assert.ok(made.checkPrivateKey(createPrivateKey(readFileSync(key))));
    for (const address of ["10.0.0.7", "2001:db8::7"]) assert.ok(made.checkIP(address), address);
    for (const host of ["west.example", "Ardsley-1"]) assert.ok(made.checkHost(host), host);
    const days = (Date.parse(made.validTo) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days <= 30, `${days}`);
    assert.equal(createPrivateKey(readFileSync(key)).asymmetricKeyDetails?.namedCurve, "prime256v1");
    const paths = { tlsCa: join(folder, "ca.pem"), tlsCert: certificate, tlsKey: key };
    assert.ok(loadCredentials(paths));
  });

  test("are not valid for longer than their CA", async () => {
    const folder = await authority(fresh());
    const { certificate } = await issueKeys(folder, "blade", "a", { addresses: [], days: 3_650 });
    const validTo = (path: string): number => Date.parse(new X509Certificate(readFileSync(path)).validTo);
    assert.ok(validTo(certificate) <= validTo(join(folder, "ca.pem")));
  });

  test("never take the place of others", async () => {
    const folder = await authority(fresh());
    const { key, certificate } = await issueKeys(folder, "blade", "a", OPTIONS);
    const [keyBefore, certificateBefore, caBefore] = [key, certificate, join(folder, "ca.key")].map((path) => readFileSync(path, "utf8"));
    await assert.rejects(initAuthority(folder), { code: "E_KEYS_EXISTS" });
    await assert.rejects(issueKeys(folder, "blade", "a", OPTIONS), { code: "E_KEYS_EXISTS" });
    rmSync(certificate);
    await assert.rejects(issueKeys(folder, "blade", "a", OPTIONS), { code: "E_KEYS_EXISTS" });
    assert.equal(readFileSync(key, "utf8"), keyBefore);
    assert.equal(readFileSync(join(folder, "ca.key"), "utf8"), caBefore);
    writeFileSync(certificate, certificateBefore!);
    rmSync(key);
    await assert.rejects(issueKeys(folder, "blade", "a", OPTIONS), { code: "E_KEYS_EXISTS" });
    assert.equal(existsSync(key), false);
    (await issueKeys(folder, "shim", "a", OPTIONS)).key;
  });

  test("of names and addresses that there cannot be are refused", async () => {
    const folder = await authority(fresh());
    for (const name of ["", "../x", "a b", "-a", "a/b", "x".repeat(64), "a\n"]) {
      await assert.rejects(issueKeys(folder, "blade", name, OPTIONS), { code: "E_KEYS_NAME" }, name);
    }
    for (const address of ["a b", "10.0.0.1:80", "-x", "*.example", "a..b"]) {
      await assert.rejects(issueKeys(folder, "blade", "a", { addresses: [address], days: 1 }), { code: "E_KEYS_ADDRESS" }, address);
    }
    assert.equal(listKeys(folder).length, 1, "nothing was written");
  });

  test("need a CA that is whole", async () => {
    const none = fresh();
    await assert.rejects(issueKeys(none, "blade", "a", OPTIONS), { code: "E_KEYS_NONE" });
    const mixed = await authority(fresh());
    writeFileSync(join(mixed, "ca.pem"), readFileSync(join(await authority(fresh()), "ca.pem")));
    await assert.rejects(issueKeys(mixed, "blade", "a", OPTIONS), { code: "E_KEYS_CA" });
    assert.throws(() => listKeys(none), { code: "E_KEYS_NONE" });
  });

  test("are listed with what is wrong with them", async () => {
    const folder = await authority(fresh());
    await issueKeys(folder, "shim", "b", { addresses: ["10.0.0.7"], days: 1 });
    const open = await issueKeys(folder, "manager", "am", { addresses: [], days: 1 });
    const moved = await issueKeys(folder, "blade", "blade-2", { addresses: [], days: 1 });
    chmodSync(open.key, 0o644);
    rmSync(moved.key);
    writeFileSync(join(folder, "notes.pem"), "not one of ours");
    const listed = listKeys(folder).map(({ role, name, keyState, expired, addresses }) => ({ role, name, keyState, expired, addresses }));
    assert.deepEqual(listed, [
      { role: null, name: "", keyState: "ok", expired: false, addresses: [] },
      { role: "blade", name: "blade-2", keyState: "missing", expired: false, addresses: ["blade-2"] },
      { role: "manager", name: "am", keyState: "readable", expired: false, addresses: ["am"] },
      { role: "shim", name: "b", keyState: "ok", expired: false, addresses: ["b", "10.0.0.7"] },
    ]);
  });
});
