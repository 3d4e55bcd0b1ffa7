/** A management channel to a node, in memory: it takes its time, breaks with the shim, and is made anew. */
import type { Layout } from "../engine/layout.ts";
import type { VirtualClock } from "../emulator/clock.ts";
import type { ManagementChannel } from "../supervisor/environment.ts";
import type { ImageNode } from "./image-node.ts";
import type { Process } from "./process.ts";

/** Of one message, one way. */
const MESSAGE_US = 300;
/** Until a broken connection is made anew. */
const CONNECT_US = 20_000;

export interface NodeChannel extends ManagementChannel {
  /** Ends it: the process that had it is gone. */
  close(): void;
}

/** `onConnected`: the shim was started anew, and is there. */
export function channelTo(node: ImageNode, clock: VirtualClock, process: Process, onConnected: () => void): NodeChannel {
  let layout: Layout = node.firmware.layout;
  let life = node.isOn ? node.life : -1;
  const up = node.onUp(() =>
    clock.after(CONNECT_US, () => {
      if (!process.isOn || !node.isOn || life === node.life) return;
      life = node.life;
      layout = node.firmware.layout;
      process.run(onConnected);
    }),
  );
  return {
    get layout() {
      return layout;
    },
    request: (message, onAnswer) => {
      const bytes = message.slice();
      const sentIn = life;
      clock.after(MESSAGE_US, () => {
        const answer = node.life === sentIn ? node.manage(bytes) : null;
        if (answer) clock.after(MESSAGE_US, () => process.hear(() => onAnswer(answer)));
      });
    },
    close: () => up.off(),
  };
}
