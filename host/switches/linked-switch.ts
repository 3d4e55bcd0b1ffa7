/** Drives a switch that runs our own image, over a link that may be down, or lead to another image than before. */
import type { Layout } from "../engine/layout.ts";
import type { ManagementChannel } from "../supervisor/environment.ts";
import { ImageSwitch, type ImageSwitchOptions } from "../supervisor/image-switch.ts";
import type { SwitchDriver, SwitchFound, SwitchState } from "../supervisor/switch-driver.ts";

export interface SwitchChannel extends ManagementChannel {
  /** Whether requests go through, and the layout is known. */
  readonly connected: boolean;
}

export class LinkedSwitch implements SwitchDriver {
  readonly name: string;
  readonly #options: Omit<ImageSwitchOptions, "channel">;
  readonly #channel: SwitchChannel;
  #driver: ImageSwitch | null = null;
  #layout: Layout | null = null;

  constructor(channel: SwitchChannel, options: Omit<ImageSwitchOptions, "channel">) {
    this.name = options.name;
    this.#channel = channel;
    this.#options = options;
  }

  program(state: SwitchState, onDone: (problem: string | null) => void): void {
    const driver = this.#connected();
    if (driver) driver.program(state, onDone);
    else onDone("There is no connection to its shim.");
  }

  check(onChecked: (found: SwitchFound | null) => void): void {
    const driver = this.#connected();
    if (driver) driver.check(onChecked);
    else onChecked(null);
  }

  /** Messages are encoded by the layout of the image that is there. */
  #connected(): ImageSwitch | null {
    if (!this.#channel.connected) return null;
    const { layout } = this.#channel;
    if (!this.#driver || this.#layout !== layout) this.#driver = new ImageSwitch({ ...this.#options, channel: this.#channel });
    this.#layout = layout;
    return this.#driver;
  }
}
