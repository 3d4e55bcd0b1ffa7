/** Frames that blades sent on to each other, as their firmware counts them: asked over the management channel. */
import type { Clock } from "../management/channel.ts";
import { ManagementSession } from "../management/session.ts";
import { ShimChannel } from "../shim/shim-channel.ts";
import { parseLinkWord } from "../transport/word.ts";
import type { RedirectCount } from "./report.ts";

const ANSWER_MS_MAX = 5_000;
export const NO_REDIRECTS: RedirectCount = { hop: 0, resteer: 0, final: 0, local: 0 };

export function addRedirects(a: RedirectCount, b: RedirectCount): RedirectCount {
  return { hop: a.hop + b.hop, resteer: a.resteer + b.resteer, final: a.final + b.final, local: a.local + b.local };
}

/** `word`: a shim's link. What does not answer counts for nothing. */
export function readRedirects(word: string): Promise<RedirectCount> {
  return new Promise((resolve) => {
    const finish = (count: RedirectCount): void => {
      clearTimeout(timer);
      channel.close();
      resolve(count);
    };
    const timer = setTimeout(() => finish(NO_REDIRECTS), ANSWER_MS_MAX);
    const channel = new ShimChannel({
      word: parseLinkWord(word),
      credentials: null,
      onConnect: () => {
        const session = new ManagementSession(CLOCK, channel);
        session.counters("EVENT_COUNTER", "Event", (result) => finish(result.ok ? countOf(result.value) : NO_REDIRECTS));
      },
    });
  });
}

const CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

function countOf(events: ReadonlyMap<string, bigint>): RedirectCount {
  const of = (name: string): number => Number(events.get(name) ?? 0n);
  return {
    hop: of("REDIRECT_HOP"),
    resteer: of("REDIRECT_RESTEER"),
    final: of("REDIRECT_FINAL"),
    local: of("REDIRECT_LOCAL"),
  };
}
