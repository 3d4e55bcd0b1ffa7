/** The appliance manager's hub as a test has it: in this process, with all that it is told written down. */
import { after } from "node:test";
import type { Charter } from "../../host/process/charter.ts";
import { LogJournal } from "../../host/process/log-journal.ts";
import { PeerClient, type PeerClientOptions } from "../../host/process/peer-client.ts";
import { PeerHub } from "../../host/process/peer-hub.ts";
import type { DobbsError } from "../../host/errors.ts";
import type { ManagerMessage, Report } from "../../host/supervisor/messages.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { CHARTER } from "./samples.ts";

export function charterFor(blade: string): Charter {
  return { ...CHARTER, blade: { ...CHARTER.blade, name: blade } };
}

export interface Line {
  readonly level: string;
  readonly event: string;
  readonly code?: string;
  readonly [member: string]: unknown;
}

export class TestHub {
  readonly reports: { blade: string; report: Report }[] = [];
  readonly lines: Line[] = [];
  /** By blade; a blade without one is not of this appliance. */
  readonly charters: Map<string, Charter>;
  readonly hub: PeerHub;
  /** As bound. */
  word!: LinkWord;

  static async start(word: LinkWord, credentials: Credentials | null, blades: readonly string[]): Promise<TestHub> {
    return new Promise((resolve, reject) => {
      const test = new TestHub(word, credentials, blades, () => resolve(test), reject);
    });
  }

  private constructor(word: LinkWord, credentials: Credentials | null, blades: readonly string[], onListening: () => void, onFail: (problem: DobbsError) => void) {
    this.charters = new Map(blades.map((blade) => [blade, charterFor(blade)]));
    this.hub = new PeerHub({
      words: [word],
      credentials,
      charterOf: (blade) => this.charters.get(blade) ?? null,
      receive: (blade, report) => this.reports.push({ blade, report }),
      journal: new LogJournal({ format: "json", write: (line) => this.lines.push(JSON.parse(line)) }),
      onListening: (bound) => {
        this.word = bound;
        onListening();
      },
      onFail,
    });
    after(() => this.hub.close());
  }

  codes(event: string): (string | undefined)[] {
    return this.lines.filter((line) => line.event === event).map(({ code }) => code);
  }
}

export class TestPeer {
  readonly charters: Charter[] = [];
  readonly received: { from: string; message: ManagerMessage }[] = [];
  readonly problems: DobbsError[] = [];
  left = 0;
  readonly client: PeerClient;

  constructor(word: LinkWord, credentials: Credentials | null, blade: string, more: Partial<PeerClientOptions> = {}) {
    this.client = new PeerClient({
      word,
      credentials,
      blade,
      release: "0.1.0",
      onCharter: (charter) => this.charters.push(charter),
      receive: (from, message) => this.received.push({ from, message }),
      onLeave: () => this.left++,
      onProblem: (problem) => this.problems.push(problem),
      ...more,
    });
    after(() => this.client.stop());
  }
}
