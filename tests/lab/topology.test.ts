import assert from "node:assert/strict";
import { test } from "node:test";
import { BLADE_NAMES, clientAddresses, FAMILIES, LAB_PREFIX } from "../../host/lab/addresses.ts";
import { buildSteps, namespacesOf, type Step, type Topology, wireStep } from "../../host/lab/topology.ts";

const topology: Topology = {
  families: [4],
  blades: BLADE_NAMES,
  switches: ["west", "east"],
  clients: clientAddresses(72),
  deafSwitches: ["west", "east"],
  router: null,
};
const steps = buildSteps(topology);
const namespaces = namespacesOf(topology);
const IFNAME_LENGTH_MAX = 15;

/** Every line of every batch, with the namespace that it is for. */
const lines = steps.flatMap(({ namespace, command, input = "" }) =>
  command[0] === "ip" ? input.trim().split("\n").map((line) => ({ namespace, line })) : []);
/** Both ends of each veth, as `namespace/name`. */
const veths = lines.flatMap(({ line }) => {
  const [, a, nsA, b, nsB] = /^link add (\S+)(?: address \S+)? netns (\S+) type veth peer name (\S+)(?: address \S+)? netns (\S+)$/.exec(line) ?? [];
  return a === undefined ? [] : [[`${nsA}/${a}`, `${nsB}/${b}`] as const];
});

const indexOf = (isIt: (step: Step) => boolean): number => {
  const index = steps.findIndex(isIt);
  assert.notEqual(index, -1);
  return index;
};

test("each blade has a namespace for its NIC and one for its host, and all names tell whose they are", () => {
  for (const blade of BLADE_NAMES) {
    assert.ok(namespaces.includes(`dobbs-lab-${blade}-nic`) && namespaces.includes(`dobbs-lab-${blade}-host`));
  }
  assert.ok(namespaces.every((name) => name.startsWith(LAB_PREFIX)));
  assert.equal(new Set(namespaces).size, namespaces.length);
});

