/** What the kernel of a blade's host has counted: of all its life, and it lives as long as the lab. */
import { hostNamespace } from "./addresses.ts";
import { runStep } from "./namespaces.ts";

/** A counter of `/proc/net/snmp`, `netstat` (both: a line of names and one of numbers a group) or `snmp6` (a line each). */
export interface CounterName {
  readonly file: "snmp" | "netstat" | "snmp6";
  /** `Icmp InDestUnreachs`, `TcpExt SyncookiesSent`, `Icmp6InPktTooBigs`. */
  readonly name: string;
}

/** The sum over these blades. Throws when there is no such counter. */
export function sumCounters(blades: readonly string[], counter: CounterName): number {
  return blades.reduce((sum, blade) => sum + readCounter(blade, counter), 0);
}

function readCounter(blade: string, counter: CounterName): number {
  return counterIn(runStep({ namespace: hostNamespace(blade), command: ["cat", `/proc/net/${counter.file}`] }), counter);
}

/** `text`: of the counter's file. Throws as above. */
export function counterIn(text: string, { file, name }: CounterName): number {
  const value = file === "snmp6" ? ofLines(text, name) : ofGroups(text, name);
  if (value === undefined || Number.isNaN(value)) throw new Error(`/proc/net/${file} has no ${name}`);
  return value;
}

function ofLines(text: string, name: string): number | undefined {
  const line = text.split("\n").find((one) => one.split(/\s+/)[0] === name);
  return line === undefined ? undefined : Number(line.split(/\s+/)[1]);
}

function ofGroups(text: string, name: string): number | undefined {
  const [group, member] = name.split(" ") as [string, string];
  const [names, numbers] = text.split("\n").filter((line) => line.startsWith(`${group}: `)).map((line) => line.split(" "));
  const place = names?.indexOf(member) ?? -1;
  return place < 0 ? undefined : Number(numbers?.[place]);
}
