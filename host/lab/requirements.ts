/** What a lab needs of the machine: root, a few programs, and what `npm run build` makes. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { DobbsError } from "../errors.ts";

export interface Requirements {
  /** With their Debian packages, by name of the program. */
  readonly programs: ReadonlyMap<string, string>;
  /** Files that the build makes. */
  readonly built: readonly string[];
}

const ALWAYS: readonly (readonly [program: string, debianPackage: string])[] = [
  ["ip", "iproute2"],
  ["ss", "iproute2"],
  ["sysctl", "procps"],
  ["nft", "nftables"],
  ["ethtool", "ethtool"],
  ["curl", "curl"],
  ["tcpdump", "tcpdump"],
];
const OVS_PROGRAMS = ["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"];
/** Where administrators' programs are, beside what PATH says. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

export function requiredPrograms(switchKind: string, hasServer: boolean): Map<string, string> {
  const programs = new Map(ALWAYS);
  if (!hasServer) programs.set("nginx", "nginx");
  if (switchKind === "ovs") for (const program of OVS_PROGRAMS) programs.set(program, "openvswitch-switch");
  return programs;
}

/** Throws E_LAB_ROOT, E_LAB_PACKAGES or E_LAB_BUILD. */
export function checkRequirements({ programs, built }: Requirements): void {
  checkRoot();
  const missing = [...programs].filter(([program]) => !isThere(program));
  if (missing.length > 0) {
    const names = missing.map(([program]) => program).join(", ");
    const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(" ");
    const mend = `Install what is missing: bash scripts/system-packages.sh, or: apt-get install ${packages}`;
    throw new DobbsError("E_LAB_PACKAGES", `the lab needs programs that are not there: ${names}`, mend);
  }
  const unbuilt = built.find((path) => !existsSync(path));
  if (unbuilt !== undefined) {
    throw new DobbsError("E_LAB_BUILD", `${unbuilt} is not built`, "Build it: npm run build");
  }
}

/** Throws E_LAB_ROOT. */
export function checkRoot(): void {
  if (process.platform === "linux" && process.getuid?.() === 0) return;
  throw new DobbsError(
    "E_LAB_ROOT",
    "a lab makes network namespaces, interfaces and packet sockets, which takes Linux and root",
    "Run it as root: sudo npm run dobbs -- lab. (dobbs demo needs no root: it shows the same on an emulated network.)",
  );
}

function isThere(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_FOLDERS];
  return folders.some((folder) => isExecutable(join(folder, program)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