test("both switches hear every wire: the uplink's hub and each blade's", () => {
  const far = new Map<string, string>(veths.flatMap(([a, b]) => [[a, b], [b, a]] as const));
  const master = new Map<string, string | undefined>(lines.flatMap(({ line }) => {
    const [, name, hub] = /^link set (\S+) master (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [[`${LAB_PREFIX}fabric/${name}`, hub]];
  }));
  const hubOf = (end: string): string | undefined => master.get(far.get(end)!);
  for (const name of ["west", "east"]) {
    assert.equal(hubOf(`dobbs-lab-${name}/up0`), hubOf("dobbs-lab-clients/eth0"));
    for (const [number, blade] of BLADE_NAMES.entries()) {
      assert.equal(hubOf(`dobbs-lab-${name}/p${number + 1}`), hubOf(`dobbs-lab-${blade}-nic/wire`));
    }
  }
  assert.equal(new Set(BLADE_NAMES.map((blade) => hubOf(`dobbs-lab-${blade}-nic/wire`))).size, BLADE_NAMES.length);
});

test("hubs learn nothing and hand nothing to iptables", () => {
  const hubs = lines.filter(({ line }) => line.includes("type bridge "));
  assert.equal(hubs.length, 1 + BLADE_NAMES.length);
  for (const { line } of hubs) assert.match(line, /ageing_time 0 .*nf_call_iptables 0/);
  const plugged = lines.filter(({ line }) => line.includes(" master ")).length;
  assert.equal(lines.filter(({ line }) => line.endsWith("learning off flood on")).length, plugged);
});

test("the offloads of every interface are off before it is up, and a host answers no ARP for the VIP before it has it", () => {
  for (const end of veths.flat()) {
    const [namespace, name] = end.split("/") as [string, string];
    assert.ok(name.length <= IFNAME_LENGTH_MAX, name);
    const off = indexOf((step) => step.namespace === namespace && (step.command[2] ?? "").includes(`ethtool -K ${name} tx off`));
    const up = indexOf((step) => step.namespace === namespace && (step.input ?? "").includes(`link set ${name} up\n`));
    assert.ok(off < up, end);
  }
  for (const blade of BLADE_NAMES) {
    const namespace = `dobbs-lab-${blade}-host`;
    const quiet = indexOf((step) => step.namespace === namespace && step.command.includes("net.ipv4.conf.all.arp_ignore=1"));
    const vip = indexOf((step) => step.namespace === namespace && (step.input ?? "").includes("addr add 10.77.0.1/32 dev lo"));
    assert.ok(quiet < vip);
  }
});

test("the stacks of the NICs' namespaces see no frame, nor do those of switches that a shim serves", () => {
  const deaf = (plan: Topology): (string | null)[] =>
    buildSteps(plan).filter(({ command }) => command[0] === "nft").map(({ namespace }) => namespace);
  const nics = BLADE_NAMES.map((blade) => `dobbs-lab-${blade}-nic`);
  assert.deepEqual(deaf(topology), [...nics, "dobbs-lab-west", "dobbs-lab-east"]);
  assert.deepEqual(deaf({ ...topology, deafSwitches: [] }), nics);
});

test("a blade's wire is the one that its NIC is plugged in by", () => {
  const { namespace, command } = wireStep(2, "down");
  const end = veths.find(([a]) => a === "dobbs-lab-irvington-nic/wire")![1];
  assert.equal(`${namespace}/${command[3]}`, end);
  assert.equal(command[4], "down");
});

test("client addresses are all different, and spread over the last byte, which low-bits takes for the bucket", () => {
  const clients = clientAddresses(72);
  assert.equal(new Set(clients).size, 72);
  assert.equal(new Set(clients.map((address) => address.split(".")[3])).size, 72);
});

const everything: Topology = {
  ...topology,
  families: FAMILIES,
  clients: FAMILIES.flatMap((family) => clientAddresses(4, family)),
  router: { mtu: 1_300, clients: FAMILIES.flatMap((family) => clientAddresses(4, family, "far")) },
};
const linesOf = (plan: Topology, namespace: string): string[] =>
  buildSteps(plan).filter((step) => step.namespace === namespace && step.command[1] === "-batch").flatMap(({ input = "" }) => input.trim().split("\n"));
const settingsOf = (plan: Topology, namespace: string): string[] =>
  buildSteps(plan).filter((step) => step.namespace === namespace && step.command[0] === "sysctl").flatMap(({ command }) => command.slice(3));

test("only stacks that are spoken to have IPv6, and their addresses are there at once", () => {
  const withIpv6 = namespacesOf(everything).filter((name) => settingsOf(everything, name).includes("net.ipv6.conf.all.disable_ipv6=0"));
  const hosts = BLADE_NAMES.map((blade) => `dobbs-lab-${blade}-host`);
  assert.deepEqual(withIpv6, ["dobbs-lab-clients", ...hosts, "dobbs-lab-router", "dobbs-lab-remote"]);
  for (const name of withIpv6) assert.ok(settingsOf(everything, name).includes("net.ipv6.conf.default.accept_dad=0"), name);
  for (const name of namespaces) assert.ok(settingsOf(topology, name).includes("net.ipv6.conf.all.disable_ipv6=1"), name);
});

test("hosts have the VIPs of both families, for themselves, and the router as their way out", () => {
  for (const [number, blade] of BLADE_NAMES.entries()) {
    const lines = linesOf(everything, `dobbs-lab-${blade}-host`);
    for (const line of [
      "addr add 10.77.0.1/32 dev lo",
      "addr add fd00:77::1/128 dev lo",
      `addr add 10.77.254.${number + 1}/16 dev eth0`,
      `addr add fd00:77::fe:${number + 1}/64 dev eth0`,
      "route add 0.0.0.0/0 via 10.77.255.1",
      "route add ::/0 via fd00:77::ff:1",
    ]) assert.ok(lines.includes(line), line);
    assert.ok(lines.indexOf("link set eth0 up") < lines.findIndex((line) => line.startsWith("route ")));
  }
});

test("behind the router are a smaller MTU, and clients who do not know of it", () => {
  const veth = buildSteps(everything).flatMap(({ input = "" }) => input.split("\n")).find((line) => line.startsWith("link add far"));
  assert.equal(veth, "link add far mtu 1300 netns dobbs-lab-router type veth peer name eth0 mtu 1300 netns dobbs-lab-remote");
  const lines = linesOf(everything, "dobbs-lab-remote");
  assert.ok(lines.includes("addr add 10.78.1.4/16 dev eth0") && lines.includes("addr add fd00:78::1:4/64 dev eth0"), lines.join("\n"));
  assert.ok(lines.includes("route add 0.0.0.0/0 via 10.78.0.1 advmss 1460") && lines.includes("route add ::/0 via fd00:78::1 advmss 1440"));
  for (const setting of ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]) assert.ok(settingsOf(everything, "dobbs-lab-router").includes(setting));
});

test("an IPv6 client is in the bucket of the IPv4 one of its number, with low-bits", () => {
  const [ipv4, ipv6] = FAMILIES.map((family) => clientAddresses(72, family)) as [string[], string[]];
  assert.deepEqual(ipv6.map((address) => parseInt(address.split(":").at(-1)!, 16)), ipv4.map((address) => Number(address.split(".")[3])));
  assert.equal(new Set(ipv6).size, 72);
});
