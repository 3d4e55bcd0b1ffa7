/** A scene's report for a terminal. */
import { timelineLine } from "../report-text.ts";
import type { Scene } from "./scene.ts";
import type { SceneReport } from "./scene-lab.ts";

const INDENT = "  ";

/** `timeline`: whether what happened is told too, and not by `timelineLine` when it did. */
export function sceneText(report: SceneReport, scene: Pick<Scene, "summary" | "labels">, { timeline }: { readonly timeline: boolean }): string {
  const { show, redirect, seed, wallMs, families, facts, redirects, generations } = report;
  const rows: (readonly [string, string])[] = [
    ...Object.entries(families).flatMap(([family, account]) => [
      [`over IPv${family}`, shown(account.exchanges)],
      ["  alive across their bucket's move", shown(account.moved)],
      ["  broken", `${shown(account.broken)}, of these moved ${shown(account.movedAndBroken)}`],
    ] as const),
    ...Object.entries(facts).map(([name, value]) => [scene.labels[name] ?? name, shown(value)] as const),
    ["frames redirected: hop, resteer, final", [redirects.hop, redirects.resteer, redirects.final].map(shown).join(", ")],
    ["generations", generations.length === 0 ? "none" : `${generations[0]} to ${generations.at(-1)}`],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  const happened = timeline ? [...report.timeline.map(timelineLine), ""] : [];
  return [
    `lab, ${show}: ${scene.summary}`,
    `${INDENT}${report.switch} switches${redirect ? "" : ", redirection off"}, ${Math.round(wallMs / 1_000)} seconds, seed ${seed}`,
    "",
    ...happened,
    ...rows.map(([label, value]) => `${INDENT}${label.padEnd(width)}  ${value}`),
  ].join("\n");
}

function shown(value: number): string {
  return value.toLocaleString("en-US");
}
