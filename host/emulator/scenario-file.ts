/** Reads a scenario file (YAML): syntax, then schema, then meaning; the first thing wrong is told with its line. */
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { YamlSource } from "../files/yaml-source.ts";
import { loadAppliance, parseAppliance } from "../model/appliance-file.ts";
import type { Appliance } from "../model/appliance.ts";
import { packagePath } from "../paths.ts";
import { parseDuration } from "../model/duration.ts";
import type { WireTiming } from "./fabric.ts";
import type { Range, Scenario, ScenarioEvent, TrafficGroup } from "./scenario.ts";
import {
  checkMeaning, type EventFile, familiesOf, type GroupFile, type ScenarioFile, type WireFile,
} from "./scenario-check.ts";
import { scenarioSchema } from "./scenario-schema.ts";

const CODE_PREFIX = "E_SCENARIO";
const READ_MEND = "Check the path; the scenarios that come with Dobbs are in scenarios/.";

/** In the order in which they are best watched. */
const SHIPPED = ["scale-up", "scale-down", "deadline", "vm", "stuck", "ipv6", "udp-scale"] as const;

/** Paths of the scenarios that come with the package. */
export function shippedScenarios(): string[] {
  const files = readdirSync(packagePath("scenarios")).filter((file) => file.endsWith(".yaml"));
  const place = (file: string): number => {
    const known = SHIPPED.findIndex((name) => file === `${name}.yaml`);
    return known < 0 ? SHIPPED.length : known;
  };
  files.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  return files.map((file) => packagePath("scenarios", file));
}

/** Throws E_SCENARIO_READ, the other E_SCENARIO_* and E_APPLIANCE_*, with file, line and field. */
export function loadScenario(path: string): Scenario {
  return scenarioOf(YamlSource.read(path, CODE_PREFIX, READ_MEND), dirname(path));
}

/** `name` stands for the file in errors; paths in it are relative to `folder`. Throws as `loadScenario`. */
export function parseScenario(text: string, name: string, folder = "."): Scenario {
  return scenarioOf(new YamlSource(text, name, CODE_PREFIX), folder);
}

function scenarioOf(source: YamlSource, folder: string): Scenario {
  const value = source.value();
  const wrong = scenarioSchema.check(value);
  if (wrong) throw source.error(wrong);
  const file = value as ScenarioFile;
  const appliance = applianceOf(file, source, folder);
  const problem = checkMeaning(file, appliance).next().value;
  if (problem) throw source.error(problem);
  const { name, title, seed, start, sites } = file;
  return {
    name,
    title,
    seed,
    appliance,
    start,
    sites,
    network: {
      uplink: wireTiming(file.network.uplink),
      fabric: wireTiming(file.network.fabric),
      host: wireTiming(file.network.host),
      management: wireTiming(file.network.management),
    },
    traffic: file.traffic.map((group) => trafficGroup(group, appliance)),
    events: file.events.map(scenarioEvent).sort((a, b) => a.atUs - b.atUs),
    endUs: parseDuration(file.end),
  };
}

function applianceOf({ appliance }: ScenarioFile, source: YamlSource, folder: string): Appliance {
  if (typeof appliance === "string") return loadAppliance(resolve(folder, appliance));
  return parseAppliance(source.textOf(["appliance"]), source.name);
}

function wireTiming({ latency, jitter, loss }: WireFile): WireTiming {
  return { latencyUs: parseDuration(latency), jitterUs: parseDuration(jitter), loss };
}

function trafficGroup(group: GroupFile, appliance: Appliance): TrafficGroup {
  const { name, kind, connections, rounds, keeps, bytes, datagram, migrate, migrates } = group;
  return {
    name,
    kind,
    connections,
    families: familiesOf(group, appliance),
    rounds,
    keeps,
    datagramBytes: datagram,
    migrateUs: migrate === undefined ? null : durations(migrate),
    migrates,
    bytes: typeof bytes === "number" ? [bytes, bytes] : bytes,
    startUs: durations(group.start),
    overUs: durations(group.over ?? "0s"),
    everyUs: parseDuration(group.every),
    silenceUs: durations(group.silence ?? "0s"),
  };
}

function durations(range: string | readonly [string, string]): Range {
  if (typeof range === "string") return [parseDuration(range), parseDuration(range)];
  return [parseDuration(range[0]), parseDuration(range[1])];
}

/** The file has passed `checkMeaning`: exactly one of the kinds is there, with what belongs to it. */
function scenarioEvent({ at, add, drain, undrain, stall, for: duration, deadline, weights, move, to, force }: EventFile): ScenarioEvent {
  const common = { atUs: parseDuration(at), ...(force && { force }) };
  if (add !== undefined) return { ...common, kind: "add", blade: add };
  if (undrain !== undefined) return { ...common, kind: "undrain", blade: undrain };
  if (stall !== undefined) return { ...common, kind: "stall", blade: stall, forUs: parseDuration(duration!) };
  if (weights !== undefined) return { ...common, kind: "weights", weights };
  if (move !== undefined) return { ...common, kind: "move", buckets: move, to: to! };
  return { ...common, kind: "drain", blade: drain!, deadlineUs: deadline === undefined ? null : parseDuration(deadline) };
}

/** A scenario by its name, if it comes with the package, or by its path. */
export function scenarioPath(nameOrPath: string): string {
  const shipped = shippedScenarios().find((path) => path === join(packagePath("scenarios"), `${nameOrPath}.yaml`));
  return shipped ?? nameOrPath;
}
