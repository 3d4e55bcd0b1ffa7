/** The load-balancing switch: its image, and the driver that traffic managers program it through. */
import type { Assignment } from "../model/assignment.ts";
import { ImageSwitch } from "../supervisor/image-switch.ts";
import type { NodeSetup } from "../supervisor/node-setup.ts";
import type { SwitchDriver } from "../supervisor/switch-driver.ts";
import type { VirtualClock } from "./clock.ts";
import { FirmwareNode, type FirmwareNodeOptions } from "./firmware-node.ts";

export interface SwitchNodeOptions extends FirmwareNodeOptions {
  readonly clock: VirtualClock;
  readonly setup: Pick<NodeSetup, "identity">;
  /** The switch steers by another assignment from now on. */
  readonly onAssignment: (assignment: Assignment) => void;
}

export class SwitchNode {
  readonly node: FirmwareNode;
  readonly driver: SwitchDriver;

  constructor(options: SwitchNodeOptions) {
    const { name, clock, setup, onAssignment } = options;
    this.node = new FirmwareNode(options);
    const { identity } = setup;
    const driver = new ImageSwitch({ name, clock: clock.inMs(), channel: this.node.channel(), identity });
    // What comes into force is what was programmed under that generation, at the instant at which the image says so.
    const programmed = new Map<number, Assignment>();
    this.driver = {
      name: driver.name,
      program: (state, onDone) => {
        programmed.set(state.assignment.generation, state.assignment);
        driver.program(state, onDone);
      },
      check: (onChecked) => driver.check(onChecked),
    };
    this.node.onGeneration = (generation) => {
      const assignment = programmed.get(generation);
      if (!assignment) throw new Error(`the switch has generation ${generation}, which nobody gave it`);
      onAssignment(assignment);
    };
  }
}
