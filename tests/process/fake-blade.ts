/** A traffic manager that does all that it is told at once, as far as the appliance manager can see. */
import type { Assignment } from "../../host/model/assignment.ts";
import { APPLIANCE_MANAGER, type ManagerMessage, type Report, type Sessions } from "../../host/supervisor/messages.ts";
import { digest, succeed } from "../../host/supervisor/succession.ts";
import type { Credentials } from "../../host/transport/credentials.ts";
import type { LinkWord } from "../../host/transport/word.ts";
import { TestPeer } from "./peers.ts";

export class FakeBlade {
  readonly peer: TestPeer;
  assignment: Assignment | null = null;

  constructor(word: LinkWord, credentials: Credentials | null, blade: string) {
    this.peer = new TestPeer(word, credentials, blade, { receive: (_, message) => this.#receive(message) });
  }

  #receive(message: ManagerMessage): void {
    if (message.kind === "prepare") {
      const next = succeed(message.view, message.last, message.generation);
      this.#say({ kind: "prepared", generation: message.generation, digest: digest(next), seeded: 0 });
    } else if (message.kind === "install") {
      this.assignment = message.assignment;
      this.#say({ kind: "installed", generation: message.assignment.generation });
      this.#say(this.#sessions());
    }
  }

  #sessions(): Sessions {
    const generation = this.assignment?.generation ?? 0;
    return { kind: "sessions", generation, healthy: true, counts: [], drained: [], lingering: [], flowsCut: { since: 0, flows: 0 }, lacking: [], tables: 0, load: null, switches: null };
  }

  #say(report: Report): void {
    this.peer.client.send(APPLIANCE_MANAGER, report);
  }
}
