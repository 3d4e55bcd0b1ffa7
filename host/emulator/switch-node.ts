/** The load-balancing switch: its image, and the driver that traffic managers program it through. */
import type { NodeSetup } from "../replay/node.ts";
import type { Assignment } from "../model/assignment.ts";
import { ImageSwitch } from "../supervisor/image-switch.ts";
import type { SwitchDriver } from "../supervisor/switch-driver.ts";
import type { VirtualClock } from "./clock.ts";
import { FirmwareNode, type FirmwareNodeOptions } from "./firmware-node.ts";

export interface SwitchNodeOptions extends FirmwareNodeOptions {
  readonly clock: VirtualClock;
  readonly setup: Pick<NodeSetup, "identity" | "filters" | "forward">;
  /** The switch steers by another assignment from now on. */
  readonly onAssignment: (assignment: Assignment) => void;
}

export class SwitchNode {
  readonly node: FirmwareNode;
  readonly driver: SwitchDriver;

  constructor(options: SwitchNodeOptions) {
    const { name, clock, setup, onAssignment } = options;
    this.node = new FirmwareNode(options);
    const driver = new ImageSwitch({ name, role: "active", clock: clock.inMs(), channel: this.node.channel(), ...setup });
    // What comes into force is what was programmed under that generation, at the instant at which the image says so.
    const programmed = new Map<number, Assignment>();
    this.driver = {
      name: driver.name,
      role: driver.role,
      program: (assignment, onDone) => {
        programmed.set(assignment.generation, assignment);
        driver.program(assignment, onDone);
      },
    };
    this.node.onGeneration = (generation) => {
      const assignment = programmed.get(generation);
      if (!assignment) throw new Error(`the switch has generation ${generation}, which nobody gave it`);
      onAssignment(assignment);
    };
  }
}
