/** All scenes, by name. */
import { flood } from "./flood.ts";
import { fragments } from "./fragments.ts";
import { ipv6 } from "./ipv6.ts";
import { pmtu } from "./pmtu.ts";
import { quic } from "./quic.ts";
import type { Scene } from "./scene.ts";
import { udp } from "./udp.ts";

export const SCENES: readonly Scene[] = [ipv6, udp, quic, pmtu, fragments, flood];

/** Throws RangeError. */
export function sceneOf(name: string): Scene {
  const scene = SCENES.find((one) => one.name === name);
  if (scene === undefined) throw new RangeError(`there is no scene "${name}"`);
  return scene;
}
