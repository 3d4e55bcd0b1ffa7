/** A process of its own that runs the seeds that it is given: see `run-seeds.ts`. */
import type { Images } from "./images.ts";
import { Simulator } from "./simulator.ts";

/** To the worker: first the images, then seeds. From it: an outcome for each seed. */
export type ToWorker = { readonly images: Images } | { readonly seed: number };

let simulator: Simulator | null = null;

process.on("message", (message: ToWorker) => {
  if ("images" in message) simulator = new Simulator(message.images);
  else process.send!(simulator!.runSeed(message.seed));
});
