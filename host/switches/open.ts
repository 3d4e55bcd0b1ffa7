/** The driver of a switch that an appliance file names. */
import { DobbsError } from "../errors.ts";
import type { SwitchSpec } from "../model/appliance.ts";
import type { Clock } from "../supervisor/environment.ts";
import type { ImageSwitchOptions } from "../supervisor/image-switch.ts";
import type { SwitchDriver } from "../supervisor/switch-driver.ts";
import { LinkedSwitch, type SwitchChannel } from "./linked-switch.ts";
import { NftSwitch } from "./nft.ts";
import { OvsSwitch } from "./ovs.ts";

export interface SwitchSurroundings {
  readonly clock: Clock;
  readonly identity: ImageSwitchOptions["identity"];
  /** To the shim behind a word: `unix:/path`, `tls:host:port`. */
  readonly channelTo: (word: string) => SwitchChannel;
}

/** Throws E_SWITCH_HASH when the switch cannot compute the appliance's hash. */
export function openSwitchDriver(spec: SwitchSpec, { clock, identity, channelTo }: SwitchSurroundings): SwitchDriver {
  if (spec.kind === "dobbs") return new LinkedSwitch(channelTo(spec.link), { name: spec.name, clock, identity });
  if (identity.hash !== "low-bits") {
    const mend = "Write `hash: low-bits` in the appliance file, or use a switch of kind dobbs.";
    throw new DobbsError("E_SWITCH_HASH", `the switch ${spec.name} cannot compute the hash "${identity.hash}"`, mend);
  }
  return spec.kind === "nft" ? new NftSwitch(spec, identity) : new OvsSwitch(spec, identity);
}
